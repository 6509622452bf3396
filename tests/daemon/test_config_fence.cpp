// [fence], [providers.NAME.fence] and [profiles.NAME.fence] of the configuration: what is read, which of them
// decides for a volume, and each way to write it wrong.
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/daemon/config_support.h"

namespace {

namespace dm = extvold::daemon;
using namespace extvold;
using dm::tests::base_with;
using dm::tests::error_of;
using dm::tests::parse;
using dm::tests::texts;

Policy policy_of(std::string_view more) {
  const dm::ConfigResult result = parse(base_with(more));
  INFO(Catch::StringMaker<std::vector<std::string>>::convert(texts(result.errors)));
  REQUIRE(result.config.has_value());
  return result.config->policy;
}

Volume volume_of(const std::string& provider, const std::string& profile) {
  Volume volume;
  volume.pool = {ProviderName(provider), "disk"};
  volume.profile = profile;
  return volume;
}

bool is_never_fenced(const Policy& policy, const std::string& name) {
  return std::count(policy.never_fence.begin(), policy.never_fence.end(), name) == 1;
}

}  // namespace

TEST_CASE("config: without [fence] nobody is fenced, and this machine and the masters are protected") {
  const Policy policy = policy_of("");
  CHECK(policy.fence_policy(volume_of("local~lab", "")).when == FenceWhen::never);
  CHECK(is_never_fenced(policy, "m1.example"));
  CHECK(is_never_fenced(policy, "127.0.0.1"));  // the master of the base
}

TEST_CASE("config: fence, with every key") {
  const Policy policy = policy_of(R"([fence]
after = "5m"
ladder = ["host", "power"]
accept_cooperative = true
tell_mesos = "deactivate_agent"
never = ["db9", "10.0.0.9"]
storm_max = 7
storm_percent = 30
storm_window = "2h"
check = "30s"
retry = "90s"
)");
  const FencePolicy& fence = policy.fence_policy(volume_of("local~lab", ""));
  CHECK(fence.when == FenceWhen::after);
  CHECK(fence.after == minutes(5));
  CHECK(fence.ladder == std::vector<FenceRung>{FenceRung::host, FenceRung::power});
  CHECK(fence.accept_cooperative);
  CHECK(fence.tell_mesos == TellMesos::deactivate_agent);
  CHECK(is_never_fenced(policy, "db9"));
  CHECK(is_never_fenced(policy, "10.0.0.9"));
  CHECK(is_never_fenced(policy, "m1.example"));
  CHECK(policy.fence_storm_max == 7);
  CHECK(policy.fence_storm_percent == 30);
  CHECK(policy.fence_storm_window == seconds(7200));
  CHECK(policy.fence_check == seconds(30));
  CHECK(policy.fence_retry == seconds(90));
}

TEST_CASE("config: a profile decides before a provider, and a provider before [fence]") {
  const Policy policy = policy_of(R"([fence]
after = "10m"
accept_cooperative = true
[providers.lab.fence]
after = "7m"
[profiles.gold.fence]
after = "1m"
ladder = ["power"]
[profiles.archive.fence]
after = "never"
)");
  const auto after = [&](const std::string& provider, const std::string& profile) {
    return policy.fence_policy(volume_of(provider, profile)).after;
  };
  CHECK(after("rbd~other", "") == minutes(10));
  CHECK(after("local~lab", "") == minutes(7));
  CHECK(after("local~lab", "silver") == minutes(7));
  CHECK(after("local~lab", "gold") == minutes(1));
  CHECK(after("rbd~other", "gold") == minutes(1));
  CHECK(policy.fence_policy(volume_of("local~lab", "archive")).when == FenceWhen::never);
  // What is not written is as [fence] says it.
  CHECK(policy.fence_policy(volume_of("local~lab", "gold")).accept_cooperative);
  CHECK(policy.fence_policy(volume_of("local~lab", "gold")).ladder ==
        std::vector<FenceRung>{FenceRung::power});
}

TEST_CASE("config: what is wrong in [fence] is named with its place and its remedy") {
  const auto wrong = [](std::string_view line, std::string_view part) {
    const std::string error = error_of(base_with("[fence]\n" + std::string(line) + "\n"));
    INFO(error);
    CHECK(error.find(part) != std::string::npos);
    CHECK(error.starts_with("x.toml:17:"));
  };
  wrong("after = \"soon\"", "fence.after");
  wrong("after = 10", "fence.after");
  wrong("ladder = [\"volume\", \"prayer\"]", "\"prayer\" is no rung");
  wrong("ladder = [\"volume\", \"volume\"]", "names \"volume\" twice");
  wrong("ladder = [\"operator\", \"host\"]", "after \"operator\"");
  wrong("ladder = []", "names no rung");
  wrong("tell_mesos = \"shout\"", "fence.tell_mesos");
  wrong("storm_percent = 101", "fence.storm_percent");
  wrong("nevr = [\"db9\"]", "nevr");
}

TEST_CASE("config: telling Mesos what it may not be told is a warning") {
  const dm::ConfigResult result =
      parse(base_with("[fence]\nafter = \"5m\"\ntell_mesos = \"mark_agent_gone\"\n"));
  REQUIRE(result.config.has_value());
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings.front().what.find("does not permit") != std::string::npos);
}
