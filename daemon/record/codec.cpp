#include "daemon/record/codec.h"

#include <charconv>

namespace extvold::daemon::record {
namespace {

template <typename T, typename Read>
Status read_text(const Json& json, T& out, const Place& at, std::string_view what, Read read) {
  if (!json.is_string()) return at.refuse("{} is expected, not {}", what, shown(json));
  Result<T> value = read(json.get_ref<const std::string&>());
  if (!value) return at.refuse("{}", value.error().message);
  out = *std::move(value);
  return {};
}

bool read_number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

Result<Generation> generation_from_text(std::string_view text) {
  const std::size_t dot = text.find('.');
  Generation out;
  if (dot == std::string_view::npos || !read_number(text.substr(0, dot), out.incarnation) ||
      !read_number(text.substr(dot + 1), out.counter))
    return fail(Errc::invalid, "\"{}\" is no generation: incarnation.counter, as in \"3.17\"", text);
  return out;
}

}  // namespace

std::string Place::text() const {
  if (above_ == nullptr) return {};
  std::string out = above_->text();
  if (name_.data() == nullptr) return out + fmt::format("[{}]", index_);
  if (!out.empty()) out += '.';
  return out.append(name_);
}

std::string shown(const Json& json) {
  std::string out = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  constexpr std::size_t kShown = 60;
  if (out.size() > kShown) {
    out.resize(kShown);
    out += "...";
  }
  return out;
}

Status from_json(const Json& json, bool& out, const Place& at) {
  if (!json.is_boolean()) return at.refuse("true or false is expected, not {}", shown(json));
  out = json.get<bool>();
  return {};
}

Status from_json(const Json& json, std::string& out, const Place& at) {
  if (!json.is_string()) return at.refuse("a text is expected, not {}", shown(json));
  out = json.get_ref<const std::string&>();
  return {};
}

Status from_json(const Json& json, Errc& out, const Place& at) {
  return read_text(json, out, at, "an error code", [](const std::string& text) -> Result<Errc> {
    const Errc code = errc_from_text(text);  // answers `internal` to what it does not know
    if (extvold::to_text(code) != text) return fail(Errc::invalid, "\"{}\" is no error code", text);
    return code;
  });
}

Status from_json(const Json& json, Generation& out, const Place& at) {
  return read_text(json, out, at, "a generation",
                   [](const std::string& text) { return generation_from_text(text); });
}

Status from_json(const Json& json, PoolName& out, const Place& at) {
  return read_text(json, out, at, "a pool's name", [](const std::string& text) -> Result<PoolName> {
    if (text.empty()) return PoolName{};
    auto name = pool_name_from_text(text);
    if (!name) return fail(Errc::invalid, "\"{}\" is no pool: type~instance~pool", text);
    return *std::move(name);
  });
}

Status from_json(const Json& json, Duration& out, const Place& at) {
  return read_text(json, out, at, "a duration",
                   [](const std::string& text) { return duration_from_text(text); });
}

Status from_json(const Json& json, Instant& out, const Place& at) {
  return read_text(json, out, at, "an instant",
                   [](const std::string& text) { return instant_from_text(text); });
}

Status from_json(const Json& json, WallTime& out, const Place& at) {
  return read_text(json, out, at, "a time",
                   [](const std::string& text) { return wall_time_from_text(text); });
}

Status number_from_key(const std::string& text, std::int64_t& out, const Place& at) {
  if (!read_number(text, out)) return at.refuse("a number is expected as its name");
  return {};
}

}  // namespace extvold::daemon::record
