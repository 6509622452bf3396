#include "daemon/config_providers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>
#include <system_error>
#include <utility>

#include "daemon/config_csi.h"
#include "daemon/config_docker.h"
#include "daemon/config_fence.h"
#include "daemon/config_rbd.h"
#include "daemon/config_rexray.h"
#include "daemon/config_scaleio.h"
#include "host/files.h"
#include "providers/local/layout.h"

namespace extvold::daemon {
namespace {

std::vector<providers::local::LocalPool> read_pools(ConfigTable& section) {
  std::vector<providers::local::LocalPool> pools;
  for (ConfigTable& one : section.list_of_tables("pools")) {
    providers::local::LocalPool pool;
    if (auto name = one.text("name")) {
      if (!providers::local::is_plain_pool_name(*name))
        one.error("name", fmt::format("\"{}\" is no name of a pool", name->substr(0, 100)),
                  "write up to 64 letters, digits, '.', '_' and '-', not beginning with a dot");
      const bool twice =
          std::any_of(pools.begin(), pools.end(), [&](const auto& p) { return p.name == *name; });
      if (twice)
        one.error("name", fmt::format("\"{}\" is there twice", *name), "give each pool its own name");
      pool.name = std::move(*name);
    } else if (!one.has("name")) {
      one.missing("name", "name the folder below root that is this pool");
    }
    pool.iops = one.integer("iops", 0, 1'000'000'000).value_or(0);
    pool.capacity_mb = one.size_mb("capacity").value_or(0);
    one.finish();
    pools.push_back(std::move(pool));
  }
  if (!section.has("pools") || (section.is_list("pools") && pools.empty()))
    section.error("pools", "names no pool", "write pools = [{ name = \"ssd\" }]");
  return pools;
}

// Its root; empty: it is missing or wrong.
std::string read_local(const std::string& name, ConfigTable section, Config& config) {
  providers::local::LocalConfig local;
  local.name = ProviderName("local~" + name);
  section.known("type");
  for (const auto& [key, path] : {std::pair{"root", &local.root}, std::pair{"hosts_dir", &local.hosts_dir}}) {
    if (auto given = section.absolute_path(key)) *path = std::move(*given);
    if (!section.has(key)) section.missing(key, "name the folder, as an absolute path");
  }
  local.pools = read_pools(section);
  local.reach_all = read_reach_all(section);
  local.format_host = section.text("format_host").value_or("");
  if (local.format_host.empty() && !section.has("format_host"))
    section.warning(
        "format_host", "is missing",
        "volumes with a filesystem then wait for ever to be formatted; name a folder of hosts_dir");
  if (!local.format_host.empty() && !host::is_plain_name(local.format_host))
    section.error("format_host",
                  fmt::format("\"{}\" is no name of a folder", local.format_host.substr(0, 100)),
                  "name a folder of hosts_dir, without its path");
  read_call_limits(section, local);
  if (const auto deadline = section.duration("observe_deadline", seconds(1), minutes(10)))
    local.observe_deadline = *deadline;
  read_provider_fence(section.table("fence"), local.name, config);
  section.finish();
  const std::string root = local.root;
  config.providers.emplace_back(std::move(local));
  return root;
}

// With the symlinks of what exists resolved; two spellings of one folder become equal.
std::string real_path(const std::string& path) {
  std::error_code failed;
  const std::filesystem::path real = std::filesystem::weakly_canonical(path, failed);
  std::string text = failed ? std::filesystem::path(path).lexically_normal() : real;
  if (!text.ends_with('/')) text += '/';
  return text;
}

bool is_within(const std::string& inner, const std::string& outer) { return inner.starts_with(outer); }

// Of the types but local, whose roots are compared with each other.
struct TypeReader {
  std::string_view type;
  void (*read)(const std::string& name, ConfigTable section, Config& config);
};
constexpr TypeReader kReaders[] = {{"csi", &read_csi},
                                   {"docker", &read_docker},
                                   {"rbd", &read_rbd},
                                   {"rexray", &read_rexray},
                                   {"scaleio", &read_scaleio}};

const TypeReader* reader_of(std::string_view type) {
  const auto found = std::find_if(std::begin(kReaders), std::end(kReaders),
                                  [&](const TypeReader& one) { return one.type == type; });
  return found == std::end(kReaders) ? nullptr : found;
}

}  // namespace

bool read_reach_all(ConfigTable& section) {
  const std::string reach = section.text("reach").value_or("attribute");
  if (reach != "all" && reach != "attribute") {
    section.error(
        "reach", fmt::format("\"{}\" is not known here", reach.substr(0, 64)),
        "write \"all\" if every host reaches the pools, or \"attribute\" if the agents' attributes say so");
  }
  return reach == "all";
}

const ProviderName& name_of(const ProviderConfig& config) {
  return std::visit([](const auto& one) -> const ProviderName& { return one.name; }, config);
}

std::vector<std::string> read_providers(ConfigTable& top, Config& config) {
  std::vector<std::string> broken;
  constexpr std::string_view kTypes =
      "write type = \"local\", \"rexray\", \"docker\", \"csi\", \"rbd\" or \"scaleio\"";
  constexpr std::array<std::string_view, 2> kLater = {"ebs", "nfs"};
  std::vector<std::pair<ConfigTable, std::string>> locals;  // with its root
  for (auto& [name, section] : top.tables("providers")) {
    if (!is_plain_name(name))
      section.error("", fmt::format("\"{}\" is no name of a provider", name.substr(0, 64)),
                    "write letters, digits, '.', '_' and '-'");
    const std::optional<std::string> type = section.text("type");
    if (type && *type == "local") {
      const std::string root = read_local(name, section, config);
      if (!root.empty()) locals.emplace_back(section, real_path(root));
      continue;
    }
    if (const TypeReader* reader = type ? reader_of(*type) : nullptr) {
      reader->read(name, section, config);
      continue;
    }
    broken.push_back(name);
    if (type && std::find(kLater.begin(), kLater.end(), *type) != kLater.end()) {
      section.error("type", fmt::format("\"{}\" is not built yet: it comes with a later release", *type),
                    std::string(kTypes));
    } else if (type || !section.has("type")) {
      section.error("type",
                    type ? fmt::format("\"{}\" is not known here", type->substr(0, 64)) : "is missing",
                    std::string(kTypes));
    }
  }
  for (std::size_t i = 0; i < locals.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (!is_within(locals[i].second, locals[j].second) && !is_within(locals[j].second, locals[i].second))
        continue;
      locals[i].first.error(
          "root", fmt::format("is the root of {} too, or one lies within the other", locals[j].first.path()),
          "give each provider a folder of its own: else both hold the same volumes for theirs");
    }
  }
  if (config.providers.empty() && !top.has("providers"))
    top.warning("", "no provider is configured",
                "add [providers.NAME] with type = \"local\"; until then nothing can be created or attached");
  return broken;
}

}  // namespace extvold::daemon
