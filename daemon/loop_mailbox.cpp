#include "daemon/loop_mailbox.h"

#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "daemon/uv/async.h"

namespace extvold::daemon {

class LoopMailbox::Box final : public providers::csi::LoopPost {
 public:
  explicit Box(uv::Loop& loop) {
    async_.emplace(loop, [this] { run(); });
  }

  void post(std::function<void()> closure) override {
    const std::lock_guard hold(mutex_);
    queue_.push_back(std::move(closure));
    if (async_) async_->send();
  }

  void close() {
    const std::lock_guard hold(mutex_);
    async_.reset();
  }

 private:
  // Those that are posted meanwhile have sent again.
  void run() {
    std::deque<std::function<void()>> closures;
    {
      const std::lock_guard hold(mutex_);
      closures.swap(queue_);
    }
    for (const std::function<void()>& one : closures) one();
  }

  std::mutex mutex_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  std::optional<uv::Async> async_;           // guarded by mutex_, as to whether it is there
};

LoopMailbox::LoopMailbox(uv::Loop& loop) : loop_(loop) {}

LoopMailbox::~LoopMailbox() {
  if (!box_) return;
  box_->close();
  if (box_.use_count() == 1) return;  // nobody can post any more
  static auto* const kept = new std::vector<std::shared_ptr<Box>>;
  kept->push_back(box_);
}

std::shared_ptr<providers::csi::LoopPost> LoopMailbox::post() {
  if (!box_) box_ = std::make_shared<Box>(loop_);
  return box_;
}

}  // namespace extvold::daemon
