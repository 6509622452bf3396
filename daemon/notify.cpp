#include "daemon/notify.h"

#include <fmt/format.h>
#include <systemd/sd-daemon.h>

#include <algorithm>
#include <ctime>
#include <string>

namespace extvold::daemon {
namespace {

// A newline would begin another assignment of the protocol.
std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// The answer does not matter: without systemd there is nobody to tell, and with it nothing to do about a
// failure.
void send(const std::string& message) { sd_notify(0, message.c_str()); }

}  // namespace

Notify::Notify(uv::Loop& loop) : timer_(loop) { timer_.unref(); }

void Notify::ready(std::string_view status) { send(fmt::format("READY=1\nSTATUS={}", one_line(status))); }

void Notify::status(std::string_view status) { send(fmt::format("STATUS={}", one_line(status))); }

void Notify::reloading() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);  // Type=notify-reload wants this clock
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void Notify::stopping() { send("STOPPING=1"); }

void Notify::start_watchdog(std::function<bool()> healthy) {
  std::uint64_t interval_us = 0;
  if (sd_watchdog_enabled(0, &interval_us) <= 0) return;
  healthy_ = std::move(healthy);
  ping_interval_ = {static_cast<std::int64_t>(interval_us / 2) * 1000};
  ping();
}

void Notify::ping() {
  if (!healthy_ || healthy_()) send("WATCHDOG=1");
  timer_.start(ping_interval_, [this] { ping(); });
}

}  // namespace extvold::daemon
