// [providers.NAME] with type = "csi": what is read, and each way to write it wrong.
#include <catch2/catch.hpp>

#include "daemon/config_csi.h"
#include "tests/daemon/config_support.h"

namespace {

namespace dm = extvold::daemon;
using dm::tests::base_with;
using dm::tests::error_of;
using dm::tests::parse;
using dm::tests::texts;
using extvold::providers::csi::CsiConfig;

constexpr std::string_view kCsi = R"([providers.san]
type = "csi"
endpoint = "unix:/run/csi.sock"
driver = "hostpath.csi.k8s.io"
pools = [{ name = "fast", parameters = { kind = "fast" }, topology = { zone = "z1" }, iops = 10, capacity = "1GB" }]
create_secrets_file = "/etc/create.json"
publish_secrets_file = "/etc/publish.json"
hosts = { db1 = "n1", db2 = "n2" }
hosts_by_name = true
hosts_attribute = "csi_node"
resize = true
resize_attached = true
reach = "all"
addons_endpoint = "unix:/run/addons.sock"
fence_secrets_file = "/etc/fence.json"
fence_parameters = { clusterID = "c" }
fence_addresses = { n1 = ["10.0.0.1/32", "fd00::1"], n2 = "10.0.0.2" }
settle_time = "30s"
observe_deadline = "40s"
calls_max = 7
[providers.san.fence]
after = "10m"
)";

constexpr std::string_view kSmall = R"([providers.san]
type = "csi"
endpoint = "unix:/run/csi.sock"
pools = [{ name = "fast" }]
)";

std::string small_with(std::string_view line) {
  return base_with(std::string(kSmall) + std::string(line) + "\n");
}

// The last of the providers; the first is the base's.
CsiConfig csi_of(const dm::ConfigResult& result) {
  REQUIRE(result.config);
  REQUIRE(result.config->providers.size() == 2);
  const auto* csi = std::get_if<CsiConfig>(&result.config->providers.back());
  REQUIRE(csi != nullptr);
  return *csi;
}

}  // namespace

TEST_CASE("config: csi, with every key and with the defaults") {
  const dm::ConfigResult all = parse(base_with(kCsi));
  CHECK(texts(all.errors).empty());
  REQUIRE(all.config);
  const CsiConfig csi = csi_of(all);
  CHECK(csi.name.value == "csi~san");
  CHECK(csi.endpoint == "unix:/run/csi.sock");
  CHECK(csi.driver == "hostpath.csi.k8s.io");
  REQUIRE(csi.pools.size() == 1);
  CHECK(csi.pools.front() ==
        extvold::providers::csi::CsiPool{"fast", {{"kind", "fast"}}, {{"zone", "z1"}}, 10, 1024});
  CHECK((csi.create && csi.attach && csi.list_attachments && csi.reach_all && csi.hosts_by_name));
  CHECK((csi.resize && csi.resize_attached));
  CHECK(csi.hosts_attribute == "csi_node");
  CHECK(csi.create_secrets_file == "/etc/create.json");
  CHECK(csi.publish_secrets_file == "/etc/publish.json");
  CHECK(csi.host_identities == std::vector<extvold::HostIdentity>{{"db1", "n1"}, {"db2", "n2"}});
  CHECK(csi.addons_endpoint == "unix:/run/addons.sock");
  CHECK(csi.fence_secrets_file == "/etc/fence.json");
  CHECK(csi.fence_parameters.at("clusterID") == "c");
  CHECK(csi.fence_addresses.at("n1") == std::vector<std::string>{"10.0.0.1/32", "fd00::1"});
  CHECK(csi.fence_addresses.at("n2") == std::vector<std::string>{"10.0.0.2"});
  CHECK(csi.settle_time == extvold::seconds(30));
  CHECK(csi.observe_deadline == extvold::seconds(40));
  CHECK(csi.calls_max == 7);

  const dm::ConfigResult small = parse(small_with("[drivers.x]\nprovider = \"csi~san\""));
  CHECK(texts(small.errors).empty());
  REQUIRE(small.config);
  const CsiConfig defaults = csi_of(small);
  CHECK((defaults.create && defaults.attach && defaults.list_attachments));
  CHECK_FALSE((defaults.hosts_by_name || defaults.reach_all || defaults.resize || defaults.resize_attached));
  CHECK(defaults.hosts_attribute.empty());
  CHECK(dm::needs_restart(*small.config, *all.config) == std::vector<std::string>{"providers", "drivers"});
  CHECK_FALSE(csi_of(parse(small_with("attach = false"))).list_attachments);
}

TEST_CASE("config: csi, each way to write it wrong") {
  const auto says = [](const std::string& text, std::string_view part) {
    const std::string error = error_of(text);
    INFO(error);
    CHECK(error.find(part) != std::string::npos);
  };
  says(base_with("[providers.san]\ntype = \"csi\"\npools = [{ name = \"a\" }]\n"),
       "providers.san.endpoint: is missing");
  says(base_with("[providers.san]\ntype = \"csi\"\nendpoint = \"unix:/a\"\n"), "has no pools");
  says(base_with("[providers.san]\ntype = \"csi\"\nendpoint = \"/a\"\npools = [{ name = \"a\" }]\n"),
       "unix:/path");
  says(small_with("reach = \"some\""), "providers.san.reach: \"some\" is not known here");
  says(small_with("endpoints = \"x\""), "providers.san.endpoints");
  says(small_with("fence_parameters = { a = \"b\" }"), "no addons_endpoint");
  says(small_with("calls_max = 0"), "providers.san.calls_max");
  says(small_with("attach = false\nlist_attachments = true"), "without attach");
}
