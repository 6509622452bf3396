// What the docker provider reads that others wrote: a plugin's answers, and the files that say where it is.
// The first byte picks the reader.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/check.h"
#include "providers/docker/plugin_answers.h"
#include "providers/docker/plugin_place.h"

namespace docker = extvold::providers::docker;

namespace {

void read_answer(int status, std::string_view text) {
  docker::DockerConfig config;
  config.size_status = "size";
  config.size_suffix = "G";
  extvold::HttpResponse response;
  response.status = status;
  response.body = text;
  const auto answer = extvold::providers::json_answer(response, "plugin");
  const auto body = docker::answer_body(*answer, "call");
  if (!body) {
    EXTVOLD_CHECK(body.error().message.size() < 1000 && body.error().message.find('\n') == std::string::npos);
    static_cast<void>(docker::may_go_on(body.error()));
    return;
  }
  static_cast<void>(docker::is_volume_driver(*body));
  static_cast<void>(docker::is_global_scope(*body));
  if (const auto volume = docker::volume_in(*body, "xv-one", config))
    EXTVOLD_CHECK(volume->name == "xv-one" && volume->size_mb >= 0);
  const auto volumes = docker::volumes_in(*body, config);
  if (!volumes) return;
  for (const docker::PluginVolume& one : *volumes) EXTVOLD_CHECK(!one.name.empty() && one.size_mb >= 0);
}

void check_place(const extvold::Result<docker::PluginPlace>& place) {
  if (!place) return;
  EXTVOLD_CHECK(place->unix_socket.empty() || place->unix_socket.front() == '/');
  EXTVOLD_CHECK(place->url.starts_with("http://") || place->url.starts_with("https://"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      read_answer(200, text);
      break;
    case 1:
      read_answer(500, text);
      break;
    case 2:
      check_place(docker::parse_spec(text));
      break;
    case 3:
      check_place(docker::parse_plugin_json(text));
      break;
  }
  return 0;
}
