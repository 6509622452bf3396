// Fences by csi-addons, and the addresses that they name.
#include <catch2/catch.hpp>

#include "providers/csi/addresses.h"
#include "tests/providers/csi_world.h"

using namespace extvold;
using namespace extvold::tests;
using providers::csi::address_range_from_text;
using providers::csi::AddressRange;
using providers::csi::covers;

namespace {

struct FenceWorld : CsiWorld {
  explicit FenceWorld(CsiDoubleOptions options = {}) : CsiWorld(std::move(options)) {
    config.addons_endpoint = driver.endpoint();
    config.fence_addresses = {{"node-a1", {"10.0.0.1", "fd00::1"}}, {"node-a2", {"10.0.0.2/32"}}};
    restart();
  }
};

bool is_covered(const char* outer, const char* inner) {
  const auto a = address_range_from_text(outer);
  const auto b = address_range_from_text(inner);
  REQUIRE(a);
  REQUIRE(b);
  return covers(*a, *b);
}

}  // namespace

TEST_CASE("csi: addresses are compared as numbers", "[csi]") {
  CHECK(to_text(*address_range_from_text("10.0.0.1")) == "10.0.0.1/32");
  CHECK(to_text(*address_range_from_text("10.0.0.77/24")) == "10.0.0.0/24");
  CHECK(to_text(*address_range_from_text("FD00:0::1")) == "fd00::1/128");
  CHECK(is_covered("10.0.0.0/24", "10.0.0.77"));
  CHECK(is_covered("0.0.0.0/0", "10.0.0.77"));
  CHECK(is_covered("fd00::/15", "fd01::1"));
  CHECK_FALSE(is_covered("10.0.0.77", "10.0.0.0/24"));
  CHECK_FALSE(is_covered("10.0.0.1", "10.0.0.10"));
  CHECK_FALSE(is_covered("::/0", "10.0.0.1"));
  for (const char* bad : {"", "10.0.0", "10.0.0.1/33", "10.0.0.1/", "10.0.0.1/-1", "10.0.0.1/2x",
                          "fd00::1/129", "10.0.0.1:0/1", "host", "10.0.0.1 ", "/8"})
    CHECK_FALSE(address_range_from_text(bad));
}

TEST_CASE("csi: a host is barred, seen barred, and let in again", "[csi]") {
  FenceWorld world;
  const Capabilities can = world.provider->info().capabilities;
  CHECK((can.fence_host && can.fence_verifiable && can.fence_bars_late_calls));
  CHECK_FALSE((can.fence_volume || can.fence_cooperative));
  CHECK(world.fence(FenceAct::check, "node-a1").held == TriState::no);
  for (int i = 0; i < 2; ++i) CHECK(world.fence(FenceAct::set, "node-a1").state == FenceCallState::done);
  CHECK(world.driver.barred() == std::vector<std::string>{"10.0.0.1/32", "fd00::1/128"});
  const FenceResult held = world.fence(FenceAct::check, "node-a1");
  CHECK(held.held == TriState::yes);
  CHECK(held.seen.find("2 of 2") != std::string::npos);
  CHECK(world.fence(FenceAct::check, "node-a2").held == TriState::no);
  for (int i = 0; i < 2; ++i) CHECK(world.fence(FenceAct::lift, "node-a1").state == FenceCallState::done);
  CHECK(world.driver.barred().empty());
}

