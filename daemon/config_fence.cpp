#include "daemon/config_fence.h"

#include <fmt/format.h>

#include <algorithm>

namespace extvold::daemon {
namespace {

constexpr Duration kYear = seconds(365 * 24 * 3600);

void read_ladder(ConfigTable& section, FencePolicy& policy) {
  const auto given = section.texts("ladder");
  if (!given) return;
  policy.ladder.clear();
  for (const std::string& word : *given) {
    const std::optional<FenceRung> rung = from_text<FenceRung>(word);
    if (!rung) {
      section.error(
          "ladder", fmt::format("\"{}\" is no rung", word.substr(0, 64)),
          "write some of \"volume\", \"host\", \"power\", \"operator\", the one to be tried first first");
      return;
    }
    if (std::find(policy.ladder.begin(), policy.ladder.end(), *rung) != policy.ladder.end())
      section.error("ladder", fmt::format("names \"{}\" twice", word), "leave one");
    if (!policy.ladder.empty() && policy.ladder.back() == FenceRung::operator_)
      section.error("ladder", fmt::format("names \"{}\" after \"operator\"", word),
                    "a person is asked last: put it before, or remove it");
    policy.ladder.push_back(*rung);
  }
  if (policy.ladder.empty())
    section.error("ladder", "names no rung",
                  "write ladder = [\"volume\", \"host\", \"power\", \"operator\"]");
}

void read_policy(ConfigTable& section, Config& config, FencePolicy& policy) {
  if (section.is_text("after") && *section.text("after") == "never") {
    policy.when = FenceWhen::never;
  } else if (const auto after = section.duration("after", Duration{}, kYear)) {
    policy.when = FenceWhen::after;
    policy.after = *after;
  }
  read_ladder(section, policy);
  policy.accept_cooperative = section.boolean("accept_cooperative").value_or(policy.accept_cooperative);
  if (const auto word = section.word<TellMesos>("tell_mesos")) policy.tell_mesos = *word;
  if (policy.tell_mesos == TellMesos::nothing) return;
  const auto kind = policy.tell_mesos == TellMesos::mark_agent_gone ? MesosOperationKind::mark_agent_gone
                                                                    : MesosOperationKind::deactivate_agent;
  const auto& may = config.policy.mesos_calls;
  if (std::find(may.begin(), may.end(), kind) == may.end()) {
    section.warning("tell_mesos",
                    fmt::format("asks for {}, which [mesos] operations does not permit", to_text(kind)),
                    fmt::format("add \"{}\" there, or write tell_mesos = \"nothing\"", to_text(kind)));
  }
}

FencePolicy common_policy(const Config& config) {
  for (const FenceRule& rule : config.policy.fences) {
    if (rule.provider.empty() && rule.profile.empty()) return rule.policy;
  }
  return {};
}

void read_rule(ConfigTable section, FenceRule rule, Config& config) {
  if (!section.present()) return;
  rule.policy = common_policy(config);
  read_policy(section, config, rule.policy);
  section.finish();
  config.policy.fences.push_back(std::move(rule));
}

}  // namespace

void read_fence(ConfigTable section, std::string_view host, Config& config) {
  Policy& policy = config.policy;
  policy.never_fence = section.texts("never").value_or(std::vector<std::string>{});
  if (!host.empty()) policy.never_fence.emplace_back(host);
  for (std::string& master : config.masters.hosts()) policy.never_fence.push_back(std::move(master));
  if (const auto count = section.integer("storm_max", 1, 1'000'000))
    policy.fence_storm_max = static_cast<int>(*count);
  if (const auto percent = section.integer("storm_percent", 0, 100))
    policy.fence_storm_percent = static_cast<int>(*percent);
  if (const auto window = section.duration("storm_window", seconds(1), seconds(30 * 24 * 3600)))
    policy.fence_storm_window = *window;
  if (const auto check = section.duration("check", seconds(1), minutes(60))) policy.fence_check = *check;
  if (const auto retry = section.duration("retry", seconds(1), minutes(60))) policy.fence_retry = *retry;
  FenceRule rule;
  read_policy(section, config, rule.policy);
  section.finish();
  policy.fences.push_back(std::move(rule));
}

void read_provider_fence(ConfigTable section, const ProviderName& provider, Config& config) {
  read_rule(std::move(section), {provider, {}, {}}, config);
}

void read_profiles(ConfigTable& top, Config& config) {
  for (auto& [name, section] : top.tables("profiles")) {
    read_rule(section.table("fence"), {{}, name, {}}, config);
    section.finish();
  }
}

}  // namespace extvold::daemon
