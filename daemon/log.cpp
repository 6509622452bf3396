#include "daemon/log.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

#include "model/check.h"

namespace extvold::daemon {
namespace {

struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;  // 0: not valid UTF-8 here
};

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
CodePoint decode_utf8(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  if (length == 0 || first > 0xf4 || text.size() < length) return {};
  char32_t value = first & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0U) != 0x80U) return {};
    value = value << 6U | (byte(i) & 0x3fU);
  }
  const bool overlong = (length == 3 && value < 0x800) || (length == 4 && value < 0x10000);
  if (overlong || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff) return {};
  return {value, length};
}

// Controls (C0, DEL, C1), line separators, and what turns the direction of text: they can make a line look
// like another.
bool is_unprintable(char32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x2028 || c == 0x2029 || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f || c == 0xfeff;
}

bool is_simple(std::string_view value) {
  if (value.empty()) return false;
  for (char c : value) {
    if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
      return false;  // also every byte above 0x7f
  }
  return true;
}

void append_escaped(std::string& out, std::string_view value) {
  while (!value.empty()) {
    const CodePoint point = decode_utf8(value);
    const char first = value.front();
    if (point.bytes == 0) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(first));
    } else if (first == '"' || first == '\\') {
      out += {'\\', first};
    } else if (first == '\n') {
      out += "\\n";
    } else if (first == '\t') {
      out += "\\t";
    } else if (first == '\r') {
      out += "\\r";
    } else if (is_unprintable(point.value)) {
      out += fmt::format("\\u{{{:x}}}", static_cast<std::uint32_t>(point.value));
    } else {
      out += value.substr(0, point.bytes);
    }
    value.remove_prefix(point.bytes == 0 ? 1 : point.bytes);
  }
}

bool is_key(std::string_view key) {
  if (key.empty()) return false;
  for (char c : key) {
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

std::string utc_text(WallTime time) {
  const auto seconds = static_cast<std::time_t>(time.ns / 1'000'000'000);
  std::tm parts{};
  EXTVOLD_CHECK(gmtime_r(&seconds, &parts) != nullptr);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, time.ns / 1'000'000 % 1000);
}

// sd-daemon(3): SD_ERR, SD_WARNING, SD_INFO, SD_DEBUG.
std::string_view priority_prefix(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "<3>";
    case LogLevel::warning:
      return "<4>";
    case LogLevel::info:
      return "<6>";
    case LogLevel::debug:
      return "<7>";
  }
  EXTVOLD_UNREACHABLE();
}

}  // namespace

Log::Log(Sink sink, LogLevel least, const Clock* clock)
    : sink_(std::move(sink)), least_(least), clock_(clock) {}

void Log::write(LogLevel level, std::string_view event, std::span<const LogField> fields) {
  if (!is_on(level)) return;
  EXTVOLD_CHECK(is_key(event));
  std::string line;
  if (clock_ != nullptr) line = fmt::format("time={} ", utc_text(clock_->wall()));
  line += fmt::format("level={} event={}", to_text(level), event);
  std::size_t left_out = 0;
  for (const LogField& field : fields) {
    EXTVOLD_CHECK(is_key(field.key));
    const std::string value = log_value(field.value);
    if (left_out > 0 || line.size() + field.key.size() + value.size() + 2 > kLogLineBytesMax) {
      ++left_out;
      continue;
    }
    line += fmt::format(" {}={}", field.key, value);
  }
  if (left_out > 0) line += fmt::format(" fields_left_out={}", left_out);
  sink_(level, line);
}

std::string log_value(std::string_view value) {
  std::string_view kept = value.substr(0, kLogValueBytesMax);
  if (kept.size() < value.size()) {
    // Not inside a character: back to the last byte that begins one, if it is near.
    std::size_t cut = kept.size();
    while (cut > kept.size() - 3 && (static_cast<unsigned char>(value[cut]) & 0xc0U) == 0x80U) --cut;
    kept = kept.substr(0, cut);
  } else if (is_simple(value)) {
    return std::string(value);
  }
  std::string out = "\"";
  append_escaped(out, kept);
  if (kept.size() < value.size()) out += fmt::format("… ({} bytes more)", value.size() - kept.size());
  out += '"';
  return out;
}

bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return fmt::format("{}:{}", status.st_dev, status.st_ino) == stream;
}

Log::Sink stderr_sink(bool to_journal) {
  return [to_journal](LogLevel level, std::string_view line) {
    const std::string out = fmt::format("{}{}\n", to_journal ? priority_prefix(level) : "", line);
    std::string_view rest = out;
    while (!rest.empty()) {
      const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  };
}

}  // namespace extvold::daemon