TEST_CASE("csi: a fence names the addresses of the day of the attach, whatever the configuration says since",
          "[csi]") {
  FenceWorld world;
  const Volume volume = world.created("xv-one");
  const OperationResult attached = world.execute(world.call(OperationKind::attach, volume, "a1"));
  REQUIRE(attached.state == OperationState::done);
  CHECK(attached.fence_addresses == "10.0.0.1/32 fd00::1/128");
  REQUIRE(world.observe("xv-one").volumes.at(0).attachments.size() == 1);
  CHECK(world.observe("xv-one").volumes[0].attachments[0].fence_addresses == attached.fence_addresses);

  world.config.fence_addresses["node-a1"] = {"10.0.0.17"};
  world.restart();
  CHECK(world.fence(FenceAct::set, "node-a1", attached.fence_addresses).state == FenceCallState::done);
  CHECK(world.driver.barred() == std::vector<std::string>{"10.0.0.1/32", "fd00::1/128"});
  CHECK(world.fence(FenceAct::check, "node-a1", attached.fence_addresses).held == TriState::yes);
  CHECK(world.fence(FenceAct::check, "node-a1").held == TriState::no);  // the new one is not barred
  CHECK(world.fence(FenceAct::lift, "node-a1", attached.fence_addresses).state == FenceCallState::done);
  CHECK(world.driver.barred().empty());
}

TEST_CASE("csi: somebody else's entry bars as well, and stays", "[csi]") {
  FenceWorld world;
  world.driver.bar("10.0.0.0/24");
  CHECK(world.fence(FenceAct::check, "node-a2").held == TriState::yes);
  CHECK(world.fence(FenceAct::check, "node-a1").held == TriState::no);  // not by its other address
  CHECK(world.fence(FenceAct::lift, "node-a2").state == FenceCallState::done);
  CHECK(world.driver.barred() == std::vector<std::string>{"10.0.0.0/24"});
}

TEST_CASE("csi: a range that is barred address by address is barred, and let in whole", "[csi]") {
  CsiDoubleOptions options;
  options.one_entry_per_address = true;
  FenceWorld world(options);
  world.config.fence_addresses["node-a2"] = {"10.0.0.4/30"};
  world.restart();
  CHECK(world.fence(FenceAct::set, "node-a2").state == FenceCallState::done);
  CHECK(world.driver.barred().size() == 4);
  CHECK(world.fence(FenceAct::check, "node-a2").held == TriState::yes);
  CHECK(world.fence(FenceAct::lift, "node-a2").state == FenceCallState::done);
  CHECK(world.driver.barred().empty());
  // What is left of it is neither a fence nor one that was taken back.
  world.driver.bar("10.0.0.5/32");
  CHECK(world.fence(FenceAct::check, "node-a2").held == TriState::no);
  CHECK(world.check_lifting("node-a2").held == TriState::yes);
}

TEST_CASE("csi: what a fence names is one host", "[csi]") {
  FenceWorld world;
  const auto refuses = [&](std::vector<std::string> addresses, const std::string& part) {
    providers::csi::CsiConfig config = world.config;
    config.fence_addresses["node-a2"] = std::move(addresses);
    const Status status = check_csi_config(config);
    REQUIRE_FALSE(status);
    INFO(status.error().message);
    return status.error().message.find(part) != std::string::npos;
  };
  CHECK(refuses({"10.0.0.7/24"}, "names the network 10.0.0.0/24: write 10.0.0.7"));
  CHECK(refuses({"10.0.0.0/8"}, "more than one host can have"));
  CHECK(refuses({"fd00::/32"}, "more than one host can have"));
  CHECK(refuses({"10.0.0.0/24"}, "of \"node-a1\", too"));
  CHECK(refuses({"10.0.0.1"}, "of \"node-a1\", too"));
  CHECK(refuses({}, "has none"));
  CHECK(refuses({"db1"}, "is no address"));
}

TEST_CASE("csi: a fence that outlives the configuration of csi-addons is told, and nothing breaks", "[csi]") {
  FenceWorld world;
  const std::string addresses = fence_addresses_of(world.config, "node-a1");
  world.config.addons_endpoint.clear();
  world.config.fence_addresses.clear();
  world.restart();
  for (const FenceAct act : {FenceAct::set, FenceAct::check, FenceAct::lift}) {
    const FenceResult result = world.fence(act, "node-a1", addresses);
    CHECK(result.state == FenceCallState::failed);
    CHECK(result.error.message.find("without addons_endpoint") != std::string::npos);
  }
}

