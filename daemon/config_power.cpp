#include "daemon/config_power.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/auth/credential_file.h"
#include "daemon/one_line_secret.h"

namespace extvold::daemon {
namespace {

using providers::fence_agent::FenceAgentConfig;
using providers::fence_agent::Options;
using providers::fence_agent::problem_of_option;

constexpr std::string_view kAgentsFolder = "/usr/sbin/";
constexpr std::size_t kNameBytesMax = 100;
constexpr std::size_t kHostBytesMax = 253;

// "fence_ipmilan" or "/usr/sbin/fence_ipmilan"; empty: an error was reported.
std::string read_agent(ConfigTable& section) {
  constexpr std::string_view kHow =
      "write a program of fence-agents by its name, as \"fence_ipmilan\", or by its absolute path";
  std::optional<std::string> given = section.text("agent");
  if (!given) {
    if (!section.has("agent")) section.missing("agent", std::string(kHow));
    return {};
  }
  if (given->front() == '/') return *std::move(given);
  if (is_plain_name(*given) && given->front() != '.') return std::string(kAgentsFolder) + *given;
  section.error("agent", fmt::format("\"{}\" is no program", given->substr(0, kNameBytesMax)),
                std::string(kHow));
  return {};
}

// The texts of one table. What a refused option holds is never repeated: it may be a secret.
Options read_options(ConfigTable section) {
  Options options;
  for (const std::string& name : section.keys()) {
    std::optional<std::string> value = section.text(name);
    if (!value) continue;
    if (std::string problem = problem_of_option(name, *value); !problem.empty()) {
      section.error(name, std::move(problem),
                    "see the agent's manual for its options; a secret goes into a file that password_file "
                    "names, and password_option says which option takes it");
      continue;
    }
    options.emplace(name, *std::move(value));
  }
  return options;
}

void read_hosts(ConfigTable& section, const std::vector<FenceAgentConfig>& others, FenceAgentConfig& agent) {
  for (auto& [host, options] : section.tables("hosts")) {
    const bool printable =
        std::all_of(host.begin(), host.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (host.empty() || host.size() > kHostBytesMax || !printable)
      options.error("", "is no name of a host",
                    "write the name that [mesos] host_by gives it, the hostname by default");
    const auto twice =
        std::find_if(others.begin(), others.end(),
                     [&host = host](const FenceAgentConfig& other) { return other.hosts.contains(host); });
    if (twice != others.end()) {
      options.error("", fmt::format("is a host of power.{} too", twice->name),
                    "leave one: two devices that answer differently prove nothing");
    }
    agent.hosts.emplace(host, read_options(options));
  }
  if (agent.hosts.empty()) {
    section.error("hosts", section.has("hosts") ? "names no host" : "is missing",
                  "write hosts = { HOST = { plug = \"1\" } }, with what tells this host from the others");
  }
}

void read_secret_place(ConfigTable& section, FenceAgentConfig& agent) {
  for (const std::string_view key : {"password", "passwd"}) {
    section.known(key);
    if (section.has(key)) {
      section.error(key, "is no key: secrets do not belong in the configuration",
                    "put it into a file of mode 600 and name that with password_file");
    }
  }
  if (std::optional<std::string> place = section.text("password_file")) {
    if (is_secret_place(*place)) {
      agent.secret_place = *std::move(place);
    } else {
      section.error("password_file",
                    "is no absolute path and no systemd credential (what it says is not repeated here)",
                    "write the file's path, or systemd:NAME for a LoadCredential=NAME:PATH of the unit");
    }
  }
  if (std::optional<std::string> option = section.text("password_option")) {
    const bool spelled = std::all_of(option->begin(), option->end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
    if (!spelled) {
      section.error("password_option", "is no name of an option",
                    "write the option of the agent that takes the secret, as \"passwd\"");
    }
    if (!section.has("password_file"))
      section.error("password_option", "is there without password_file",
                    "name the secret's file, or remove it");
    agent.secret_option = *std::move(option);
  }
}

FenceAgentConfig read_one(const std::string& name, ConfigTable section,
                          const std::vector<FenceAgentConfig>& others) {
  FenceAgentConfig agent;
  agent.name = name;
  if (!is_plain_name(name)) {
    section.error("", fmt::format("\"{}\" is no name of a power device", name.substr(0, 64)),
                  "write letters, digits, '.', '_' and '-'");
  }
  agent.program = read_agent(section);
  agent.options = read_options(section.table("options"));
  read_secret_place(section, agent);
  read_hosts(section, others, agent);
  if (const auto deadline = section.duration("deadline", seconds(1), minutes(60))) agent.deadline = *deadline;
  section.finish();
  return agent;
}

}  // namespace

void read_power(ConfigTable& top, Config& config) {
  for (auto& [name, section] : top.tables("power"))
    config.power.push_back(read_one(name, section, config.power));
}

std::vector<SectionProblem> power_problems(const Config& config) {
  std::vector<SectionProblem> out;
  for (const FenceAgentConfig& agent : config.power) {
    const auto note = [&](std::string what) { out.push_back({"power." + agent.name, std::move(what)}); };
    if (::access(agent.program.c_str(), X_OK) != 0) {
      note(
          fmt::format("{} is no program that can be run here: its hosts cannot be switched off; install it "
                      "(apt install fence-agents) or correct `agent`",
                      agent.program));
    }
    if (agent.secret_place.empty()) continue;
    note_secret("power." + agent.name, agent.secret_place, out);
  }
  return out;
}

}  // namespace extvold::daemon
