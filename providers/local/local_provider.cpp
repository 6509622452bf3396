#include "providers/local/local_provider.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "model/check.h"
#include "providers/results.h"

namespace extvold::providers::local {
namespace {

constexpr std::size_t kListBytesMax = 256U << 20U;
// A listing holds the lock of a volume for a moment, and so do we when we find it held: try again, as
// nothing was started.
constexpr int kLockTries = 4;

std::string_view verb_of(OperationKind kind) {
  switch (kind) {
    case OperationKind::create:
      return "local.create";
    case OperationKind::format:
      return "local.format";
    case OperationKind::attach:
      return "local.attach";
    case OperationKind::detach:
      return "local.detach";
    case OperationKind::remove:
      return "local.remove";
    case OperationKind::resize:
      return "local.resize";
  }
  EXTVOLD_UNREACHABLE();
}

std::string_view verb_of(FenceAct act) {
  switch (act) {
    case FenceAct::set:
      return "local.fence";
    case FenceAct::check:
      return "local.check_fence";
    case FenceAct::lift:
      return "local.unfence";
  }
  EXTVOLD_UNREACHABLE();
}

// Where the volume's file is. A foreign volume's key is its "pool/file" already. Empty: the names are not
// ours.
Result<VolumeRef> ref_of(const Volume& volume) {
  const bool adopted = volume.origin == VolumeOrigin::adopted;
  std::optional<VolumeRef> ref;
  if (adopted && !volume.provider_ref.empty())
    ref = volume_ref_from_text(volume.provider_ref);
  else if (volume.key.find('/') != std::string::npos)
    ref = volume_ref_from_text(volume.key);
  else
    ref = volume_ref_from_text(to_text(own_ref(volume.pool.pool, volume.key)));
  if (!ref)
    return fail(Errc::invalid, "volume {}: no file name can be made of pool \"{}\" and key \"{}\"",
                volume.name, volume.pool.pool, volume.key);
  if (!adopted && !volume.provider_ref.empty() && volume.provider_ref != to_text(*ref)) {
    return fail(Errc::invalid, "volume {}: provider id \"{}\" is not {}", volume.name, volume.provider_ref,
                to_text(*ref));
  }
  return *ref;
}

// Mounted only when there is something to mount: on the format host a new volume is attached before it is
// formatted.
bool is_to_be_mounted(const Volume& volume) {
  return !volume.mount_point.empty() && volume.filesystem != Filesystem::none &&
         (volume.format == FormatState::formatted || volume.format == FormatState::not_wanted);
}

// What a helper that ended has to say. An exit status, a cut answer: it may have happened.
Result<std::string> whole_output(const Result<ProcessResult>& ended) {
  if (!ended) return tl::make_unexpected(ended.error());
  if (ended->exit_status != 0) {
    const std::string said = ended->standard_error.substr(0, 300);
    return fail(Errc::uncertain, "the host helper ended with status {}{}{}", ended->exit_status,
                said.empty() ? "" : ": ", said);
  }
  if (ended->truncated) return fail(Errc::uncertain, "the host helper's answer is too long");
  return ended->standard_output;
}

OperationResult result_of(const OperationCall& call, const std::string& host_name,
                          const Result<ProcessResult>& ended, Instant now) {
  const Result<std::string> output = whole_output(ended);
  if (!output) {
    Error error = output.error();
    if (error.code == Errc::busy)
      error.message = fmt::format("volume {}: {}", call.volume.name, error.message);
    return failed_call(call, error, now);
  }
  const Result<OperationAnswer> answer = parse_operation_answer(*output);
  if (!answer) return failed_call(call, answer.error(), now);
  OperationResult result = done_call(call, answer->changed ? Outcome::changed : Outcome::unchanged, now);
  result.provider_ref = answer->ref;
  result.granted_size_mb = answer->size_mb;
  result.host_identity = host_name;
  result.device = answer->device;
  result.boot_id = answer->boot_id;
  result.mounted = answer->mounted;
  if (answer->refused) {
    result.state = OperationState::failed;
    result.outcome = Outcome::none;
    result.format_refused = true;
    result.error = Error{Errc::conflict, "format refused: " + answer->reason};
    return result;
  }
  return result;
}

FenceResult fence_result_of(const FenceCall& call, const Result<ProcessResult>& ended) {
  FenceResult result;
  result.id = call.fence.id;
  result.act = call.act;
  const auto failed = [&](const Error& error) {
    result.state = error.code == Errc::uncertain ? FenceCallState::uncertain : FenceCallState::failed;
    result.error = {error.code, fmt::format("volume {}: {}", call.volume.name, error.message)};
    return result;
  };
  const Result<std::string> output = whole_output(ended);
  if (!output) return failed(output.error());
  if (call.act == FenceAct::check) {
    Result<FenceAnswer> answer = parse_fence_answer(*output);
    if (!answer) return failed(answer.error());
    result.held = answer->held;
    result.seen = std::move(answer->seen);
  } else if (const Result<OperationAnswer> answer = parse_operation_answer(*output); !answer) {
    return failed(answer.error());
  }
  result.state = FenceCallState::done;
  return result;
}

bool has_host(OperationKind kind) {
  return kind == OperationKind::attach || kind == OperationKind::detach || kind == OperationKind::format;
}

}  // namespace

Status check_local_config(const LocalConfig& config) {
  const auto absolute = [&](const char* what, const std::string& path) -> Status {
    if (!path.empty() && path.front() == '/') return {};
    return fail(Errc::invalid, "provider {}: {} = \"{}\": must be an absolute path", config.name.value, what,
                path);
  };
  TRY(absolute("root", config.root));
  TRY(absolute("hosts_dir", config.hosts_dir));
  TRY(absolute("program", config.program));
  if (config.pools.empty()) return fail(Errc::invalid, "provider {}: has no pools", config.name.value);
  for (std::size_t i = 0; i < config.pools.size(); ++i) {
    const LocalPool& pool = config.pools[i];
    if (!is_plain_pool_name(pool.name)) {
      return fail(Errc::invalid, "provider {}: pool \"{}\": is no name of a pool", config.name.value,
                  pool.name);
    }
    if (pool.iops < 0 || pool.capacity_mb < 0 || pool.capacity_mb > kSizeMbMax) {
      return fail(Errc::invalid, "provider {}: pool {}: iops or capacity_mb out of range", config.name.value,
                  pool.name);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (config.pools[j].name == pool.name) {
        return fail(Errc::invalid, "provider {}: pool {}: is there twice", config.name.value, pool.name);
      }
    }
  }
  return {};
}

LocalProvider::LocalProvider(LocalConfig config, ProcessRunner& runner, std::function<Instant()> clock)
    : config_(std::move(config)), runner_(runner), clock_(std::move(clock)) {
  info_.name = config_.name;
  info_.capabilities = Capabilities{.create = true,
                                    .clone = true,
                                    .attach_to_named_host = true,
                                    .list_attachments = true,
                                    .detach_enforced = true,
                                    .exclusive_attach = true,
                                    .fence_volume = true,
                                    .fence_verifiable = true,
                                    .fence_cooperative = true,
                                    .fence_bars_late_calls = true,
                                    .shows_running_calls = true,
                                    .host_reports = true,
                                    .resize = true,
                                    .resize_attached = true};
  for (const LocalPool& pool : config_.pools) info_.pools.push_back(pool.name);
  info_.reach_all = config_.reach_all;
  info_.format_host = config_.format_host;
  info_.settle_time = seconds(
      10);  // of a helper that was killed; one that lives on holds the lock, and shows_running_calls tells
  info_.calls_max = config_.calls_max;
  info_.calls_per_second = config_.calls_per_second;
}

HelperRequest LocalProvider::base_request() const {
  HelperRequest request;
  request.root = config_.root;
  request.hosts_dir = config_.hosts_dir;
  request.pools = config_.pools;
  return request;
}

ProcessRequest LocalProvider::process_request(std::string_view verb, const HelperRequest& request,
                                              Duration deadline) const {
  ProcessRequest process;
  process.argv = {config_.program};
  process.argv.insert(process.argv.end(), config_.program_arguments.begin(), config_.program_arguments.end());
  process.env = config_.helper_environment;
  process.standard_input = request_text(verb, request);
  process.deadline = deadline;
  return process;
}

void LocalProvider::execute(OperationCall call, std::function<void(OperationResult)> done) {
  const Volume& volume = call.volume;
  HelperRequest request = base_request();
  const Result<VolumeRef> ref = ref_of(volume);
  request.ref = ref ? to_text(*ref) : volume.key;  // the helper refuses what is no name
  request.ledger_id = call.ledger_id;
  request.origin = volume.origin;
  request.size_mb = call.operation.kind == OperationKind::resize ? volume.wanted_size_mb : volume.size_mb;
  request.iops = volume.iops;
  request.filesystem = volume.filesystem;
  request.access = volume.access;
  request.source_ref = call.operation.kind == OperationKind::create ? call.source_ref : "";
  request.generation = call.operation.generation;
  request.read_only = call.read_only;
  std::string host_name;
  if (has_host(call.operation.kind))
    host_name = call.host_identity.empty() ? call.host_name : call.host_identity;
  request.host = host_name;
  if (call.operation.kind == OperationKind::format) request.device = call.device;
  if (call.operation.kind == OperationKind::attach && is_to_be_mounted(volume))
    request.mount_point = volume.mount_point;
  ProcessRequest process = process_request(verb_of(call.operation.kind), request, call.deadline);
  if (ref) process.lock_file = lock_path(config_.root, *ref);
  run_locked(std::move(process), kLockTries,
             [this, host_name = std::move(host_name), call = std::move(call), done = std::move(done)](
                 const Result<ProcessResult>& ended) { done(result_of(call, host_name, ended, clock_())); });
}

void LocalProvider::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  EXTVOLD_CHECK(call.fence.rung == FenceRung::volume);  // no other rung is named by the capabilities
  HelperRequest request = base_request();
  const Result<VolumeRef> ref = ref_of(call.volume);
  request.ref = ref ? to_text(*ref) : call.volume.key;  // the helper refuses what is no name
  request.ledger_id = call.ledger_id;
  request.origin = call.volume.origin;
  request.host = call.fence.target;
  request.generation = call.attachment_generation;
  request.fence_key = call.fence.key.value;
  ProcessRequest process = process_request(verb_of(call.act), request, call.deadline);
  if (ref && call.act != FenceAct::check) process.lock_file = lock_path(config_.root, *ref);
  const Instant sent_at = clock_();
  run_locked(
      std::move(process), kLockTries,
      [this, call = std::move(call), sent_at, done = std::move(done)](const Result<ProcessResult>& ended) {
        FenceResult result = fence_result_of(call, ended);
        result.sent_at = sent_at;
        result.ended_at = clock_();
        done(std::move(result));
      });
}

