// check_rexray_config(): what would be misunderstood is refused before anything is asked.
#include <catch2/catch.hpp>
#include <functional>

#include "providers/rexray/rexray_config.h"

using extvold::ProviderName;
namespace rexray = extvold::providers::rexray;
using rexray::RexrayConfig;

namespace {

RexrayConfig rest() {
  RexrayConfig config;
  config.name = ProviderName("rexray~row8");
  config.url = "http://10.0.0.1:7979";
  config.service = "vfs";
  config.driver = "vfs";
  config.pools.resize(1);
  config.pools.front().name = "disks";
  return config;
}

RexrayConfig cli() {
  RexrayConfig config = rest();
  config.mode = rexray::Mode::cli;
  config.program = "/usr/bin/rexray";
  config.lock_folder = "/var/lib/extvold";
  return config;
}

void check_refused(RexrayConfig config, const std::function<void(RexrayConfig&)>& change,
                   const std::string& says) {
  REQUIRE(rexray::check_rexray_config(config));
  change(config);
  const extvold::Status checked = rexray::check_rexray_config(config);
  REQUIRE_FALSE(checked);
  INFO(checked.error().message);
  CHECK(checked.error().message.find(says) != std::string::npos);
  CHECK(checked.error().message.find("rexray~row8") != std::string::npos);
}

}  // namespace

TEST_CASE("rexray config: what is wrong with it is said") {
  check_refused(
      rest(), [](RexrayConfig& c) { c.url = "10.0.0.1:7979"; }, "url");
  check_refused(
      rest(), [](RexrayConfig& c) { c.url = "http://me:secret@10.0.0.1"; }, "url");
  check_refused(
      rest(), [](RexrayConfig& c) { c.url = "http://10.0.0.1/"; }, "url");
  check_refused(
      rest(), [](RexrayConfig& c) { c.token_place = "/run/token"; }, "https");
  check_refused(
      rest(), [](RexrayConfig& c) { c.service = ""; }, "service");
  check_refused(
      rest(), [](RexrayConfig& c) { c.driver = "vfs=a1"; }, "driver");
  check_refused(
      rest(), [](RexrayConfig& c) { c.driver = "rbd"; }, "type = \"rbd\"");
  check_refused(
      rest(), [](RexrayConfig& c) { c.look_identity = "a,b"; }, "look_identity");
  check_refused(
      rest(), [](RexrayConfig& c) { c.instance_fields["region"] = "x&y"; }, "instance_fields");
  check_refused(
      rest(), [](RexrayConfig& c) { c.pools.clear(); }, "no pools");
  check_refused(
      rest(), [](RexrayConfig& c) { c.pools.front().name = "a~b"; }, "no name of a pool");
  check_refused(
      rest(), [](RexrayConfig& c) { c.pools.front().iops = -1; }, "out of range");
  check_refused(
      rest(), [](RexrayConfig& c) { c.pools.push_back(c.pools.front()); }, "twice");
  check_refused(
      rest(),
      [](RexrayConfig& c) {
        c.pools.push_back(c.pools.front());
        c.pools.back().name = "other";
      },
      "whose a volume is");
  check_refused(
      rest(), [](RexrayConfig& c) { c.size_step_gb = 0; }, "size_step_gb");
  check_refused(
      rest(),
      [](RexrayConfig& c) {
        c.host_identities = {{"a1", "i 1"}};
      },
      "a1");
  check_refused(
      rest(),
      [](RexrayConfig& c) {
        c.host_identities = {{"a1", "i"}, {"a2", "i"}};
      },
      "twice");
  check_refused(
      cli(), [](RexrayConfig& c) { c.program = "rexray"; }, "program");
  check_refused(
      cli(), [](RexrayConfig& c) { c.lock_folder = ""; }, "lock_folder");
  check_refused(
      cli(), [](RexrayConfig& c) { c.config_file = "r.yml"; }, "config_file");
  check_refused(
      cli(), [](RexrayConfig& c) { c.dialect = 5; }, "dialect");
  check_refused(
      cli(), [](RexrayConfig& c) { c.environment_file = "env"; }, "environment_file");
  check_refused(
      cli(),
      [](RexrayConfig& c) {
        c.dialect = 1;
        c.config_file = "/etc/rexray/config.yml";
      },
      "environment_file");
}
