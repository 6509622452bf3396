#include "daemon/config_docker.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "daemon/config_fence.h"
#include "daemon/config_providers.h"

namespace extvold::daemon {
namespace {

using providers::docker::DockerConfig;

void read_folders(ConfigTable& section, DockerConfig& docker) {
  if (auto folder = section.absolute_path("sockets_folder")) docker.sockets_folder = *std::move(folder);
  const auto folders = section.texts("specs_folders");
  if (!folders) return;
  docker.specs_folders = *folders;
  for (const std::string& one : *folders) {
    if (!one.starts_with('/'))
      section.error("specs_folders", fmt::format("\"{}\" is no absolute path", one.substr(0, 100)),
                    "write the folder's absolute path, as \"/etc/docker/plugins\"");
  }
}

void read_sizes(ConfigTable& section, DockerConfig& docker) {
  docker.size_option = section.text("size_option").value_or("");
  if (const auto unit = section.word<providers::docker::SizeUnit>("size_unit")) docker.size_unit = *unit;
  docker.size_suffix = section.text("size_suffix").value_or("");
  docker.size_status = section.text("size_status").value_or("");
  if (docker.size_option.empty() && !section.has("size_option")) {
    section.warning(
        "size_option", "is missing",
        "the plugin then makes volumes of its own size, whatever is asked for; name the option of "
        "its manual, as \"size\"");
  }
  if (section.has("size_suffix") && docker.size_option.empty())
    section.error("size_suffix", "is there without size_option", "name the option, or remove it");
  ConfigTable options = section.table("options");
  for (const std::string& option : options.keys()) {
    std::optional<std::string> value = options.text(option);
    if (!value) continue;
    if (option == docker.size_option)
      options.error(option, "is the size_option too", "remove it here: extvold writes the size");
    docker.options.emplace(option, *std::move(value));
  }
}

}  // namespace

void read_docker(const std::string& name, ConfigTable section, Config& config) {
  DockerConfig docker;
  docker.name = ProviderName("docker~" + name);
  section.known("type");
  if (auto plugin = section.text("plugin")) {
    if (!is_plain_name(*plugin) || plugin->front() == '.')
      section.error("plugin", fmt::format("\"{}\" is no name of a plugin", plugin->substr(0, 100)),
                    "write its name, as in `docker run --volume-driver`");
    docker.plugin = *std::move(plugin);
  } else if (!section.has("plugin")) {
    section.missing("plugin", "write its name, as in `docker run --volume-driver`");
  }
  read_folders(section, docker);
  docker.plain_tcp = section.boolean("plain_tcp").value_or(false);
  if (docker.plain_tcp) {
    section.warning(
        "plain_tcp", "lets a plugin be reached without TLS",
        "anybody on the way can be root on its host; give it a TLSConfig in its .json file instead");
  }
  if (auto pool = section.text("pool")) {
    if (!is_plain_name(*pool))
      section.error("pool", fmt::format("\"{}\" is no name of a pool", pool->substr(0, 100)),
                    "write up to 100 letters, digits, '.', '_' and '-'");
    docker.pool = *std::move(pool);
  }
  docker.reach_all = read_reach_all(section);
  docker.host = section.text("host").value_or("");
  docker.shows_mounts = section.boolean("shows_mounts").value_or(false);
  read_sizes(section, docker);
  if (const auto deadline = section.duration("look_deadline", seconds(1), minutes(10)))
    docker.look_deadline = *deadline;
  if (const auto settle = section.duration("settle_time", seconds(1), minutes(60)))
    docker.settle_time = *settle;
  read_call_limits(section, docker);
  read_provider_fence(section.table("fence"), docker.name, config);
  section.finish();
  config.providers.emplace_back(std::move(docker));
}

}  // namespace extvold::daemon
