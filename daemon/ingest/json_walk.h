// Walk: one element, read field by field in whatever order the fields come.
//
// simdjson finds the structure (its stage 1: every bracket, comma, colon and beginning of a string or
// literal, strings and UTF-8 checked, by the best the processor has); this class walks over that index.
// simdjson's own ways to walk were measured (bench/bench_decode): DOM copies every string first, on-demand
// does not know the lengths of strings and keys, and passing over a value costs it more than here. Private to
// ingest; json_walk.cpp is the only file that includes simdjson.
//
// Readers return false after a failure, which ends the element. They copy only what they name, so what is not
// named (secrets, status.data) is never copied. Texts are views that live until the next element. `null`
// counts as absent. The grammar of all that is read is checked; of a value that is passed over, only
// brackets, strings and UTF-8 are. Depth is bounded by the scanner that cut the element
// (NestSkipper::kMaxDepth). One thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/ingest/counters.h"
#include "daemon/ingest/key_set.h"
#include "model/result.h"

namespace extvold::ingest {

// A value inside of the element that is being read. Made by Walk, used up by one of its readers, or passed
// over.
class JsonValue {
 private:
  friend class Walk;
  explicit JsonValue(std::uint32_t at) : at_(at) {}
  std::uint32_t at_;  // in the index
};

class Walk {
 public:
  explicit Walk(IngestCounters& counters);
  ~Walk();
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  // Reads `json`, which must be an object; on_field(key, value) says for each field if to go on. Bytes of
  // invalid UTF-8 are replaced in a copy, which is then read. Errc::corrupt.
  template <typename OnField>
  Status element(std::string_view json, OnField&& on_field) {
    JsonValue root(0);
    if (open(json) && object(root, "element", on_field) && at_end()) return {};
    return error();
  }

  // Reads a value of the present element that was passed over, after element() has returned.
  template <typename Read>
  Status then(JsonValue value, Read&& read) {
    if (read(value)) return {};
    return error();
  }

  template <typename OnField>
  bool object(JsonValue& value, const char* what, OnField&& on_field) {
    std::uint32_t at = value.at_;
    if (byte(at) != '{') return wrong_type(what, "an object");
    if (byte(++at) == '}') return pass(at);
    while (true) {
      if (byte(at) != '"' || byte(at + 1) != ':') return malformed(at);
      const std::string_view key = raw_string(at);
      JsonValue field(at + 2);
      next_ = field.at_;
      if (byte(field.at_) != 'n' && !on_field(key, field)) return false;
      if (next_ == field.at_ && !pass_over(field.at_)) return false;
      at = next_;
      if (byte(at) == '}') return pass(at);
      if (byte(at++) != ',') return malformed(at - 1);
    }
  }

  // on_element(value) → bool
  template <typename OnElement>
  bool array(JsonValue& value, const char* what, OnElement&& on_element) {
    std::uint32_t at = value.at_;
    if (byte(at) != '[') return wrong_type(what, "an array");
    if (byte(++at) == ']') return pass(at);
    while (true) {
      JsonValue one(at);
      next_ = at;
      if (!on_element(one)) return false;
      if (next_ == at && !pass_over(at)) return false;
      at = next_;
      if (byte(at) == ']') return pass(at);
      if (byte(at++) != ',') return malformed(at - 1);
    }
  }

  // on_element() gets the last element only, if there is one.
  template <typename OnElement>
  bool last_of_array(JsonValue& value, const char* what, OnElement&& on_element) {
    std::uint32_t last = 0;
    if (!array(value, what, [&](JsonValue& one) {
          last = one.at_;
          return true;
        })) {
      return false;
    }
    const std::uint32_t behind = next_;
    JsonValue one(last);
    if (last != 0 && !on_element(one)) return false;
    next_ = behind;
    return true;
  }

  bool text(JsonValue& value, const char* what, std::string_view& out) {
    if (byte(value.at_) != '"') return wrong_type(what, "a string");
    out = raw_string(value.at_);
    next_ = value.at_ + 1;
    return !escapes_ || out.find('\\') == std::string_view::npos || unescape(what, out);
  }

  // {"value": "..."}: how protobuf writes an id. Eight of them in a task, so the usual spelling has a short
  // cut.
  bool id(JsonValue& value, const char* what, std::string_view& out) {
    constexpr std::string_view kUsual = R"({"value":")";
    const std::uint32_t at = value.at_;
    if (!escapes_ && byte(at + 4) == '}' && json_.substr(offsets_[at], kUsual.size()) == kUsual) {
      out = raw_string(at + 3);
      return pass(at + 4);
    }
    return object(value, what, [&](std::string_view key, JsonValue& field) {
      return is_key(key, "value") ? text(field, what, out) : unknown_field();
    });
  }
  // A copy, of at most `limit` bytes; what is longer is cut at a character and counted.
  bool text(JsonValue& value, const char* what, std::string& out, std::size_t limit) {
    std::string_view view;
    if (!text(value, what, view)) return false;
    out.assign(view.size() <= limit ? view : cut(view, limit));
    return true;
  }
  bool boolean(JsonValue& value, const char* what, bool& out);
  bool number(JsonValue& value, const char* what, double& out);
  bool number_text(JsonValue& value, const char* what, std::string_view& out);  // as written
  bool integer(JsonValue& value, const char* what, std::int64_t& out);
  // An array or object as written. Does not use it up.
  bool raw(JsonValue& value, std::string_view& out);

  // A key or enum value that no table has. Always true.
  bool unknown_field() {
    ++counters_.unknown_fields;
    return true;
  }
  bool unknown_value() {
    ++counters_.unknown_values;
    return true;
  }
  bool refuse(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

 private:
  struct Index;  // simdjson's

  // The byte that an entry of the index points to; ' ' behind the end.
  char byte(std::uint32_t at) const { return at < count_ ? json_[offsets_[at]] : ' '; }
  // The token that begins there, up to the next one, white space included. Entry count_ is the text's size.
  std::string_view token(std::uint32_t at) const {
    return json_.substr(offsets_[at], offsets_[at + 1] - offsets_[at]);
  }
  // The inside of the string that begins there, as written.
  std::string_view raw_string(std::uint32_t at) const {
    std::uint32_t end = offsets_[at + 1] - 1;
    while (json_[end] != '"') --end;  // white space before the next token
    return json_.substr(offsets_[at] + 1, end - offsets_[at] - 1);
  }
  bool pass(std::uint32_t at) {
    next_ = at + 1;
    return true;
  }
  bool pass_over(std::uint32_t at);
  bool at_end();
  bool open(std::string_view json);
  bool index(std::string_view json);
  bool unescape(const char* what, std::string_view& out);
  std::string_view cut(std::string_view text, std::size_t limit);
  std::string_view scalar(std::uint32_t at) const;
  bool wrong_type(const char* what, const char* wanted);
  bool malformed(std::uint32_t at);
  tl::unexpected<Error> error();

  IngestCounters& counters_;
  std::unique_ptr<Index> index_;
  std::string_view json_;
  const std::uint32_t* offsets_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t next_ = 0;             // behind the value that was used up last
  bool escapes_ = false;               // somewhere in the element there is a backslash
  std::string copy_;                   // the element, where it had to be repaired
  std::deque<std::string> unescaped_;  // texts of this element that had escapes
  std::string problem_;
};

}  // namespace extvold::ingest
