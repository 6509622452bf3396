// What the rexray provider reads that others wrote: the lists of a server and of the program, in both shapes
// and in YAML, what the program says of its version, what the helper answers, and a file of its environment.
// The first byte picks the reader. What is read must hold what its users rely upon.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "model/check.h"
#include "providers/rexray/environment_file.h"
#include "providers/rexray/format_helper.h"
#include "providers/rexray/rexray_cli.h"
#include "providers/rexray/volume_answers.h"
#include "providers/rexray/yaml_list.h"

namespace rexray = extvold::providers::rexray;

namespace {

using extvold::Result;

void check_list(const Result<rexray::StorageList>& list) {
  if (!list) return;
  for (const rexray::StorageVolume& volume : list->volumes) {
    EXTVOLD_CHECK(!volume.id.empty());
    EXTVOLD_CHECK(volume.size_gb >= 0);
    for (std::size_t i = 1; i < volume.attachments.size(); ++i)
      EXTVOLD_CHECK(volume.attachments[i - 1].host < volume.attachments[i].host);
  }
}

void read_yaml(std::string_view text) {
  const Result<nlohmann::json> list = rexray::read_yaml_list(text);
  if (!list) return;
  EXTVOLD_CHECK(list->is_array());
  for (const nlohmann::json& one : *list) EXTVOLD_CHECK(one.is_object() && !one.empty());
}

void check_environment(std::string_view text) {
  const Result<std::vector<std::string>> environment = rexray::parse_environment(text);
  if (!environment) return;
  for (const std::string& one : *environment)
    EXTVOLD_CHECK(one.find('=') != std::string::npos && one[0] != '=');
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 6) {
    case 0:
      check_list(rexray::read_volume_map(nlohmann::json::parse(text, nullptr, false)));
      break;
    case 1:
      check_list(rexray::read_cli_list(rexray::version_of_dialect(1), text));
      break;
    case 2:
      check_list(rexray::read_cli_list(rexray::version_of_dialect(4), text));
      break;
    case 3:
      read_yaml(text);
      break;
    case 4: {
      const Result<rexray::CliVersion> version = rexray::parse_version(text);
      if (version) EXTVOLD_CHECK(version->dialect >= 1 && version->dialect <= 4);
      check_environment(text);
      break;
    }
    case 5: {
      const Result<rexray::FormatAnswer> answer = rexray::parse_format_answer(text);
      if (answer) EXTVOLD_CHECK(*rexray::parse_format_answer(rexray::format_answer_text(*answer)) == *answer);
      break;
    }
  }
  return 0;
}