TEST_CASE("csi: a driver that does not list its fences takes one back all the same", "[csi]") {
  FenceWorld world;
  CHECK(world.fence(FenceAct::set, "node-a1").state == FenceCallState::done);
  world.driver.refuse("ListClusterFence", 12, "unknown method");
  CHECK(world.fence(FenceAct::lift, "node-a1").state == FenceCallState::done);
  CHECK(world.driver.barred().empty());
}

TEST_CASE("csi: a list of fences with what cannot be read proves nothing missing", "[csi]") {
  FenceWorld world;
  world.driver.bar("10.0.0.9:0/3710147553");
  const FenceResult seen = world.fence(FenceAct::check, "node-a2");
  CHECK(seen.state == FenceCallState::done);
  CHECK(seen.held == TriState::unknown);
  world.driver.bar("10.0.0.2/32");
  CHECK(world.fence(FenceAct::check, "node-a2").held == TriState::yes);
}

TEST_CASE("csi: who cannot be fenced, and when nobody knows", "[csi]") {
  FenceWorld world;
  const FenceResult unknown = world.fence(FenceAct::set, "node-a9");
  CHECK(unknown.state == FenceCallState::failed);
  CHECK(unknown.error.code == Errc::not_found);
  CHECK(unknown.error.message.find("fence_addresses") != std::string::npos);
  world.driver.refuse("FenceClusterNetwork", 14, "gone");
  CHECK(world.fence(FenceAct::set, "node-a1").state == FenceCallState::uncertain);
  world.driver.refuse("FenceClusterNetwork", 12, "");
  CHECK(world.fence(FenceAct::set, "node-a1").state == FenceCallState::failed);
  world.driver.refuse("ListClusterFence", 14, "gone");
  const FenceResult unseen = world.fence(FenceAct::check, "node-a1");
  CHECK(unseen.state == FenceCallState::failed);
  CHECK(unseen.held == TriState::unknown);
  CsiDoubleOptions options;
  options.fences = false;
  FenceWorld without(options);
  CHECK(without.fence(FenceAct::set, "node-a1").error.message.find("NETWORK_FENCE") != std::string::npos);
  CHECK(without.driver.barred().empty());
}

TEST_CASE("csi: what a configuration may not say", "[csi]") {
  const FenceWorld world;
  using providers::csi::CsiConfig;
  const auto problem = [&](const std::function<void(CsiConfig&)>& spoil) {
    CsiConfig config = world.config;
    spoil(config);
    const Status status = check_csi_config(config);
    return status ? std::string() : status.error().message;
  };
  CHECK(problem([](CsiConfig&) {}).empty());
  CHECK(problem([](CsiConfig& c) { c.endpoint = "/run/csi.sock"; }).find("endpoint") != std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.endpoint = "unix:csi.sock"; }).find("endpoint") != std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.endpoint = "10.0.0.1:9000"; }).empty());
  CHECK(problem([](CsiConfig& c) {
          c.endpoint = "10.0.0.1:9000";
          c.create_secrets_file = "/etc/secret";
        }).find("unix socket only") != std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.pools.clear(); }).find("no pools") != std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.pools.push_back(c.pools.front()); }).find("twice") != std::string::npos);
  CHECK(problem([](CsiConfig& c) {
          c.pools.front().parameters["x"] = std::string(5000, 'x');
        }).find("4096") != std::string::npos);
  CHECK(problem([](CsiConfig& c) {
          c.host_identities.push_back({"a3", "node-a1"});
        }).find("twice") != std::string::npos);
  CHECK(problem([](CsiConfig& c) {
          c.host_identities.push_back({"a3", ""});
        }).find("no node id") != std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.attach = false; }).find("without attach") != std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.addons_endpoint.clear(); }).find("no addons_endpoint") !=
        std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.fence_addresses.clear(); }).find("fences nobody") != std::string::npos);
  CHECK(problem([](CsiConfig& c) { c.fence_addresses["n"] = {"nowhere"}; }).find("\"n\"") !=
        std::string::npos);
}
