// Log: one line of key=value pairs (logfmt) for each thing that an operator may want to know.
//
//   log.warning("subscription_closed", {{"master", url}, {"reason", why}, {"retry_in_ms", 1500}});
//   → level=warning event=subscription_closed master=http://m1:5050/api/v1 reason="not a byte for 75 s"
//   retry_in_ms=1500
//
// The event names are the message ids, listed in messages.md with what to do about each. There is no global
// log: whoever decides is given one, and libraries below daemon/ never log. Loop thread only (the sink may be
// anything).
//
// Whatever a value holds, the line stays one line of printable UTF-8: control characters, bidirectional
// overrides and invalid bytes are escaped, long values are cut.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "daemon/clock.h"
#include "model/enum_text.h"

namespace extvold::daemon {

EXTVOLD_ENUM(LogLevel, debug, info, warning, error)

// The key is a literal in lower_snake; the value is formatted at once.
struct LogField {
  template <typename T>
  requires std::integral<T> &&
      (!std::same_as<T, bool>)&&(!std::same_as<T, char>)LogField(std::string_view k, T v)
      : key(k), value(std::to_string(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v ? "true" : "false") {}
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}

  std::string_view key;
  std::string value;
};

class Log {
 public:
  // Gets the line without its newline.
  using Sink = std::function<void(LogLevel, std::string_view line)>;

  // With a clock each line begins with `time=` in UTC; without one (journald stamps the lines) it does not.
  Log(Sink sink, LogLevel least, const Clock* clock = nullptr);

  void debug(std::string_view event, std::initializer_list<LogField> fields) {
    write(LogLevel::debug, event, {fields.begin(), fields.size()});
  }
  void info(std::string_view event, std::initializer_list<LogField> fields) {
    write(LogLevel::info, event, {fields.begin(), fields.size()});
  }
  void warning(std::string_view event, std::initializer_list<LogField> fields) {
    write(LogLevel::warning, event, {fields.begin(), fields.size()});
  }
  void error(std::string_view event, std::initializer_list<LogField> fields) {
    write(LogLevel::error, event, {fields.begin(), fields.size()});
  }

  void set_least(LogLevel least) { least_ = least; }
  bool is_on(LogLevel level) const { return level >= least_; }
  // For fields that are not known where the line is written.
  void write(LogLevel level, std::string_view event, std::span<const LogField> fields);

 private:
  Sink sink_;
  LogLevel least_;
  const Clock* clock_;
};

constexpr std::size_t kLogValueBytesMax = 1024;  // longer values are cut, and say by how much
constexpr std::size_t kLogLineBytesMax =
    16U << 10U;  // further fields are left out, and `fields_left_out` says how many

// `value` as it stands in a line: bare if it is simple, else quoted and escaped.
std::string log_value(std::string_view value);

// True if standard error is a stream of journald (JOURNAL_STREAM names its device and inode, see
// systemd.exec(5)).
bool stderr_is_journal();

// Writes to standard error, whole lines, each with one write(2). For journald with the prefix <N> of
// sd-daemon(3). A line that cannot be written is lost: logging never stops the daemon.
Log::Sink stderr_sink(bool to_journal);

}  // namespace extvold::daemon
