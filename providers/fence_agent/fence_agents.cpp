#include "providers/fence_agent/fence_agents.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "model/ascii.h"
#include "providers/foreign_text.h"

namespace extvold::providers::fence_agent {
namespace {

constexpr std::size_t kValueBytesMax = 1024;
constexpr std::size_t kOutputBytesMax = 64U << 10U;
constexpr std::string_view kRedacted = "[redacted]";
constexpr int kStatusOn = 0;
constexpr int kStatusOff = 2;
// Only for what an agent itself starts (ipmitool, ssh); the agent is found by its own path.
constexpr std::string_view kPath = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";

std::string_view action_of(FenceAct act) {
  switch (act) {
    case FenceAct::set:
      return "off";
    case FenceAct::check:
      return "status";
    case FenceAct::lift:
      return "on";
  }
  return "status";
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

// One file a host, whatever its name is made of: two names never share one.
std::string lock_name(std::string_view host) {
  std::string name = ".power-";
  for (const char c : host) {
    if (is_plain(c))
      name += c;
    else
      name += fmt::format("_{:02x}", static_cast<unsigned char>(c));
  }
  return name;
}

// Also a beginning of it at the end, where the output was cut.
void redact(std::string& text, std::string_view secret) {
  if (secret.empty()) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at)) {
    text.replace(at, secret.size(), kRedacted);
    at += kRedacted.size();
  }
  for (std::size_t size = std::min(secret.size() - 1, text.size()); size > 0; --size) {
    if (!std::string_view(text).ends_with(secret.substr(0, size))) continue;
    text.replace(text.size() - size, size, kRedacted);
    return;
  }
}

// What a program printed, fit for a log line and the ledger: first what went wrong, then its answer.
std::string said(const ProcessResult& ended, std::string_view secret) {
  std::string error = ended.standard_error;
  std::string output = ended.standard_output;
  for (std::string* text : {&error, &output}) redact(*text, secret);
  error = in_one_line(error);
  output = in_one_line(output);
  if (error.empty() || output.empty()) return error + output;
  return in_one_line(output + "; " + error);
}

bool has_word(std::string_view text, std::string_view lower) {
  std::string word;
  for (const char c : text) {
    if (is_plain(c) && c != '-' && c != '.') {
      word += to_lower(c);
      continue;
    }
    if (word == lower) return true;
    word.clear();
  }
  return word == lower;
}

struct Outcome {
  FenceCallState state = FenceCallState::uncertain;
  TriState held = TriState::unknown;
  std::string what;  // with done: what is seen; else the error
};

Outcome outcome_of_status(const ProcessResult& ended, const std::string& said) {
  if (ended.exit_status == kStatusOn) return {FenceCallState::done, TriState::no, "it is on: " + said};
  if (ended.exit_status != kStatusOff) {
    // It only asked, so nothing happened.
    const bool own_failure = ended.exit_status == 1;
    return {own_failure ? FenceCallState::failed : FenceCallState::uncertain, TriState::unknown,
            fmt::format("status ended with {}: {}", ended.exit_status, said)};
  }
  const bool off = has_word(ended.standard_output, "off") && !has_word(ended.standard_output, "on");
  if (off && !ended.truncated) return {FenceCallState::done, TriState::yes, "it is off: " + said};
  return {FenceCallState::uncertain, TriState::unknown,
          fmt::format("status ended with 2, as if it were off, but does not say OFF: {}", said)};
}

Outcome outcome_of(FenceAct act, const ProcessResult& ended, const std::string& said) {
  if (act == FenceAct::check) return outcome_of_status(ended, said);
  if (ended.exit_status == 0) return {FenceCallState::done, TriState::unknown, said};
  return {FenceCallState::uncertain, TriState::unknown,
          fmt::format("{} ended with {}: {}", action_of(act), ended.exit_status, said)};
}

FenceResult result_of(const FenceCall& call, Instant sent_at, Instant ended_at) {
  FenceResult result;
  result.id = call.fence.id;
  result.act = call.act;
  result.sent_at = sent_at;
  result.ended_at = ended_at;
  return result;
}

void fill(FenceResult& result, const FenceAgentConfig& agent, const std::string& host,
          const Result<ProcessResult>& ended, std::string_view secret) {
  const std::string who = fmt::format("[power.{}], host {}: {}", agent.name, host, agent.program);
  if (!ended) {
    const bool uncertain = ended.error().code == Errc::uncertain;
    result.state = uncertain ? FenceCallState::uncertain : FenceCallState::failed;
    result.error = {ended.error().code, fmt::format("{}: {}", who, ended.error().message)};
    return;
  }
  Outcome outcome = outcome_of(result.act, *ended, said(*ended, secret));
  result.state = outcome.state;
  result.held = outcome.held;
  if (outcome.state == FenceCallState::done) {
    if (result.act == FenceAct::check) result.seen = fmt::format("{}: {}", who, outcome.what);
    return;
  }
  result.error = {outcome.state == FenceCallState::failed ? Errc::unavailable : Errc::uncertain,
                  fmt::format("{}: {}", who, outcome.what)};
}

// What would not reach the program as it was written.
std::string problem_of_value(std::string_view value) {
  if (value.empty()) return "is empty, and an agent drops such an option";
  if (value.size() > kValueBytesMax) return fmt::format("has more than {} bytes", kValueBytesMax);
  const bool control =
      std::any_of(value.begin(), value.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
  if (control) return "has a line break or another control character, and options are told line by line";
  if (value.front() == ' ' || value.back() == ' ')
    return "begins or ends with a blank, which an agent removes";
  if (value.size() > 1 && value.front() == '"' && value.back() == '"')
    return "stands in quotes of its own, which an agent removes";
  return {};
}

// `passwd`, `password`, `snmp_priv_passwd`, `secret_key`, ...: but not `password_script`, a program's path.
bool takes_secret(std::string_view name) {
  return name.ends_with("passwd") || name.ends_with("password") ||
         name.find("secret") != std::string_view::npos;
}

}  // namespace

std::string problem_of_option(std::string_view name, std::string_view value) {
  const bool spelled =
      !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
      });
  if (!spelled) return "is no name of an option: they are made of small letters, digits, '_' and '-'";
  std::string plain(name);
  std::replace(plain.begin(), plain.end(), '-', '_');
  if (takes_secret(plain)) return "takes a secret, which does not belong in the configuration";
  // `option` is the old name of `action`.
  constexpr std::array<std::string_view, 4> kOurs = {"action", "option", "help", "version"};
  if (std::find(kOurs.begin(), kOurs.end(), plain) != kOurs.end()) return "is set by extvold itself";
  if (plain == "missing_as_off")
    return "makes a plug that does not exist look switched off, which would be taken for proof";
  constexpr std::array<std::string_view, 4> kTalkative = {"verbose", "verbose_level", "debug", "debug_file"};
  if (std::find(kTalkative.begin(), kTalkative.end(), plain) != kTalkative.end())
    return "makes an agent print what it sends to the device, credentials included";
  return problem_of_value(value);
}

