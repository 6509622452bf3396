#include "daemon/uv/loop.h"

#include <csignal>

#include "model/check.h"

namespace extvold::daemon::uv {
namespace {

// A close callback may close further handles; nothing here nests deeper than two.
constexpr int kDrainTurnsMax = 16;

}  // namespace

Loop::Loop() {
  EXTVOLD_CHECK(uv_loop_init(&loop_) == 0);
  std::signal(SIGPIPE, SIG_IGN);
}

Loop::~Loop() {
  for (int i = 0; i < kDrainTurnsMax && uv_loop_alive(&loop_) != 0; ++i) uv_run(&loop_, UV_RUN_NOWAIT);
  // A name lookup cannot be taken back; the resolver has time-outs of its own.
  while (loop_.active_reqs.count > 0) uv_run(&loop_, UV_RUN_ONCE);
  EXTVOLD_CHECK(uv_loop_close(&loop_) == 0);
}

void Loop::run() { uv_run(&loop_, UV_RUN_DEFAULT); }

bool Loop::turn() { return uv_run(&loop_, UV_RUN_ONCE) != 0; }

void Loop::stop() { uv_stop(&loop_); }

}  // namespace extvold::daemon::uv
