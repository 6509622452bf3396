// [providers.NAME] with type = "rexray".
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/daemon/config_support.h"

namespace extvold::daemon::tests {
namespace {

const std::string kRest = R"(
[providers.row8]
type = "rexray"
url = "https://10.0.0.1:7979"
service = "ebs"
driver = "ebs"
token_file = "/etc/extvold/token"
ca = "/etc/ca.pem"
instance_fields = { region = "us-east-1" }
device_names = ["/dev/xvdf"]
pools = [{ name = "fast", volume_type = "io1", iops = 4000, capacity = "2GB", send_iops = true }]
hosts = { db1 = "i-1", db2 = "i-2" }
hosts_by_name = false
detach_enforced = true
settle_time = "2m"
size_step_gb = 8
reach = "all"
)";

const std::string kCli = R"(
[providers.here]
type = "rexray"
mode = "cli"
cli_host = "m1.example"
environment_file = "/etc/rexray.env"
dialect = 3
service = "vfs"
pools = [{ name = "disks" }]
)";

providers::rexray::RexrayConfig rexray_of(const std::string& text) {
  const ConfigResult result = parse(base_with(text));
  INFO(Catch::StringMaker<std::vector<std::string>>::convert(texts(result.errors)));
  REQUIRE(result.config.has_value());
  for (const ProviderConfig& one : result.config->providers) {
    if (const auto* found = std::get_if<providers::rexray::RexrayConfig>(&one)) return *found;
  }
  FAIL("no rexray");
  return {};
}

std::string without(const std::string& text, const std::string& line) {
  const std::size_t begin = text.find(line);
  REQUIRE(begin != std::string::npos);
  return text.substr(0, begin) + text.substr(text.find('\n', begin) + 1);
}

}  // namespace

TEST_CASE("config: a rexray provider at a server", "[daemon][config]") {
  const providers::rexray::RexrayConfig config = rexray_of(kRest);
  CHECK(config.name.value == "rexray~row8");
  CHECK(config.mode == providers::rexray::Mode::rest);
  CHECK(config.url == "https://10.0.0.1:7979");
  CHECK(config.service == "ebs");
  CHECK(config.token_place == "/etc/extvold/token");
  CHECK(config.tls.ca_file == "/etc/ca.pem");
  CHECK(config.tls.verify);
  CHECK(config.instance_fields.at("region") == "us-east-1");
  CHECK(config.device_names == std::vector<std::string>{"/dev/xvdf"});
  REQUIRE(config.pools.size() == 1);
  CHECK(config.pools.front().volume_type == "io1");
  CHECK(config.pools.front().capacity_mb == 2048);
  CHECK(config.pools.front().send_iops);
  CHECK(config.host_identities == std::vector<HostIdentity>{{"db1", "i-1"}, {"db2", "i-2"}});
  CHECK_FALSE(config.hosts_by_name);
  CHECK(config.detach_enforced);
  CHECK(config.settle_time == minutes(2));
  CHECK(config.size_step_gb == 8);
  CHECK(config.reach_all);
}

TEST_CASE("config: a rexray provider by its program", "[daemon][config]") {
  const providers::rexray::RexrayConfig config = rexray_of(kCli);
  CHECK(config.mode == providers::rexray::Mode::cli);
  CHECK(config.program == "/usr/bin/rexray");
  CHECK(config.cli_host == "m1.example");
  CHECK(config.dialect == 3);
  CHECK(config.environment_file == "/etc/rexray.env");
  CHECK(config.lock_folder.starts_with('/'));
  CHECK_FALSE(config.detach_enforced);
}

TEST_CASE("config: what is wrong with a rexray provider is said", "[daemon][config]") {
  const auto check = [](const std::string& text, const std::string& says) {
    const std::string error = error_of(base_with(text));
    INFO(error);
    CHECK(error.find(says) != std::string::npos);
  };
  check(without(kRest, "url"), "providers.row8.url: is missing");
  check(without(kRest, "pools"), "providers.row8.pools: is missing");
  check(without(kRest, "token_file") + "token_file = \"abc\"\n", "what it says is not repeated here");
  check(without(kRest, "driver") + "driver = \"rbd\"\n", "type = \"rbd\"");
  check(kRest + "environment_file = \"/etc/rexray.env\"\n", "environment_file");
  check(kRest + "cli_host = \"x\"\n", "cli_host");
  check(kCli + "url = \"http://x\"\n", "url");
  check(kRest + "mode = \"telnet\"\n", "mode");
  check(without(kRest, "hosts =") + "hosts = { db1 = \"i 1\" }\n", "db1");
  check(without(kRest, "url") + "url = \"http://10.0.0.1\"\n", "https only");
  check(without(kRest, "reach") + "reach = \"some\"\n", "reach");
}

TEST_CASE("config: a rexray provider of the ebs driver wants the names of devices", "[daemon][config]") {
  const auto warned = [](const std::string& text) {
    const std::vector<std::string> warnings = texts(parse(base_with(text)).warnings);
    return std::any_of(warnings.begin(), warnings.end(), [](const std::string& one) {
      return one.find("providers.row8.device_names: is missing") != std::string::npos;
    });
  };
  CHECK_FALSE(warned(kRest));
  const std::string nameless = without(kRest, "device_names");
  CHECK(warned(nameless));
  CHECK(warned(without(nameless, "driver") + "driver = \"ec2\"\n"));
  CHECK_FALSE(warned(without(nameless, "driver") + "driver = \"scaleio\"\n"));
}

}  // namespace extvold::daemon::tests
