#include "providers/rbd/change_steps.h"

#include <cerrno>

#include "providers/results.h"

namespace extvold::providers::rbd {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

std::string command_text(const std::vector<std::string>& words) {
  std::string text = "rbd";
  for (const std::string& word : words) text += " " + word;
  return text;
}

// One that was killed, or whose OSD did not answer, did not end its watch.
bool may_be_seen_on(const Result<ToolAnswer>& ended) {
  constexpr int kDied = 128;
  if (!ended) return ended.error().code == Errc::uncertain;
  return ended->exit_status >= kDied || ended->exit_status == ETIMEDOUT;
}

}  // namespace

void ChangeSteps::change(std::vector<std::string> words, const Next& next) {
  change(std::move(words), next, [self = shared_from_this()](const Error& error) { self->fail_with(error); });
}

void ChangeSteps::change(std::vector<std::string> words, const Next& next,
                         std::function<void(const Error&)> on_refused) {
  const std::string what = command_text(words);
  const auto on_end = [self = shared_from_this(), what, next,
                       on_refused = std::move(on_refused)](const Result<ToolAnswer>& ended) {
    const Status status = changed(ended, what);
    if (!status && status.error().code != Errc::uncertain) return on_refused(status.error());
    self->changed_ = true;
    if (!status) return self->fail_with(status.error());
    next();
  };
  run_noted(std::move(words), deadline_at_, on_end);
}

void ChangeSteps::run_noted(std::vector<std::string> words, Instant deadline_at, ToolDone done) {
  site_.own.begin(words, site_.clock());
  const auto on_end = [site = site_, words, done = std::move(done)](const Result<ToolAnswer>& ended) {
    done(ended);
    site.own.end(words, site.clock() + (may_be_seen_on(ended) ? kLinger : Duration{}));
  };
  site_.tools.run({Program::rbd, std::move(words), deadline_at}, on_end);
}

void ChangeSteps::fail_with(const Error& error) {
  const Errc code = changed_ ? Errc::uncertain : error.code;
  done_(failed_call(call_, {code, fmt::format("volume {}: {}", call_.volume.name, error.message)},
                    site_.clock()));
}

void ChangeSteps::succeed(const ImageRef& ref, std::int64_t size_bytes) {
  OperationResult result = done_call(call_, changed_ ? Outcome::changed : Outcome::unchanged, site_.clock());
  if (!ref.id.empty()) result.provider_ref = to_text(ref);
  result.granted_size_mb = size_bytes / kMiB;
  done_(std::move(result));
}

}  // namespace extvold::providers::rbd
