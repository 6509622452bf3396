// One subscriber's stream: which bytes are due, when to look again, when it breaks. Heartbeats go on where
// the recording has no more of them: every 15 s, sped up as the clock is, never slower. Pure but for the
// clock it reads; one thread.
#pragma once

#include <string_view>

#include "model/instant.h"
#include "tests/replay/clock.h"
#include "tests/replay/stream_plan.h"

namespace extvold::replay {

class StreamSession {
 public:
  // The clock runs already and outlives the session.
  StreamSession(StreamPlan plan, const ReplayClock& clock, Instant now);

  // The bytes of one chunk that are due; empty: none yet. They stay valid until taken.
  std::string_view due(Instant now) const;
  void take(std::size_t count, Instant now);

  // Everything due was taken and the recorded connection broke by now.
  bool broken(Instant now) const;
  Instant next_look()
      const;  // when due() or broken() may change; kNever: not before the clock's hold is released

 private:
  Instant heartbeat_due() const;

  StreamPlan plan_;
  const ReplayClock* clock_;
  std::size_t piece_ = 0;      // the next one
  std::size_t taken_ = 0;      // of it, or of the heartbeat if one is under way
  bool in_heartbeat_ = false;  // a heartbeat of ours is under way
  Instant last_heartbeat_;
};

}  // namespace extvold::replay
