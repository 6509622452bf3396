#include "providers/rbd/change_steps.h"

#include "providers/results.h"

namespace extvold::providers::rbd {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

std::string command_text(const std::vector<std::string>& words) {
  std::string text = "rbd";
  for (const std::string& word : words) text += " " + word;
  return text;
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
  site_.tools.run({Program::rbd, std::move(words), deadline_at_}, on_end);
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
