#include "daemon/request_uri.h"

namespace extvold::daemon {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode(std::string_view text, bool is_query) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0)
        return fail(Errc::invalid, "the URL has a '%' without two hex digits after it");
      c = static_cast<char>(high * 16 + low);
      if (c == '\0' || (c == '/' && !is_query))
        return fail(Errc::invalid, "the URL has an escaped '/' or NUL");
      i += 2;
    } else if (c == '+' && is_query) {
      c = ' ';
    }
    out += c;
  }
  return out;
}

}  // namespace

Result<RequestUri> parse_request_uri(std::string_view uri) {
  if (!uri.starts_with('/')) return fail(Errc::invalid, "the URL must begin with '/'");
  RequestUri out;
  const std::size_t mark = uri.find('?');
  ASSIGN(out.path, decode(uri.substr(0, mark), false));
  std::string_view rest = mark == std::string_view::npos ? std::string_view() : uri.substr(mark + 1);
  while (!rest.empty()) {
    const std::size_t end = rest.find('&');
    const std::string_view one = rest.substr(0, end);
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    if (one.empty()) continue;
    const std::size_t equals = one.find('=');
    ASSIGN(std::string name, decode(one.substr(0, equals), true));
    std::string value;
    if (equals != std::string_view::npos) {
      ASSIGN(value, decode(one.substr(equals + 1), true));
    }
    if (!out.query.emplace(name, std::move(value)).second) {
      return fail(Errc::invalid, "the URL has the parameter \"{}\" twice", name);
    }
  }
  return out;
}

}  // namespace extvold::daemon
