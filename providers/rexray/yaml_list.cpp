#include "providers/rexray/yaml_list.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "providers/foreign_text.h"

namespace extvold::providers::rexray {
namespace {

using Json = nlohmann::json;

struct Line {
  std::size_t number = 0;
  std::size_t indent = 0;  // of the key: `- ` in front of it counts as two blanks
  bool begins_item = false;
  std::string_view key;
  std::string value;  // as it is written
};

// go-yaml breaks a text that is longer at one of its blanks.
constexpr std::size_t kWidth = 80;

tl::unexpected<Error> bad_line(std::size_t number, std::string_view why) {
  return fail(Errc::internal, "line {} of the YAML: {}", number, why);
}

bool is_key(std::string_view text) {
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!plain) return false;
  }
  return !text.empty();
}

Result<Line> split_line(std::string_view text, std::size_t number) {
  Line line;
  line.number = number;
  while (line.indent < text.size() && text[line.indent] == ' ') ++line.indent;
  std::string_view rest = text.substr(line.indent);
  if (rest.starts_with("- ")) {
    line.begins_item = true;
    line.indent += 2;
    rest.remove_prefix(2);
  }
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos || !is_key(rest.substr(0, colon)))
    return bad_line(number, "has no key");
  line.key = rest.substr(0, colon);
  rest.remove_prefix(colon + 1);
  if (!rest.empty() && rest.front() != ' ') return bad_line(number, "has no blank after its key");
  if (!rest.empty()) rest.remove_prefix(1);
  line.value = rest;
  return line;
}

std::size_t indent_of(std::string_view text) { return std::min(text.find_first_not_of(' '), text.size()); }

// The rest of the value of `line`, of which `above` is the last line so far.
bool continues(const Line& line, std::string_view above, std::string_view text) {
  return above.size() > kWidth && !line.value.empty() && indent_of(text) == line.indent + 2 &&
         text.size() > line.indent + 2;
}

// The escapes that go-yaml writes.
std::optional<std::string> read_double_quoted(std::string_view inner) {
  std::string out;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '"') return std::nullopt;
    if (inner[i] != '\\') {
      out += inner[i];
      continue;
    }
    if (++i == inner.size()) return std::nullopt;
    constexpr std::string_view kFrom = "\"\\/ nrtbfae0";
    constexpr std::string_view kTo("\"\\/ \n\r\t\b\f\a\x1b\0", 12);
    if (const std::size_t at = kFrom.find(inner[i]); at != std::string_view::npos) {
      out += kTo[at];
      continue;
    }
    if (inner[i] != 'x' || i + 2 >= inner.size()) return std::nullopt;
    unsigned value = 0;
    const char* const end = inner.data() + i + 3;
    if (std::from_chars(inner.data() + i + 1, end, value, 16).ptr != end || value >= 0x80)
      return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

std::optional<std::string> read_single_quoted(std::string_view inner) {
  std::string out;
  for (std::size_t i = 0; i < inner.size(); ++i) {
    if (inner[i] == '\'' && (i + 1 == inner.size() || inner[++i] != '\'')) return std::nullopt;
    out += inner[i];
  }
  return out;
}

std::optional<std::string> read_scalar(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const char first = value.front();
  if (first == '"' || first == '\'') {
    if (value.size() < 2 || value.back() != first) return std::nullopt;
    const std::string_view inner = value.substr(1, value.size() - 2);
    return first == '"' ? read_double_quoted(inner) : read_single_quoted(inner);
  }
  constexpr std::string_view kIndicators = "&*!|>%@`{}[],#?";
  const bool plain = kIndicators.find(first) == std::string_view::npos && value.back() != ' ' &&
                     value.find(": ") == std::string_view::npos &&
                     value.find(" #") == std::string_view::npos && value.back() != ':';
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < ' ') return std::nullopt;
  }
  return plain ? std::optional<std::string>(value) : std::nullopt;
}

class Reader {
 public:
  Status take(const Line& line) {
    if (line.indent == 2 && line.begins_item) {
      below_ = nullptr;
      list_.push_back(Json::object());
      return put(list_.back(), line, true);
    }
    if (list_.empty()) return bad_line(line.number, "stands in no item");
    if (line.indent == 2) {
      below_ = nullptr;
      return put(list_.back(), line, true);
    }
    // go-yaml writes an inner list's `- ` below its key, not indented.
    if (line.indent != 4 || below_ == nullptr) return bad_line(line.number, "is indented as nothing here is");
    if (line.begins_item) below_->push_back(Json::object());
    if (below_->empty()) return bad_line(line.number, "stands in no item");
    return put(below_->back(), line, false);
  }

  Json result() && { return std::move(list_); }

 private:
  Status put(Json& object, const Line& line, bool may_nest) {
    const std::string key(line.key);
    if (object.contains(key)) return bad_line(line.number, "its key is there twice");
    if (line.value == "[]" && may_nest) {
      object.emplace(key, Json::array());
    } else if (line.value.empty() && may_nest) {
      below_ = &*object.emplace(key, Json::array()).first;
    } else {
      std::optional<std::string> scalar = read_scalar(line.value);
      if (!scalar) return bad_line(line.number, "has a value that REX-Ray does not write");
      object.emplace(key, *std::move(scalar));
    }
    return {};
  }

  Json list_ = Json::array();
  Json* below_ = nullptr;  // the inner list of the last key
};

}  // namespace

Result<Json> read_yaml_list(std::string_view text) {
  if (text == "[]\n") return Json::array();
  if (!text.empty() && text.back() != '\n')
    return fail(Errc::internal, "the YAML ends in the middle of a line");
  Reader reader;
  std::optional<Line> open;  // what may go on in the next line
  std::string_view above;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view shown = text.substr(0, end);
    text.remove_prefix(end + 1);
    // 0.2 and later add a line feed to what already ends with one.
    if (shown.empty() && text.empty()) break;
    if (open && continues(*open, above, shown)) {
      open->value += " " + std::string(shown.substr(open->indent + 2));
    } else {
      if (open) TRY(reader.take(*open));
      ASSIGN(open, split_line(shown, number));
    }
    above = shown;
  }
  if (open) TRY(reader.take(*open));
  return std::move(reader).result();
}

}  // namespace extvold::providers::rexray