void LocalProvider::run_locked(ProcessRequest process, int tries_left,
                               std::function<void(const Result<ProcessResult>&)> done) {
  ProcessRequest now = process;
  runner_.run(std::move(now), [this, process = std::move(process), tries_left,
                               done = std::move(done)](Result<ProcessResult> ended) mutable {
    if (ended || ended.error().code != Errc::busy) return done(ended);
    if (tries_left > 1) return run_locked(std::move(process), tries_left - 1, std::move(done));
    done(fail(Errc::busy, "an earlier call for this volume is still at work (it holds {})",
              process.lock_file));
  });
}

void LocalProvider::observe(std::string volume_key, std::function<void(ProviderObservation)> done) {
  HelperRequest request = base_request();
  ProviderObservation seen;
  seen.provider = config_.name;
  seen.volume_key = volume_key;
  seen.sent_at = clock_();
  if (!volume_key.empty()) request.ref = volume_key;  // a bare key: the helper looks through the pools
  ProcessRequest process = process_request("local.observe", request, config_.observe_deadline);
  process.output_bytes_max = kListBytesMax;
  runner_.run(std::move(process),
              [this, seen = std::move(seen), done = std::move(done)](Result<ProcessResult> ended) mutable {
                finish_observation(std::move(seen), ended, std::move(done));
              });
}

void LocalProvider::finish_observation(ProviderObservation seen, const Result<ProcessResult>& ended,
                                       std::function<void(ProviderObservation)> done) {
  seen.ended_at = clock_();
  const Result<std::string> output = whole_output(ended);
  Result<ObserveAnswer> answer =
      output ? parse_observe_answer(*output) : Result<ObserveAnswer>(tl::make_unexpected(output.error()));
  if (!answer) {
    seen.why_incomplete = answer.error().message;
    return done(std::move(seen));
  }
  seen.complete = answer->complete;
  seen.why_incomplete = std::move(answer->why_incomplete);
  seen.volumes = std::move(answer->volumes);
  seen.hosts = std::move(answer->hosts);
  for (Pool& pool : answer->pools) {
    pool.name.provider = config_.name;
    const auto same = [&](const LocalPool& one) { return one.name == pool.name.pool; };
    const auto known = std::find_if(config_.pools.begin(), config_.pools.end(), same);
    if (known != config_.pools.end()) pool.iops = known->iops;
    seen.pools.push_back(std::move(pool));
  }
  done(std::move(seen));
}

}  // namespace extvold::providers::local
