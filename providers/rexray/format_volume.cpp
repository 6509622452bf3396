// RexrayProvider: formatting, in mode cli, on the host on which the program runs and attaches. Whether it may
// be is decided by the helper (format_helper.h), by what is really there.
#include <utility>

#include "providers/foreign_text.h"
#include "providers/json_answer.h"
#include "providers/results.h"
#include "providers/rexray/format_helper.h"
#include "providers/rexray/job.h"
#include "providers/rexray/rexray_provider.h"

namespace extvold::providers::rexray {
namespace {

Result<FormatAnswer> answer_of(const Result<ProcessResult>& ended) {
  if (!ended) return tl::make_unexpected(ended.error());
  if (ended->exit_status != 0)
    return fail(Errc::uncertain, "the host helper ended with status {}: {}", ended->exit_status,
                in_one_line(ended->standard_error));
  if (ended->truncated) return fail(Errc::uncertain, "the host helper's answer is too long");
  return parse_format_answer(ended->standard_output);
}

}  // namespace

void RexrayProvider::format(const JobPtr& job, const StorageVolume& volume) {
  const OperationCall& call = job->call;
  if (volume.attachments.size() != 1 || volume.attachments.front().host != job->host)
    return end(job, {Errc::conflict, volume.attachments.empty() ? "it is not attached"
                                                                : "it is attached to " + holders(volume)});
  const std::string& device = volume.attachments.front().device;
  if (device.empty()) return end(job, {Errc::conflict, "REX-Ray does not say which device it is"});
  if (!call.device.empty() && call.device != device)
    return end(job, {Errc::conflict, fmt::format("it is {}, not {} as recorded", in_one_line(device, 100),
                                                 in_one_line(call.device, 100))});
  ProcessRequest process;
  process.argv = {config_.helper};
  process.argv.insert(process.argv.end(), config_.helper_arguments.begin(), config_.helper_arguments.end());
  process.standard_input = format_request_text({.device = device,
                                                .size_mb = call.volume.size_mb,
                                                .filesystem = call.volume.filesystem,
                                                .key = call.volume.key});
  process.deadline = left(*job);
  process.lock_file = fmt::format("{}/{}-{}.lock", config_.lock_folder, path_segment(config_.name.value),
                                  path_segment(volume.id));
  ports_.runner.run(std::move(process), [this, job](const Result<ProcessResult>& ended) {
    const Result<FormatAnswer> answer = answer_of(ended);
    if (!answer) return end(job, answer.error());
    if (!answer->refused)
      return end_done(job, answer->changed ? Outcome::changed : Outcome::unchanged, nullptr);
    OperationResult result = failed_call(
        job->call,
        {Errc::conflict, fmt::format("volume {}: format refused: {}", job->call.volume.name, answer->reason)},
        ports_.clock());
    result.format_refused = true;
    job->done(std::move(result));
  });
}

}  // namespace extvold::providers::rexray
