#include "daemon/ingest/json_walk.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "daemon/ingest/utf8_repair.h"

namespace extvold::ingest {

namespace {

constexpr std::size_t kKeepBytes = std::size_t{1}
                                   << 20;  // buffers beyond this are given back after the element
constexpr std::size_t kFirstCapacity = std::size_t{16} << 10;

constexpr std::array<std::int8_t, 256> depth_changes() {
  std::array<std::int8_t, 256> table{};
  table['{'] = table['['] = 1;
  table['}'] = table[']'] = -1;
  return table;
}
constexpr std::array<std::int8_t, 256> kDepthChange = depth_changes();

}  // namespace

struct Walk::Index {
  std::unique_ptr<simdjson::internal::dom_parser_implementation> simd;
  std::size_t capacity = 0;
};

Walk::Walk(IngestCounters& counters) : counters_(counters), index_(std::make_unique<Index>()) {}
Walk::~Walk() = default;

bool Walk::open(std::string_view json) {
  problem_.clear();
  if (!unescaped_.empty()) unescaped_.clear();
  if (copy_.capacity() > kKeepBytes) copy_ = std::string();
  ++counters_.elements;
  return index(json);
}

bool Walk::index(std::string_view json) {
  if (index_->capacity < json.size() || (index_->capacity > kKeepBytes && json.size() <= kKeepBytes)) {
    index_->capacity = std::max(std::bit_ceil(json.size()), kFirstCapacity);
    const simdjson::implementation* const implementation = simdjson::get_active_implementation();
    const auto code = implementation->create_dom_parser_implementation(index_->capacity, 1, index_->simd);
    if (code != simdjson::SUCCESS) return refuse(simdjson::error_message(code));
  }
  const auto code = index_->simd->stage1(reinterpret_cast<const std::uint8_t*>(json.data()), json.size(),
                                         simdjson::stage1_mode::regular);
  if (code == simdjson::UTF8_ERROR && json.data() != copy_.data()) {
    copy_.assign(json);
    counters_.replaced_bytes += repair_utf8(copy_);
    return index(copy_);
  }
  if (code != simdjson::SUCCESS) return refuse(simdjson::error_message(code));
  json_ = json;
  offsets_ = index_->simd->structural_indexes.get();
  count_ = index_->simd->n_structural_indexes;
  index_->simd->structural_indexes[count_] = static_cast<std::uint32_t>(json.size());
  next_ = 0;
  escapes_ = std::memchr(json.data(), '\\', json.size()) != nullptr;
  return true;
}

// Brackets are counted, not matched: what lies inside is not read.
bool Walk::pass_over(std::uint32_t at) {
  const char* const json = json_.data();
  const std::uint32_t* const end = offsets_ + count_;
  const std::uint32_t* entry = offsets_ + at;
  std::int32_t depth = 0;
  for (; entry < end; ++entry) {
    depth += kDepthChange[static_cast<unsigned char>(json[*entry])];
    if (depth <= 0) break;
  }
  if (depth != 0 || entry >= end || byte(at) == ',' || byte(at) == ':') return malformed(at);
  next_ = static_cast<std::uint32_t>(entry - offsets_) + 1;
  return true;
}

bool Walk::at_end() { return next_ == count_ || malformed(next_); }

std::string_view Walk::scalar(std::uint32_t at) const {
  if (at >= count_) return {};
  std::string_view text = token(at);
  while (!text.empty() && static_cast<unsigned char>(text.back()) <= ' ') text.remove_suffix(1);
  return text;
}

bool Walk::boolean(JsonValue& value, const char* what, bool& out) {
  const std::string_view text = scalar(value.at_);
  if (text != "true" && text != "false") return wrong_type(what, "true or false");
  out = text == "true";
  next_ = value.at_ + 1;
  return true;
}

bool Walk::number(JsonValue& value, const char* what, double& out) {
  const std::string_view text = scalar(value.at_);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return wrong_type(what, "a number");
  next_ = value.at_ + 1;
  return true;
}

bool Walk::number_text(JsonValue& value, const char* what, std::string_view& out) {
  double number = 0;
  out = scalar(value.at_);
  return Walk::number(value, what, number);
}

bool Walk::integer(JsonValue& value, const char* what, std::int64_t& out) {
  const std::string_view text = scalar(value.at_);
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), out);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return wrong_type(what, "an integer");
  next_ = value.at_ + 1;
  return true;
}

bool Walk::raw(JsonValue& value, std::string_view& out) {
  if (!pass_over(value.at_)) return false;
  out = json_.substr(offsets_[value.at_], offsets_[next_ - 1] + 1 - offsets_[value.at_]);
  next_ = value.at_;
  return true;
}

// Control characters have no business in an id, a name or a log line: they are replaced like invalid UTF-8.
bool Walk::unescape(const char* what, std::string_view& out) {
  std::string source(out);
  source += '"';
  source.append(simdjson::SIMDJSON_PADDING, ' ');
  std::string& text = unescaped_.emplace_back(source.size() + simdjson::SIMDJSON_PADDING, '\0');
  auto* const begin = reinterpret_cast<std::uint8_t*>(text.data());
  const std::uint8_t* const end =
      index_->simd->parse_string(reinterpret_cast<const std::uint8_t*>(source.data()), begin);
  if (end == nullptr) return wrong_type(what, "a string with valid escapes");
  text.resize(static_cast<std::size_t>(end - begin));
  for (char& c : text) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) continue;
    c = '?';
    ++counters_.replaced_bytes;
  }
  out = text;
  return true;
}

std::string_view Walk::cut(std::string_view text, std::size_t limit) {
  ++counters_.cut_texts;
  std::size_t end = limit;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
  return text.substr(0, end);
}

bool Walk::wrong_type(const char* what, const char* wanted) {
  return refuse(fmt::format("{} is not {}", what, wanted));
}

bool Walk::malformed(std::uint32_t at) {
  return refuse(
      fmt::format("malformed JSON at byte {} of the element", at < count_ ? offsets_[at] : json_.size()));
}

tl::unexpected<Error> Walk::error() { return tl::make_unexpected(Error{Errc::corrupt, std::move(problem_)}); }

}  // namespace extvold::ingest
