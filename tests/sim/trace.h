// Trace: what happened in a run, in order. Always as a rolling hash, by which two runs of one seed are
// compared; as text only where somebody reads it, because formatting costs more than everything else.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <type_traits>

#include "model/instant.h"

namespace extvold::sim {

class Trace {
 public:
  enum class Keep { nothing, recent, print };

  void keep(Keep how) { keep_ = how; }
  std::uint64_t hash() const { return hash_; }
  std::int64_t lines() const { return lines_; }
  const std::deque<std::string>& recent() const { return recent_; }

  // note(now, "attach", volume, host): words and numbers.
  template <typename... Parts>
  void note(Instant now, std::string_view what, const Parts&... parts) {
    ++lines_;
    add(static_cast<std::uint64_t>(now.ns));
    add(what);
    (add(parts), ...);
    if (keep_ == Keep::nothing) return;
    std::string line = fmt::format("{:>12.6f} {}", static_cast<double>(now.ns - kStart) / 1e9, what);
    ((line += fmt::format(" {}", parts)), ...);
    write(std::move(line));
  }

 private:
  static constexpr std::int64_t kStart = 1'000'000'000'000;  // where the Timeline begins
  static constexpr std::size_t kRecent = 400;

  void add(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001B3U; }
  void add(std::string_view text) {
    for (const char c : text) add(static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  }
  template <typename T>
  requires std::is_integral_v<T>
  void add(T value) { add(static_cast<std::uint64_t>(value)); }
  void write(std::string line) {
    if (keep_ == Keep::print) {
      fmt::print("{}\n", line);
      return;
    }
    recent_.push_back(std::move(line));
    if (recent_.size() > kRecent) recent_.pop_front();
  }

  Keep keep_ = Keep::nothing;
  std::uint64_t hash_ = 0xCBF29CE484222325U;
  std::int64_t lines_ = 0;
  std::deque<std::string> recent_;
};

}  // namespace extvold::sim
