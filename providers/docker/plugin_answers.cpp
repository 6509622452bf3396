#include "providers/docker/plugin_answers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "model/ascii.h"
#include "providers/foreign_text.h"

namespace extvold::providers::docker {
namespace {

using nlohmann::json;

constexpr std::size_t kNameBytesMax = 512;
constexpr std::size_t kPathBytesMax = 4096;
constexpr std::int64_t kMiB = std::int64_t{1} << 20U;
constexpr std::int64_t kBytesMax = std::int64_t{1} << 60U;

template <std::size_t N>
bool has_any(std::string_view text, const std::array<std::string_view, N>& words) {
  const std::string lower = lower_case(text);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return lower.find(word) != std::string::npos; });
}

bool speaks_of_a_line(std::string_view text) {
  return has_any(text, std::array<std::string_view, 11>{"timeout", "timed out", "time out", "deadline",
                                                        "cancel", "eof", "connection", "broken pipe",
                                                        "no such file", "no such host", "dial "});
}

// A plugin's storage that cannot be reached was not found either.
bool says_not_found(std::string_view text) {
  return !speaks_of_a_line(text) &&
         has_any(text, std::array<std::string_view, 12>{"not found", "notfound", "no such", "does not exist",
                                                        "doesn't exist", "no volume", "unknown volume",
                                                        "cannot find", "can't find", "could not find",
                                                        "couldn't find", "unable to find"});
}

// A whole number, or its decimal text. 0: neither.
std::int64_t size_of(const json& status, const DockerConfig& config) {
  if (config.size_status.empty() || !status.is_object()) return 0;
  const auto at = status.find(config.size_status);
  if (at == status.end()) return 0;
  std::int64_t units = 0;
  if (at->is_number_integer()) {
    units = at->is_number_unsigned() && at->get<std::uint64_t>() > static_cast<std::uint64_t>(kBytesMax)
                ? 0
                : at->get<std::int64_t>();
  } else if (const auto* text = at->get_ptr<const std::string*>()) {
    const char* const end = text->data() + text->size();
    const auto [rest, error] = std::from_chars(text->data(), end, units);
    if (error != std::errc{} ||
        (rest != end && std::string_view(rest, static_cast<std::size_t>(end - rest)) != config.size_suffix))
      return 0;
  }
  const std::int64_t unit = unit_bytes(config.size_unit);
  if (units <= 0 || units > kBytesMax / unit) return 0;
  return units * unit / kMiB;
}

Result<PluginVolume> one_volume(const json& value, const DockerConfig& config) {
  if (!value.is_object()) return fail(Errc::uncertain, "a volume is no JSON object");
  PluginVolume volume;
  volume.name = text_of(value, "Name");
  volume.mountpoint = text_of(value, "Mountpoint");
  if (volume.name.empty() || volume.name.size() > kNameBytesMax)
    return fail(Errc::uncertain, "a volume has no name, or one that is too long");
  const auto mountpoint = value.find("Mountpoint");
  const bool none = mountpoint == value.end() || mountpoint->is_null();
  if ((!none && !mountpoint->is_string()) || volume.mountpoint.size() > kPathBytesMax)
    return fail(Errc::uncertain, "volume {}: its Mountpoint is no path", in_one_line(volume.name, 100));
  if (const auto status = value.find("Status"); status != value.end())
    volume.size_mb = size_of(*status, config);
  return volume;
}

}  // namespace

