#include "tests/replay/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include "model/check.h"

namespace extvold::replay {
namespace {

enum class Signalled { nothing, stop, release };

Signalled read_signal(int signal_fd) {
  signalfd_siginfo info{};
  if (::read(signal_fd, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) return Signalled::nothing;
  return info.ssi_signo == SIGUSR1 ? Signalled::release : Signalled::stop;
}

timespec until(Instant next, Instant now) {
  const std::int64_t ns = std::clamp<std::int64_t>((next - now).ns, 0, 1'000'000'000);
  return {static_cast<time_t>(ns / 1'000'000'000), static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

Server::Server(const History& history, const Addresses& addresses, const Answers& answers, ReplayClock clock,
               bool verbose)
    : history_(history),
      addresses_(addresses),
      answers_(answers),
      clock_(std::move(clock)),
      verbose_(verbose) {}

Server::~Server() = default;

void Server::add(const Endpoint& endpoint, Listener listener) {
  ports_.push_back(std::make_unique<HttpPort>(endpoint.name, std::move(listener), *this));
}

Status Server::open() { return apply_phases(monotonic_now()); }

Status Server::apply_phases(Instant now) {
  for (auto& port : ports_) {
    const Condition condition = history_.condition(port->endpoint(), clock_.at(now));
    if (condition == Condition::refused) {
      port->close();
    } else {
      TRY(port->open());
    }
    port->set_frozen(condition == Condition::frozen);
  }
  return {};
}

Instant Server::next_look(Instant now) const {
  Instant next = kNever;
  const Moment at = clock_.at(now);
  for (const auto& port : ports_) {
    next = std::min(next, port->next_look(now));
    if (!at) continue;
    for (const Phase& phase : history_.phases(port->endpoint())) {
      if (phase.from <= *at) continue;
      if (const auto when = clock_.when(phase.from)) next = std::min(next, *when);
      break;
    }
  }
  return next;
}

Status Server::run(int signal_fd) {
  while (true) {
    Instant now = monotonic_now();
    TRY(apply_phases(now));
    for (auto& port : ports_) port->run(now);

    std::vector<pollfd> polled{{signal_fd, POLLIN, 0}};
    for (const auto& port : ports_) {
      if (port->poll_fd() >= 0) polled.push_back({port->poll_fd(), POLLIN, 0});
    }
    now = monotonic_now();
    const timespec wait = until(next_look(now), now);
    if (::ppoll(polled.data(), polled.size(), &wait, nullptr) < 0 && errno != EINTR) {
      return fail(Errc::internal, "ppoll: {}", std::strerror(errno));
    }
    if ((polled.front().revents & POLLIN) == 0) continue;
    switch (read_signal(signal_fd)) {
      case Signalled::nothing:
        break;
      case Signalled::stop:
        return {};
      case Signalled::release:
        clock_.release(monotonic_now());
        break;
    }
  }
}

Reply Server::answer(const Ask& ask, Instant now) {
  const Moment at = clock_.at(now);
  // Between two turns of the loop an endpoint may have died; what it would say now is not what it said.
  if (history_.condition(ask.endpoint, at) == Condition::refused) {
    Reply cut;
    cut.kind = Reply::Kind::cut;
    return cut;
  }
  Reply reply = answers_.answer(ask, at);
  log(ask, reply, now);
  return reply;
}

StreamSession Server::subscribe(const Reply& reply, Instant now) {
  if (!clock_.started()) clock_.start(history_.start(reply.view), now);
  const Millis at = *clock_.at(now);
  const Connection* connection = history_.connection(reply.view, at);
  EXTVOLD_CHECK(connection != nullptr);
  return StreamSession(plan_stream(history_, addresses_, *connection, at), clock_, now);
}

void Server::log(const Ask& ask, const Reply& reply, Instant now) {
  if (!reply.note.empty() && noted_.insert(ask.endpoint + reply.note).second) {
    fmt::print(stderr, "extvold-replay: {}: {}\n", ask.endpoint, reply.note);
  }
  if (!verbose_) return;
  const Moment at = clock_.at(now);
  const std::string time = at ? fmt::format("{:.3f}", static_cast<double>(*at) / 1000.0) : "before";
  const std::string what = ask.body.empty() ? ask.path : ask.path + " " + ask.body.substr(0, 120);
  std::string came = std::to_string(reply.status) + " " + reply.source;
  if (reply.kind == Reply::Kind::stream) came = "stream";
  if (reply.kind == Reply::Kind::hang) came = "never";
  if (reply.kind == Reply::Kind::cut) came = "cut";
  fmt::print(stderr, "t={} {} {} {}: {}\n", time, ask.endpoint, ask.method, what, came);
}

}  // namespace extvold::replay
