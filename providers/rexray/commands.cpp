#include "providers/rexray/commands.h"

#include <array>
#include <charconv>
#include <optional>

#include "model/ascii.h"
#include "providers/foreign_text.h"

namespace extvold::providers::rexray {
namespace {

// "0.11.4", "0.1.150605", "0.12.0+3".
std::optional<std::array<int, 3>> three_numbers(std::string_view text) {
  std::array<int, 3> out{};
  const char* at = text.data();
  const char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
    const auto read = std::from_chars(at, end, out[i]);
    if (read.ec != std::errc() || out[i] < 0) return std::nullopt;
    at = read.ptr;
  }
  if (at != end && *at != '-' && *at != '+') return std::nullopt;
  return out;
}

// What stands behind `label` in the first line that begins with it.
std::string_view labelled(std::string_view text, std::string_view label) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (line.starts_with(label)) return trimmed(line.substr(label.size()));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return {};
}

Words by_id(const CliVersion& version, const char* old_name, const char* verb, const std::string& id) {
  const std::string flag = "--volumeid=" + id;
  switch (version.dialect) {
    case 1:
      return {old_name, flag};
    case 2:
    case 3:
      return {"volume", verb, flag};
    default:
      return {"volume", verb, id, "--format=json"};
  }
}

void add_json(const CliVersion& version, Words& words) {
  if (version.json) words.emplace_back("--format=json");
}

}  // namespace

Result<CliVersion> parse_version(std::string_view text) {
  // From 0.4 on libStorage's own version follows below REX-Ray's.
  std::string_view found = labelled(text, "SemVer:");
  const bool has_semver = !found.empty();
  if (!has_semver) found = labelled(text, "Rexray Version:");
  const std::optional<std::array<int, 3>> numbers = three_numbers(found);
  if (!numbers)
    return fail(Errc::invalid, "`rexray version` tells no version ({}); say which dialect it speaks",
                in_one_line(text, 120));
  CliVersion version;
  version.shown = in_one_line(found, 40);
  const auto [major, minor, patch] = *numbers;
  if (major == 0 && minor == 6 && patch == 0)
    return fail(Errc::invalid, "rexray {} lists volumes without their attachments: use 0.6.1 or later",
                version.shown);
  if (major == 0 && minor == 1 && !has_semver) version.dialect = 1;
  if (major == 0 && (minor == 2 || minor == 3) && has_semver) version.dialect = 2;
  if (major == 0 && (minor == 4 || minor == 5) && has_semver) version.dialect = 3;
  if (major == 0 && minor >= 6 && minor <= 12 && has_semver) version.dialect = 4;
  if (version.dialect == 0)
    return fail(Errc::invalid, "rexray {} is not known here; say which dialect it speaks", version.shown);
  version.json = version.dialect >= 3 || (version.dialect == 2 && minor == 3);
  return version;
}

CliVersion version_of_dialect(int dialect) {
  return {.dialect = dialect, .json = dialect >= 2, .shown = fmt::format("of dialect {}", dialect)};
}

Words version_words() { return {"version"}; }

Words list_words(const CliVersion& version) {
  if (version.dialect == 1) return {"get-volume"};
  Words words = {"volume", version.dialect == 4 ? "ls" : "get"};
  add_json(version, words);
  return words;
}

Words map_words(const CliVersion& version) {
  Words words = {"volume", "map"};
  add_json(version, words);
  return words;
}

Words create_words(const CliVersion& version, const NewVolume& volume) {
  const bool newest = version.dialect == 4;
  Words words;
  if (version.dialect == 1)
    words = {"new-volume"};
  else if (newest)
    words = {"volume", "create", volume.name};
  else
    words = {"volume", "new"};
  words.push_back(fmt::format("--size={}", volume.size_gb));
  if (!newest) words.push_back("--volumename=" + volume.name);
  if (!volume.type.empty()) words.push_back((newest ? "--volumeType=" : "--volumetype=") + volume.type);
  if (volume.iops > 0) words.push_back(fmt::format("--iops={}", volume.iops));
  if (!volume.availability_zone.empty())
    words.push_back((newest ? "--availabilityZone=" : "--availabilityzone=") + volume.availability_zone);
  add_json(version, words);
  return words;
}

Words attach_words(const CliVersion& version, const std::string& id) {
  return by_id(version, "attach-volume", "attach", id);
}

Words detach_words(const CliVersion& version, const std::string& id) {
  return by_id(version, "detach-volume", "detach", id);
}

Words remove_words(const CliVersion& version, const std::string& id) {
  return by_id(version, "remove-volume", version.dialect == 4 ? "rm" : "remove", id);
}

std::string config_word(const std::string& file) { return "--config=" + file; }

std::string service_word(const std::string& service) { return "--service=" + service; }

}  // namespace extvold::providers::rexray