Result<json> answer_body(const JsonAnswer& answer, std::string_view method) {
  const bool is_ok = answer.status == 200;
  const json* error = nullptr;
  if (answer.body.is_object()) {
    if (const auto at = answer.body.find("Err"); at != answer.body.end() && !at->is_null()) error = &*at;
  }
  if (error != nullptr && !error->is_string())
    return fail(Errc::uncertain, "{}: its Err is no text: {}", method, answer.shown);
  const std::string said =
      error == nullptr ? std::string() : in_one_line(error->get_ref<const std::string&>());
  if (answer.status == 401 || answer.status == 403)
    return fail(Errc::permission, "{}: status {}: {}", method, answer.status, answer.shown);
  if (answer.status == 429) {
    return tl::make_unexpected(
        Error{Errc::throttled, fmt::format("{}: status 429: {}", method, answer.shown), answer.retry_after});
  }
  if (!said.empty() && (is_ok || answer.status >= 400)) {
    return fail(says_not_found(said) ? Errc::not_found : Errc::conflict, "{}: status {}: {}", method,
                answer.status, said);
  }
  if (answer.status == 400 || answer.status == 404)
    return fail(Errc::invalid, "{}: the plugin does not know this call: status {}: {}", method, answer.status,
                answer.shown);
  if (!is_ok || !(answer.body.is_object() || answer.body.is_null())) {
    return fail(Errc::uncertain, "{}: the answer makes no sense: status {}: {}", method, answer.status,
                answer.shown);
  }
  return answer.body;
}

bool is_not_mounted(const Error& error) {
  return error.code == Errc::not_found && lower_case(error.message).find("not found") != std::string::npos;
}

Result<std::string> mountpoint_in(const json& answer) {
  if (!answer.is_object()) return fail(Errc::uncertain, "Path: the answer is empty");
  const auto at = answer.find("Mountpoint");
  if (at == answer.end() || at->is_null()) return std::string();
  if (!at->is_string() || text_of(answer, "Mountpoint").size() > kPathBytesMax)
    return fail(Errc::uncertain, "Path: its Mountpoint is no path");
  return text_of(answer, "Mountpoint");
}

bool may_go_on(const Error& error) { return speaks_of_a_line(error.message); }

bool is_volume_driver(const json& activated) {
  if (!activated.is_object()) return false;
  const auto at = activated.find("Implements");
  if (at == activated.end() || !at->is_array()) return false;
  return std::any_of(at->begin(), at->end(), [](const json& one) { return one == "VolumeDriver"; });
}

bool is_global_scope(const json& capabilities) {
  if (!capabilities.is_object()) return false;
  const auto at = capabilities.find("Capabilities");
  return at != capabilities.end() && text_of(*at, "Scope") == "global";
}

Result<PluginVolume> volume_in(const json& got, std::string_view name, const DockerConfig& config) {
  if (!got.is_object()) return fail(Errc::uncertain, "Get: the answer is empty");
  const auto at = got.find("Volume");
  if (at == got.end() || at->is_null())
    return fail(Errc::not_found, "Get: there is no volume {}", in_one_line(name, 100));
  ASSIGN(PluginVolume volume, one_volume(*at, config));
  if (volume.name != name) {
    return fail(Errc::uncertain, "Get: asked for {}, it answered with {}", in_one_line(name, 100),
                in_one_line(volume.name, 100));
  }
  return volume;
}

Result<std::vector<PluginVolume>> volumes_in(const json& listed, const DockerConfig& config) {
  std::vector<PluginVolume> out;
  if (!listed.is_object()) return fail(Errc::uncertain, "List: the answer is empty");
  const auto at = listed.find("Volumes");
  if (at == listed.end() || at->is_null()) return out;  // how Go writes an empty list
  if (!at->is_array()) return fail(Errc::uncertain, "List: Volumes is no list");
  for (const json& value : *at) {
    ASSIGN(PluginVolume volume, one_volume(value, config));
    out.push_back(std::move(volume));
  }
  std::sort(out.begin(), out.end(),
            [](const PluginVolume& a, const PluginVolume& b) { return a.name < b.name; });
  return out;
}

std::int64_t unit_bytes(SizeUnit unit) {
  switch (unit) {
    case SizeUnit::B:
      return 1;
    case SizeUnit::KB:
      return std::int64_t{1} << 10U;
    case SizeUnit::MB:
      return kMiB;
    case SizeUnit::GB:
      return std::int64_t{1} << 30U;
  }
  return 1;
}

}  // namespace extvold::providers::docker