std::string problem_of_secret(std::string_view secret) { return problem_of_value(secret); }

FenceAgents::FenceAgents(std::vector<FenceAgentConfig> agents, std::string lock_folder,
                         FenceAgentsPorts ports)
    : agents_(std::move(agents)), lock_folder_(std::move(lock_folder)), ports_(std::move(ports)) {}

const FenceAgentConfig* FenceAgents::agent_of(std::string_view host) const {
  const auto found = std::find_if(agents_.begin(), agents_.end(), [&](const FenceAgentConfig& agent) {
    return agent.hosts.contains(std::string(host));
  });
  return found == agents_.end() ? nullptr : &*found;
}

std::vector<std::string> hosts_of(const std::vector<FenceAgentConfig>& agents) {
  std::vector<std::string> names;
  for (const FenceAgentConfig& agent : agents) {
    for (const auto& [host, options] : agent.hosts) names.push_back(host);
  }
  std::sort(names.begin(), names.end());
  return names;
}

ProcessRequest FenceAgents::process_request(const FenceAgentConfig& agent, const FenceCall& call,
                                            const std::string& secret) const {
  Options options = agent.options;
  for (const auto& [name, value] : agent.hosts.at(call.fence.target)) options[name] = value;
  ProcessRequest process;
  process.argv = {agent.program};
  process.env = {std::string(kPath)};
  process.standard_input = fmt::format("action={}\n", action_of(call.act));
  for (const auto& [name, value] : options) process.standard_input += fmt::format("{}={}\n", name, value);
  if (!agent.secret_place.empty())
    process.standard_input += fmt::format("{}={}\n", agent.secret_option, secret);
  process.lock_file = fmt::format("{}/{}", lock_folder_, lock_name(call.fence.target));
  process.deadline = std::min(agent.deadline, call.deadline);
  process.output_bytes_max = kOutputBytesMax;
  return process;
}

void FenceAgents::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  const Instant sent_at = ports_.clock();
  const FenceAgentConfig* agent = agent_of(call.fence.target);
  const auto refuse = [&](Errc code, std::string why) {
    FenceResult result = result_of(call, sent_at, ports_.clock());
    result.state = FenceCallState::failed;
    result.error = {code, std::move(why)};
    ports_.defer([done = std::move(done), result = std::move(result)] { done(result); });
  };
  if (agent == nullptr) {
    return refuse(Errc::not_found, fmt::format("host {}: no [power.NAME] says how to switch it {}",
                                               call.fence.target, action_of(call.act)));
  }
  std::string secret;
  if (!agent->secret_place.empty()) {
    Result<std::string> read = ports_.read_secret(agent->secret_place);
    if (!read)
      return refuse(read.error().code, fmt::format("[power.{}]: {}", agent->name, read.error().message));
    if (const std::string problem = problem_of_secret(*read); !problem.empty()) {
      return refuse(Errc::invalid, fmt::format("[power.{}]: the secret of {} {}", agent->name,
                                               agent->secret_place, problem));
    }
    secret = *std::move(read);
  }
  ProcessRequest process = process_request(*agent, call, secret);
  ports_.runner.run(std::move(process),
                    [this, agent, call = std::move(call), sent_at, secret = std::move(secret),
                     done = std::move(done)](const Result<ProcessResult>& ended) {
                      FenceResult result = result_of(call, sent_at, ports_.clock());
                      fill(result, *agent, call.fence.target, ended, secret);
                      done(std::move(result));
                    });
}

}  // namespace extvold::providers::fence_agent
