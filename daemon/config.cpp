#include "daemon/config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <tuple>

#include "daemon/auth/credential_file.h"
#include "daemon/config_fence.h"
#include "daemon/config_power.h"
#include "daemon/config_providers.h"
#include "daemon/config_table.h"
#include "daemon/own_addresses.h"
#include "daemon/units.h"
#include "host/files.h"
#include "providers/local/layout.h"

namespace extvold::daemon {
namespace {

constexpr Duration kDay = seconds(86'400);
constexpr std::size_t kFileBytesMax = 1U << 20U;
constexpr std::size_t kSocketPathBytesMax = 107;  // sockaddr_un::sun_path, with its end

// ---- [daemon]

// [daemon] guard; its default was made from the path of the masters.
void read_guard(ConfigTable& section, Config& config) {
  const std::optional<std::string> path = section.text("guard");
  if (!path) return;
  if (!config.masters.zookeeper) {
    section.warning("guard", "is without effect", "it belongs to a zk:// master; remove it");
  } else if (const std::string problem = zookeeper::problem_of_path(*path); !problem.empty()) {
    section.error(
        "guard", fmt::format("\"{}\" {}", path->substr(0, 100), problem),
        "write a path in ZooKeeper, as \"/extvold/mesos\"; the same for all daemons of the cluster");
  } else {
    config.masters.zookeeper->guard_path = *path;
  }
}

// After [mesos]: with ZooKeeper any daemon may ask for the guard that is not told to keep off.
void read_daemon(ConfigTable section, std::string_view host, Config& config) {
  read_guard(section, config);
  if (config.masters.zookeeper && !section.has("active")) {
    config.active = true;
  } else if (section.is_text("active")) {
    const std::optional<std::string> named = section.text("active");
    config.active = named && *named == host;
    if (!config.active) {
      config.policy.observe_only = fmt::format(
          "[daemon] active names host \"{}\" and this is \"{}\": only the active one of a cluster's daemons "
          "acts",
          named.value_or(""), host);
    }
  } else {
    config.active = section.boolean("active").value_or(false);
    if (!config.active) {
      config.policy.observe_only = fmt::format(
          "{} does not name this host active: [daemon] active = true on the one daemon of the "
          "cluster that is to act",
          config.file);
    }
  }
  section.finish();
}

// ---- [mesos]

// The only one of its list: ZooKeeper knows all masters. No message holds what stands before the '@'.
void read_zookeeper(ConfigTable& section, const std::vector<std::string>& given, std::string_view host,
                    Config& config) {
  if (given.size() > 1) {
    return section.error("master", "names a zk:// address and something else besides",
                         "leave only the zk:// address: all of its servers belong into that one text");
  }
  auto address = zookeeper::parse_address(given.front());
  if (!address)
    return section.error("master", std::move(address.error().what), std::move(address.error().remedy));
  zookeeper::LinkOptions options;
  options.guard_path = "/extvold" + address->path;
  options.address = std::move(*address);
  options.identity.host = std::string(host);
  config.masters.zookeeper = std::move(options);
}

// "http://host:port", the form in which the rest of the program wants it. Empty: an error was reported. What
// stands before an '@' is never repeated.
std::string master_url(ConfigTable& section, const std::string& given) {
  constexpr std::string_view kHow =
      "write http://HOST:PORT or https://HOST:PORT, as \"http://10.0.0.1:5050\"";
  const auto bad = [&](std::string what, std::string_view remedy) {
    section.error("master", std::move(what), std::string(remedy));
    return std::string();
  };
  const std::string_view scheme = given.starts_with("https://") ? "https://" : "http://";
  const bool zookeeper_meant = given.starts_with("zk:") || given.starts_with("ZK:");
  if (!zookeeper_meant && given.find('@') != std::string::npos)
    return bad("has credentials in the URL",
               "remove them, and name a file that holds them with `credential`");
  if (!given.starts_with(scheme)) {
    return bad(fmt::format("\"{}\" is no URL", zookeeper::without_credentials(given).substr(0, 200)),
               fmt::format("{}, or zk://HOST:2181/PATH, as \"zk://10.0.0.1:2181/mesos\"", kHow));
  }
  std::string_view rest = std::string_view(given).substr(scheme.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const std::size_t colon = rest.rfind(':');
  const std::string_view port = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  const std::string_view name = rest.substr(0, colon);
  const bool name_ok = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '[' || c == ']';
  });
  int number = 0;
  for (char c : port.substr(0, 6)) number = c >= '0' && c <= '9' ? number * 10 + (c - '0') : 1'000'000;
  if (!name_ok || port.empty() || number < 1 || number > 65'535)
    return bad(fmt::format("\"{}\" is not HOST:PORT", given.substr(0, 200)), kHow);
  return fmt::format("{}{}", scheme, rest);
}

// A key that says where a secret or certificate is. What is no place is not repeated: it may be the secret.
void read_place(ConfigTable& section, std::string_view key, std::string& place) {
  std::optional<std::string> given = section.text(key);
  if (!given) return;
  if (!is_secret_place(*given)) {
    section.error(key, "is no absolute path and no systemd credential (what it says is not repeated here)",
                  "write the file's path, or systemd:NAME for a LoadCredential=NAME:PATH of the unit");
    return;
  }
  place = *std::move(given);
}

// `https`, `http`: whether anybody is spoken to that way.
void read_auth(ConfigTable& section, bool https, bool http, AuthConfig& auth) {
  for (std::string_view key : {"principal", "secret", "credentials", "password", "headers"}) {
    section.known(key);
    if (section.has(key)) {
      section.error(
          key, "is no key: secrets do not belong in the configuration",
          "put `PRINCIPAL SECRET` into a file of mode 600 and name it with `credential`; `token` names "
          "a file with another Authorization value");
    }
  }
  read_place(section, "credential", auth.credential);
  read_place(section, "token", auth.token);
  read_place(section, "ca", auth.ca);
  read_place(section, "certificate", auth.certificate);
  read_place(section, "key", auth.key);
  if (auto prefix = section.text("token_prefix")) auth.token_prefix = *std::move(prefix);
  auth.insecure_skip_verify = section.boolean("insecure_skip_verify").value_or(false);
  if (section.has("credential") && section.has("token"))
    section.error("token", "is there beside credential, and one request has one Authorization", "leave one");
  if (section.has("token_prefix") && !section.has("token"))
    section.error("token_prefix", "is there without token", "name the token's file, or remove it");
  if (section.has("key") && !section.has("certificate"))
    section.error("key", "is there without certificate", "name our certificate too, or remove it");
  for (std::string_view key : {"ca", "certificate", "insecure_skip_verify"}) {
    if (section.has(key) && !https)
      section.warning(key, "has no effect", "nobody here is spoken to by https");
  }
  if (https && auth.insecure_skip_verify) {
    section.warning("insecure_skip_verify", "turns off the check of whom extvold speaks to",
                    "anybody on the way can read and change what is said, credentials included; name the "
                    "authority with `ca` instead");
  }
  if (http && auth.has_credentials()) {
    section.warning(auth.token.empty() ? "credential" : "token", "is sent without encryption",
                    "use https where the cluster can: anybody on the way can read it");
  }
}

void read_agents(ConfigTable section, Config& config) {
  Policy& policy = config.policy;
  const bool matters = !config.masters.none();
  config.agents_https = config.masters.all_https();
  if (const auto https = section.boolean("https")) config.agents_https = *https;
  config.agents_auth.section = "mesos.agents";
  read_auth(section, config.agents_https, !config.agents_https, config.agents_auth);
  if (const auto verify = section.text("verify")) {
    if (*verify != "hostname" && *verify != "address")
      section.error(
          "verify", fmt::format("\"{}\" is not known here", verify->substr(0, 64)),
          "write \"hostname\" if the agents' certificates are for their hostnames, or \"address\" if "
          "they are for their IP addresses");
    config.agents_verify_hostname = *verify == "hostname";
  }
  if (const auto launcher = section.text("launcher")) {
    if (*launcher != "linux" && *launcher != "posix")
      section.error("launcher", fmt::format("\"{}\" is not known here", launcher->substr(0, 64)),
                    "write \"linux\" or \"posix\", as the agents' --launcher says");
    policy.agents_use_linux_launcher = *launcher == "linux";
  }
  if (const auto api = section.text("api")) {
    if (*api != "unfiltered" && *api != "filtered")
      section.error(
          "api", fmt::format("\"{}\" is not known here", api->substr(0, 64)),
          "write \"unfiltered\" if no ACL of the agents hides containers or executors from extvold, else "
          "\"filtered\"");
    policy.agents_api_unfiltered = *api == "unfiltered";
  }
  section.finish();
  if (!matters || (policy.agents_use_linux_launcher && policy.agents_api_unfiltered)) return;
  section.warning(
      "", "does not say launcher = \"linux\" and api = \"unfiltered\"",
      "without both, an agent's own word that a container is gone is no evidence (agent_gone): most "
      "detaches then wait for a person; state them if they are true of every agent");
}

void read_masters(ConfigTable& section, std::string_view host, Config& config) {
  const auto masters = section.texts("master");
  const auto is_zookeeper = [](const std::string& one) { return one.starts_with(zookeeper::kScheme); };
  if (masters && std::any_of(masters->begin(), masters->end(), is_zookeeper)) {
    read_zookeeper(section, *masters, host, config);
  } else if (masters) {
    for (const std::string& one : *masters) {
      if (std::string url = master_url(section, one); !url.empty())
        config.masters.urls.push_back(std::move(url));
    }
    if (masters->empty()) section.error("master", "is empty", "name at least one, or leave the key out");
  } else if (!section.has("master")) {
    section.warning("master", "is missing", "without it only operators' orders are carried out");
  }
  // ZooKeeper does not say how the masters are spoken to.
  const auto https = section.boolean("https");
  const auto timeout = section.duration("zookeeper_timeout", seconds(1), minutes(5));
  if (config.masters.zookeeper) {
    config.masters.zookeeper->https = https.value_or(false);
    if (timeout) config.masters.zookeeper->session.timeout = *timeout;
    return;
  }
  for (const std::string_view key : {"https", "zookeeper_timeout"}) {
    if (section.has(key))
      section.warning(key, "is without effect", "it belongs to a zk:// master; remove it");
  }
}

// [mesos] host_by: the first rule that gives a text names an agent's host.
void read_host_by(ConfigTable& section, Policy& policy) {
  const auto given = section.texts("host_by");
  if (!given) return;
  constexpr std::string_view kAttribute = "attribute:";
  constexpr std::string_view kHow =
      "write \"hostname\", \"ip\" or \"attribute:NAME\", as host_by = [\"attribute:rack-unit\", "
      "\"hostname\"]";
  policy.host_by.clear();
  for (const std::string& one : *given) {
    HostRule rule;
    if (one.starts_with(kAttribute)) {
      rule = {HostBy::attribute, one.substr(kAttribute.size())};
    } else if (const auto by = from_text<HostBy>(one); by && *by != HostBy::attribute) {
      rule.by = *by;
    } else {
      section.error("host_by", fmt::format("\"{}\" is no rule", one.substr(0, 100)), std::string(kHow));
      continue;
    }
    if (rule.by == HostBy::attribute && rule.attribute.empty())
      section.error("host_by", "has an attribute: without a name", std::string(kHow));
    if (std::find(policy.host_by.begin(), policy.host_by.end(), rule) != policy.host_by.end())
      section.error("host_by", fmt::format("names \"{}\" twice", one.substr(0, 100)), "leave one");
    policy.host_by.push_back(std::move(rule));
  }
  if (given->empty())
    section.error("host_by", "is empty",
                  "name at least one rule, or leave the key out: then it is the hostname");
  const bool always = std::any_of(policy.host_by.begin(), policy.host_by.end(),
                                  [](const HostRule& rule) { return rule.by != HostBy::attribute; });
  if (!policy.host_by.empty() && !always) {
    section.warning(
        "host_by", "names only attributes",
        "an agent that has none of them is on no host, and nothing is attached for its tasks; end the "
        "list with \"hostname\" or \"ip\"");
  }
}

void read_mesos(ConfigTable section, std::string_view host, Config& config) {
  Policy& policy = config.policy;
  SubscriptionConfig& subscription = config.subscription;
  read_masters(section, host, config);
  config.master_auth.section = "mesos";
  read_auth(section, config.masters.any_https(), !config.masters.all_https(), config.master_auth);

  read_host_by(section, policy);
  const auto set = [&](std::string_view key, Duration min, Duration max, Duration& value) {
    if (const auto given = section.duration(key, min, max)) value = *given;
  };
  set("poll", seconds(1), minutes(60), policy.master_poll);
  set("poll_min", Duration{}, minutes(60), policy.master_poll_min);
  set("poll_deadline", seconds(1), minutes(30), config.master_deadline);
  set("agent_poll_min", milliseconds(50), minutes(10), policy.agent_poll_min);
  set("agent_poll_max", milliseconds(50), minutes(60), policy.agent_poll_max);
  set("agent_deadline", milliseconds(100), minutes(5), config.agent_deadline);
  set("reconnect_min", milliseconds(50), minutes(10), subscription.backoff_min);
  set("reconnect_max", milliseconds(50), minutes(60), subscription.backoff_max);
  if (const auto mb = section.size_mb("agent_answer_max")) {
    config.agent_answer_max_mb = *mb;
    if (*mb > 1024) section.error("agent_answer_max", "is more than 1GB", "8MB do for most agents");
  }
  if (const auto count = section.integer("silent_heartbeats_max", 1, 100))
    subscription.silent_heartbeats_max = static_cast<int>(*count);
  for (const std::string& word : section.texts("operations").value_or(std::vector<std::string>{})) {
    if (const auto kind = from_text<MesosOperationKind>(word)) {
      policy.mesos_calls.push_back(*kind);
    } else {
      section.error("operations", fmt::format("\"{}\" is not known here", word.substr(0, 64)),
                    fmt::format("write some of {}", fmt::join(enum_texts(MesosOperationKind{}), ", ")));
    }
  }
  if (policy.agent_poll_min > policy.agent_poll_max)
    section.error("agent_poll_min", "is more than agent_poll_max", "lower it, or raise agent_poll_max");
  if (subscription.backoff_min > subscription.backoff_max)
    section.error("reconnect_min", "is more than reconnect_max", "lower it, or raise reconnect_max");
  policy.has_master = !config.masters.none();
  read_agents(section.table("agents"), config);
  section.finish();
}

// ---- [ledger], [api], [log]

void read_places(ConfigTable ledger, ConfigTable api, ConfigTable log, Config& config) {
  if (auto path = ledger.absolute_path("path")) config.ledger_path = std::move(*path);
  if (const auto kept = ledger.duration("history", kDay, kDay * 3650)) config.history_kept = *kept;
  ledger.finish();
  if (auto path = api.absolute_path("socket")) {
    if (path->size() > kSocketPathBytesMax) {
      api.error("socket", fmt::format("has {} bytes", path->size()),
                fmt::format("a unix socket's path has at most {}", kSocketPathBytesMax));
    }
    config.socket_path = std::move(*path);
  }
  if (auto group = api.text("group")) config.socket_group = std::move(*group);
  api.not_built_yet("listen", "a TCP listener", "use the unix socket");
  api.finish();
  if (const auto level = log.word<LogLevel>("level")) config.log_level = *level;
  log.finish();
}

// ---- [drivers.NAME]

// accept = ["executor_terminal+10m"]
void read_accept(ConfigTable& section, DriverMapping& mapping) {
  constexpr std::string_view kPrefix = "executor_terminal+";
  for (const std::string& ground : section.texts("accept").value_or(std::vector<std::string>{})) {
    const Result<Duration> after = ground.starts_with(kPrefix)
                                       ? parse_duration(std::string_view(ground).substr(kPrefix.size()))
                                       : Result<Duration>(fail(Errc::invalid, "{}", ground));
    if (!after || *after < seconds(1)) {
      section.error("accept", fmt::format("\"{}\" is no ground that can be accepted", ground.substr(0, 64)),
                    "the only one is \"executor_terminal+TIME\", with a time of at least 1s");
    } else if (mapping.accept_executor_terminal_after) {
      section.error("accept", "names the same ground twice", "leave one");
    } else {
      mapping.accept_executor_terminal_after = *after;
      section.warning(
          "accept", "takes an executor's word that its task ended for proof",
          "an assumption: a process that outlives its executor could still write; every use of it is "
          "marked in the history");
    }
  }
}

void read_drivers(ConfigTable& top, const std::vector<std::string>& broken_providers, Config& config) {
  for (auto& [name, section] : top.tables("drivers")) {
    DriverMapping mapping;
    mapping.driver = name;
    if (auto provider = section.text("provider")) {
      const bool known = std::any_of(config.providers.begin(), config.providers.end(),
                                     [&](const auto& one) { return name_of(one).value == *provider; });
      const bool broken = std::any_of(broken_providers.begin(), broken_providers.end(),
                                      [&](const auto& one) { return provider->ends_with("~" + one); });
      if (!known && !broken)
        section.error("provider", fmt::format("\"{}\" is not configured", provider->substr(0, 64)),
                      "write TYPE~NAME of a [providers.NAME], as \"local~laptop\"");
      mapping.provider = ProviderName(std::move(*provider));
    } else if (!section.has("provider")) {
      section.missing("provider", "write TYPE~NAME of a [providers.NAME], as \"local~laptop\"");
    }
    if (const auto by = section.word<AttachBy>("attach_by")) mapping.attach_by = *by;
    read_accept(section, mapping);
    section.finish();
    config.policy.drivers.push_back(std::move(mapping));
  }
  if (!top.has("drivers"))
    top.warning("", "no driver is mapped to a provider",
                "add [drivers.NAME] with provider = \"TYPE~NAME\"; until then no task's volume is resolved");
}

// ---- [policy]

void read_policy(ConfigTable section, Policy& policy) {
  const auto set = [&](std::string_view key, Duration min, Duration max, Duration& value) {
    if (const auto given = section.duration(key, min, max)) value = *given;
  };
  set("linger", Duration{}, minutes(60), policy.detach_linger);
  set("retry_min", milliseconds(100), minutes(10), policy.retry_min);
  set("retry_max", milliseconds(100), minutes(60), policy.retry_max);
  set("operation_deadline", seconds(1), minutes(60), policy.operation_deadline);
  set("provider_list", seconds(1), minutes(60), policy.provider_list);
  set("observation_age_max", seconds(2), kDay, policy.observation_age_max);
  set("audit", seconds(10), kDay, policy.audit);
  set("detach_storm_window", seconds(1), kDay, policy.detach_storm_window);
  if (const auto count = section.integer("detach_storm_max", 1, 1'000'000))
    policy.detach_storm_max = static_cast<int>(*count);
  if (const auto percent = section.integer("detach_storm_percent", 0, 100))
    policy.detach_storm_percent = static_cast<int>(*percent);
  if (policy.retry_min > policy.retry_max)
    section.error("retry_min", "is more than retry_max", "lower it, or raise retry_max");
  if (policy.observation_age_max < policy.provider_list * 2)
    section.error("observation_age_max", "is less than twice provider_list",
                  "raise it, or lower provider_list: else nothing is ever observed freshly enough to act on");
  section.finish();
}

void sort_by_place(std::vector<ConfigProblem>& problems) {
  std::stable_sort(problems.begin(), problems.end(), [](const ConfigProblem& a, const ConfigProblem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
}

// Behind the text in quotes that begins there; nothing: it does not end, or not on its line.
std::optional<std::size_t> behind_quotes(std::string_view text, std::size_t begin) {
  const char quote = text[begin];
  const std::string three(3, quote);
  const bool is_long = text.substr(begin, 3) == three;
  for (std::size_t at = begin + (is_long ? 3 : 1); at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"') {
      ++at;
    } else if (text[at] == '\n' && !is_long) {
      return std::nullopt;
    } else if (text[at] == quote && !is_long) {
      return at + 1;
    } else if (is_long && text.substr(at, 3) == three) {
      at += 3;
      for (int more = 0; more < 2 && at < text.size() && text[at] == quote; ++more) ++at;
      return at;
    }
  }
  return std::nullopt;
}

// Where a character that is not ASCII stands outside of texts and comments: TOML has no place for one, and
// what toml++ 3.3 does with it is undefined. Or a quote in a word, behind which it would read on. Up to the
// first other mistake both read a file alike.
std::optional<std::size_t> stray_character(std::string_view text) {
  std::size_t at = text.starts_with("\xef\xbb\xbf") ? 3 : 0;
  while (at < text.size()) {
    const char c = text[at];
    if (static_cast<unsigned char>(c) >= 0x80) return at;
    if (c == '#') {
      at = std::min(text.find('\n', at), text.size());
    } else if (c == '"' || c == '\'') {
      constexpr std::string_view kBeforeText = " \t\r\n[{,=.";
      if (at > 0 && kBeforeText.find(text[at - 1]) == std::string_view::npos) return at;
      const auto behind = behind_quotes(text, at);
      if (!behind) return std::nullopt;  // the parser says so
      at = *behind;
    } else {
      ++at;
    }
  }
  return std::nullopt;
}

toml::source_region place_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const std::size_t line_end = before.rfind('\n');
  const std::size_t line_begin = line_end == std::string_view::npos ? 0 : line_end + 1;
  toml::source_region place;
  place.begin.line = static_cast<toml::source_index>(1 + std::count(before.begin(), before.end(), '\n'));
  place.begin.column = static_cast<toml::source_index>(at - line_begin + 1);
  return place;
}

}  // namespace

std::string to_text(const ConfigProblem& problem) {
  std::string out = problem.file;
  if (problem.line != 0) out += fmt::format(":{}:{}", problem.line, problem.column);
  if (!problem.key.empty()) out += fmt::format(": {}", problem.key);
  out += fmt::format(": {}", problem.what);
  if (!problem.remedy.empty()) out += fmt::format(": {}", problem.remedy);
  return out;
}

ConfigResult parse_config(std::string_view text, std::string_view file, std::string_view host) {
  ConfigProblems problems{std::string(file), {}, {}};
  if (const auto stray = stray_character(text)) {
    problems.error(place_of(text, *stray), "",
                   "is not TOML: a quote in a word, or a character that is not ASCII outside of quotes",
                   "put it in quotes");
    return {std::nullopt, std::move(problems.errors), {}};
  }
  const toml::parse_result parsed = toml::parse(text, std::string(file));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    problems.error(error.source(), "", fmt::format("is not TOML: {}", error.description()),
                   "see https://toml.io; texts need quotes");
    return {std::nullopt, std::move(problems.errors), {}};
  }
  Config config;
  config.file = std::string(file);
  ConfigTable top(&parsed.table(), "", problems);
  read_mesos(top.table("mesos"), host, config);
  read_daemon(top.table("daemon"), host, config);
  read_places(top.table("ledger"), top.table("api"), top.table("log"), config);
  read_fence(top.table("fence"), host, config);
  read_profiles(top, config);
  const std::vector<std::string> broken_providers = read_providers(top, config);
  read_drivers(top, broken_providers, config);
  read_power(top, config);
  read_policy(top.table("policy"), config.policy);
  top.finish();
  sort_by_place(problems.errors);
  sort_by_place(problems.warnings);
  if (!problems.errors.empty())
    return {std::nullopt, std::move(problems.errors), std::move(problems.warnings)};
  return {std::move(config), {}, std::move(problems.warnings)};
}

ConfigResult load_config(const std::string& file) {
  const auto unreadable = [&](std::string why, std::string remedy) {
    return ConfigResult{std::nullopt, {{file, 0, 0, "", std::move(why), std::move(remedy)}}, {}};
  };
  errno = 0;
  std::ifstream in(file, std::ios::binary);
  std::string text;
  if (in) {
    text.resize(kFileBytesMax + 1);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
  }
  if (!in.is_open() || in.bad()) {
    const int error = errno;
    return unreadable(
        fmt::format("cannot be read: {}", std::generic_category().message(error != 0 ? error : EIO)),
        error == ENOENT
            ? "write one (an example is installed as .../doc/extvold/examples/extvold.toml), or name "
              "another with --config FILE"
            : "see its owner and mode, or name another with --config FILE");
  }
  if (text.size() > kFileBytesMax) return unreadable("is larger than 1 MiB", "that is no configuration");
  std::array<char, 256> host{};
  if (gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  ConfigResult result = parse_config(text, file, host.data());
  if (result.config) {
    for (std::string& address : own_addresses())
      result.config->policy.never_fence.push_back(std::move(address));
  }
  const bool has_secret = result.config && result.config->masters.zookeeper &&
                          !result.config->masters.zookeeper->address.credentials.empty();
  if (const std::string exposed = has_secret ? exposed_file(file) : std::string(); !exposed.empty()) {
    result.warnings.push_back(
        {file, 0, 0, "mesos.master", "holds a password, and the file is open to others", exposed});
  }
  return result;
}

std::vector<std::string> needs_restart(const Config& running, const Config& changed) {
  std::vector<std::string> out;
  const auto compare = [&](bool same, std::string_view name) {
    if (!same) out.emplace_back(name);
  };
  const auto subscription = [](const Config& one) {
    const SubscriptionConfig& s = one.subscription;
    return std::tuple(s.silent_heartbeats_max, s.backoff_min, s.backoff_max);
  };
  const auto drivers = [](const Config& one) {
    std::vector<std::tuple<std::string, ProviderName, AttachBy, std::optional<Duration>>> rows;
    for (const DriverMapping& d : one.policy.drivers)
      rows.emplace_back(d.driver, d.provider, d.attach_by, d.accept_executor_terminal_after);
    return rows;
  };
  const auto zookeeper = [](const Config& one) {
    const auto& options = one.masters.zookeeper;
    return options ? *options : zookeeper::LinkOptions{};
  };
  compare(running.masters.urls == changed.masters.urls &&
              zookeeper(running).address == zookeeper(changed).address,
          "mesos.master");
  compare(zookeeper(running).https == zookeeper(changed).https, "mesos.https");
  compare(zookeeper(running).session.timeout == zookeeper(changed).session.timeout,
          "mesos.zookeeper_timeout");
  // With another address it is another path by itself.
  compare(zookeeper(running).address != zookeeper(changed).address ||
              zookeeper(running).guard_path == zookeeper(changed).guard_path,
          "daemon.guard");
  compare(subscription(running) == subscription(changed),
          "mesos.reconnect_min, reconnect_max, silent_heartbeats_max");
  compare(std::pair(running.agents_https, running.agents_verify_hostname) ==
              std::pair(changed.agents_https, changed.agents_verify_hostname),
          "mesos.agents.https, verify");
  compare(running.agent_deadline == changed.agent_deadline, "mesos.agent_deadline");
  compare(running.agent_answer_max_mb == changed.agent_answer_max_mb, "mesos.agent_answer_max");
  compare(running.master_deadline == changed.master_deadline, "mesos.poll_deadline");
  compare(running.ledger_path == changed.ledger_path, "ledger.path");
  compare(running.history_kept == changed.history_kept, "ledger.history");
  compare(running.socket_path == changed.socket_path, "api.socket");
  compare(running.socket_group == changed.socket_group, "api.group");
  compare(running.providers == changed.providers, "providers");
  compare(running.power == changed.power, "power");
  compare(drivers(running) == drivers(changed), "drivers");
  return out;
}

}  // namespace extvold::daemon
