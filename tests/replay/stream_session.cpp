#include "tests/replay/stream_session.h"

#include <algorithm>
#include <utility>

namespace extvold::replay {

StreamSession::StreamSession(StreamPlan plan, const ReplayClock& clock, Instant now)
    : plan_(std::move(plan)), clock_(&clock), last_heartbeat_(now) {}

Instant StreamSession::heartbeat_due() const {
  if (piece_ > 0 && !plan_.pieces[piece_ - 1].ends_record) return kNever;  // not inside a record
  const double speed = std::max(1.0, clock_->speed());
  const auto interval = Duration{static_cast<std::int64_t>(15e9 / speed)};
  const Instant due = last_heartbeat_ + interval;
  // The recorded heartbeats come at 15 s and a few ms: one that is about to come is enough.
  const Instant patience = due + Duration{interval.ns / 10};
  for (std::size_t i = piece_; i < plan_.pieces.size(); ++i) {
    if (!plan_.pieces[i].is_heartbeat) continue;
    const auto when = clock_->when(plan_.pieces[i].t);
    if (when && *when <= patience) return kNever;
    break;
  }
  return due;
}

std::string_view StreamSession::due(Instant now) const {
  if (in_heartbeat_) return std::string_view(kHeartbeat).substr(taken_);
  if (piece_ < plan_.pieces.size()) {
    const auto when = clock_->when(plan_.pieces[piece_].t);
    if (when && *when <= now) return std::string_view(plan_.pieces[piece_].bytes).substr(taken_);
    if (taken_ > 0) return std::string_view(plan_.pieces[piece_].bytes).substr(taken_);
  }
  if (heartbeat_due() <= now && !broken(now)) return kHeartbeat;
  return {};
}

void StreamSession::take(std::size_t count, Instant now) {
  const std::string_view bytes = due(now);
  if (count == 0 || bytes.empty()) return;
  const bool recorded = !in_heartbeat_ && piece_ < plan_.pieces.size() &&
                        bytes.data() == plan_.pieces[piece_].bytes.data() + taken_;
  in_heartbeat_ = !recorded;
  taken_ += count;
  if (count < bytes.size()) return;
  taken_ = 0;
  if (!recorded || plan_.pieces[piece_].is_heartbeat) last_heartbeat_ = now;
  if (recorded) ++piece_;
  in_heartbeat_ = false;
}

bool StreamSession::broken(Instant now) const {
  if (!plan_.cut || piece_ < plan_.pieces.size() || in_heartbeat_) return false;
  const auto when = clock_->when(*plan_.cut);
  return when && *when <= now;
}

Instant StreamSession::next_look() const {
  if (in_heartbeat_ || taken_ > 0) return {};
  Instant next = heartbeat_due();
  if (piece_ < plan_.pieces.size()) {
    if (const auto when = clock_->when(plan_.pieces[piece_].t)) next = std::min(next, *when);
  } else if (plan_.cut) {
    if (const auto when = clock_->when(*plan_.cut)) next = std::min(next, *when);
  }
  return next;
}

}  // namespace extvold::replay
