// [providers.NAME] with type = "rbd": what is read, its defaults, and each way to write it wrong.
#include <catch2/catch.hpp>

#include "tests/daemon/config_support.h"

namespace {

namespace dm = extvold::daemon;
using namespace extvold;
using dm::tests::base_with;
using dm::tests::error_of;
using dm::tests::parse;
using dm::tests::texts;
using providers::rbd::RbdConfig;

constexpr std::string_view kSmall = R"([providers.ceph1]
type = "rbd"
keyring = "/etc/ceph/ceph.client.extvold.keyring"
pools = [{ name = "volumes", iops = 5000 }]
)";

std::string with(std::string_view more) { return base_with(std::string(kSmall) + std::string(more)); }

RbdConfig rbd_of(const std::string& text) {
  const dm::ConfigResult result = parse(text);
  INFO(Catch::StringMaker<std::vector<std::string>>::convert(texts(result.errors)));
  REQUIRE(result.config.has_value());
  for (const dm::ProviderConfig& one : result.config->providers) {
    if (const auto* rbd = std::get_if<RbdConfig>(&one)) return *rbd;
  }
  FAIL("no rbd provider");
  return {};
}

}  // namespace

TEST_CASE("config: an rbd provider, with every default") {
  const RbdConfig rbd = rbd_of(with(""));
  CHECK(rbd.name.value == "rbd~ceph1");
  CHECK(rbd.rbd_program == "/usr/bin/rbd");
  CHECK(rbd.ceph_program == "/usr/bin/ceph");
  CHECK(rbd.rados_program == "/usr/bin/rados");
  CHECK(rbd.conf_file == "/etc/ceph/ceph.conf");
  CHECK(rbd.user == "extvold");
  CHECK(rbd.pools == std::vector<providers::rbd::RbdPool>{{"volumes", 5000}});
  CHECK_FALSE(rbd.reach_all);
  CHECK(rbd.host_identities.empty());
  CHECK(rbd.storage_timeout == seconds(10));
  CHECK(rbd.remove_deadline == minutes(60));
  CHECK(rbd.blocklist_for == seconds(5LL * 365 * 24 * 3600));
}

TEST_CASE("config: an rbd provider, with every key") {
  const RbdConfig rbd = rbd_of(with(R"(rbd_program = "/opt/ceph/rbd"
ceph_program = "/opt/ceph/ceph"
rados_program = "/opt/ceph/rados"
conf_file = "/etc/ceph/other.conf"
user = "mesos"
reach = "all"
storage_timeout = "5s"
observe_deadline = "2m"
remove_deadline = "3h"
blocklist_for = "400d"
looks_max = 8
calls_max = 2
hosts = { "a1.example" = "10.0.0.7", a2 = "10.0.7.0/24" }
fence = { after = "10m" }
)"));
  CHECK(rbd.rbd_program == "/opt/ceph/rbd");
  CHECK(rbd.ceph_program == "/opt/ceph/ceph");
  CHECK(rbd.rados_program == "/opt/ceph/rados");
  CHECK(rbd.conf_file == "/etc/ceph/other.conf");
  CHECK(rbd.user == "mesos");
  CHECK(rbd.reach_all);
  CHECK(rbd.storage_timeout == seconds(5));
  CHECK(rbd.observe_deadline == minutes(2));
  CHECK(rbd.remove_deadline == minutes(180));
  CHECK(rbd.blocklist_for == seconds(400LL * 24 * 3600));
  CHECK(rbd.looks_max == 8);
  CHECK(rbd.calls_max == 2);
  CHECK(rbd.host_identities == std::vector<HostIdentity>{{"a1.example", "10.0.0.7"}, {"a2", "10.0.7.0/24"}});
}

TEST_CASE("config: what is wrong with an rbd provider is said with its place") {
  const auto refused = [](const std::string& text, std::string_view what) {
    CHECK_THAT(error_of(text), Catch::Contains(std::string(what)));
  };
  refused(base_with("[providers.c]\ntype = \"rbd\"\npools = [{ name = \"v\" }]\n"), "providers.c.keyring");
  refused(base_with("[providers.c]\ntype = \"rbd\"\nkeyring = \"/k\"\n"), "providers.c.pools: names no pool");
  refused(base_with("[providers.c]\ntype = \"rbd\"\nkeyring = \"/k\"\npools = [{ iops = 1 }]\n"),
          "is missing");
  refused(with("reach = \"some\"\n"), "providers.ceph1.reach");
  refused(with("blocklist_for = \"1h\"\n"), "blocklist_for");
  refused(with("key = \"AQ\"\n"), "providers.ceph1.key");
  refused(with("hosts = { a1 = \"a1\" }\n"), "host a1: \"a1\" is no address");
  refused(with("hosts = { a1 = \"10.0.7.9\", a2 = \"10.0.7.0/24\" }\n"),
          "the hosts a1 and a2 share addresses");
  refused(with("hosts = { a1 = \"10.0.0.0/8\" }\n"), "wider than one host");
}
