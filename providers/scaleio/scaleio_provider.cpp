#include "providers/scaleio/scaleio_provider.h"

#include <algorithm>
#include <set>
#include <utility>

#include "providers/foreign_text.h"
#include "providers/results.h"
#include "providers/scaleio/scaleio_plan.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

constexpr std::int64_t kStepMb = 8192;

std::string told(const OperationCall& call, const std::string& message) {
  return fmt::format("volume {}: {}", call.volume.name, message);
}

}  // namespace

// One operation, from its first look to its callback.
struct ScaleioProvider::Work {
  OperationCall call;
  std::function<void(OperationResult)> done;
  Instant until;
  std::optional<Step> last;      // the newest step
  std::optional<Error> refusal;  // of it
  std::optional<Error> lost;     // what became of a mapping nobody knows: it may come yet
  bool changed = false;          // a step was answered well
  bool source_is_gone = false;
};

struct ScaleioProvider::Observing {
  ProviderObservation seen;
  std::function<void(ProviderObservation)> done;
  Instant until;
  Status pools;  // of the configuration: the first that is not there as it says
};

bool is_gateway_url(std::string_view text) {
  const bool has_scheme = text.starts_with("https://") || text.starts_with("http://");
  const std::string_view host = has_scheme ? text.substr(text.find("://") + 3) : std::string_view();
  return !host.empty() && host.find_first_of("/?#@ ") == std::string_view::npos;
}

Status check_scaleio_config(const ScaleioConfig& config) {
  const auto wrong = [&](std::string_view what) {
    return fail(Errc::invalid, "provider {}: {}", config.name.value, what);
  };
  if (!is_gateway_url(config.gateway))
    return wrong("gateway: write https://HOST or https://HOST:PORT, without a path");
  if (config.user.empty() || config.user.find(':') != std::string::npos)
    return wrong("user: is empty, or has a ':' in it");
  if (config.password_place.empty()) return wrong("password_file: is missing");
  if (config.pools.empty()) return wrong("has no pools");
  std::set<std::string> names;
  for (const ScaleioPool& pool : config.pools) {
    if (pool.name.empty() || pool.iops < 0 || pool.bandwidth_mb < 0)
      return wrong("pools: one has no name, or negative iops or bandwidth");
    if (!names.insert(pool.name).second) return wrong("pools: one is there twice");
  }
  std::set<std::string> taken;
  for (const HostIdentity& one : config.sdcs) {
    if (one.host.empty() || one.identity.empty() || one.identity != upper_case(one.identity))
      return wrong("hosts: write HOST = \"GUID\", in upper case");
    if (!taken.insert("host " + one.host).second || !taken.insert("guid " + one.identity).second)
      return wrong("hosts: a host or a GUID is there twice");
  }
  return {};
}

ScaleioProvider::ScaleioProvider(ScaleioConfig config, ScaleioPorts ports)
    : config_(std::move(config)), ports_(std::move(ports)), client_(config_, ports_) {
  info_.name = config_.name;
  info_.capabilities.create = true;
  info_.capabilities.clone = true;
  info_.capabilities.formatting = Formatting::nobody;
  info_.capabilities.keeps_tags = false;
  info_.capabilities.attach_to_named_host = true;
  info_.capabilities.list_attachments = true;
  info_.capabilities.detach_enforced = true;
  info_.capabilities.exclusive_attach = true;
  info_.capabilities.fence_volume = true;
  info_.capabilities.fence_verifiable = true;
  info_.capabilities.resize = true;
  info_.capabilities.resize_attached = true;
  for (const ScaleioPool& pool : config_.pools) info_.pools.push_back(pool.name);
  info_.reach_all = config_.reach_all;
  info_.settle_time = config_.settle_time;
  info_.fence_settle_time = seconds(10);  // statistics are of the last 5 s
  info_.size_step_mb = kStepMb;
  info_.size_min_mb = kStepMb;
  info_.calls_max = config_.calls_max;
  info_.calls_per_second = config_.calls_per_second;
  info_.host_identities = config_.sdcs;
  info_.hosts_by_name = false;
}

void ScaleioProvider::execute(OperationCall call, std::function<void(OperationResult)> done) {
  auto work = std::make_shared<Work>();
  work->call = std::move(call);
  work->done = std::move(done);
  work->until = ports_.clock() + work->call.deadline;
  if (const Status wish = check_wish(info_, work->call); !wish) {
    ports_.defer([this, work, error = wish.error()] { finish_failed(work, error); });
    return;
  }
  if (work->call.operation.kind == OperationKind::create && !work->call.source_ref.empty())
    return look_at_source(work);
  look(work);
}

// A snapshot lies in its source's pool, and is no smaller.
void ScaleioProvider::look_at_source(const WorkPtr& work) {
  look_at(client_, config_, {work->call.source_ref, {}}, work->until,
          [this, work](const Result<GatewayLook>& seen) {
            if (!seen) return finish_failed(work, nothing_happened(seen.error()));
            const Volume& volume = work->call.volume;
            const GatewayVolume* source = seen->volume();
            work->source_is_gone = source == nullptr;
            if (source == nullptr) return look(work);  // it may have been made before the source was removed
            if (source->size_mb > volume.size_mb) {
              return finish_failed(
                  work, {Errc::invalid, fmt::format("its source has {} MB, so it cannot have {} MB",
                                                    source->size_mb, volume.size_mb)});
            }
            const std::string pool = seen->pool_name(source->pool_id, config_);
            if (pool == volume.pool.pool) return look(work);
            finish_failed(work,
                          {Errc::invalid,
                           fmt::format("its source is in pool {}, and a snapshot lies there too", pool)});
          });
}

void ScaleioProvider::look(const WorkPtr& work) {
  look_at(client_, config_, what_to_look_for(work->call.volume), work->until,
          [this, work](const Result<GatewayLook>& seen) { decide(work, seen); });
}

void ScaleioProvider::decide(const WorkPtr& work, const Result<GatewayLook>& seen) {
  if (!seen && !work->last) return finish_failed(work, nothing_happened(seen.error()));
  if (!seen) {
    return finish_failed(
        work, {Errc::uncertain, fmt::format("{}; and then a look: {}",
                                            work->refusal ? work->refusal->message : "it was said to be done",
                                            seen.error().message)});
  }
  const Result<std::optional<Step>> next = next_step(config_, info_, work->call, *seen, work->source_is_gone);
  if (next && !*next) return work->lost ? finish_failed(work, *work->lost) : finish_done(work, *seen);
  // What was done before stays done.
  const auto stopped = [&](Error error) {
    if (work->changed || work->lost || (work->last && is_limit_step(*work->last)))
      error.code = Errc::uncertain;
    finish_failed(work, error);
  };
  if (!next) return stopped(next.error());
  if (work->lost && !is_limit_step(**next)) return finish_failed(work, *work->lost);
  // Mapped already, by a call of before that came late: its limits are still missing.
  if (work->refusal && is_limit_step(**next) && !is_limit_step(*work->last)) work->refusal.reset();
  if (work->refusal) return stopped(*work->refusal);
  if (work->last == *next) {
    return finish_failed(work,
                         {Errc::uncertain, "the gateway said that it was done, a look does not show it"});
  }
  work->last = *next;
  GatewayRequest request{"POST", (**next).path, (**next).body, Effect::changes, work->until};
  client_.call(std::move(request), [this, work, stopped_before = work->changed](const Result<json>& answer) {
    if (answer) {
      work->changed = true;
      return look(work);
    }
    // Where only a limit was missing, the mapping stands.
    Error error = answer.error();
    const bool stands = stopped_before || is_limit_step(*work->last);
    if (stands && error.code != Errc::conflict && error.code != Errc::not_found) error.code = Errc::uncertain;
    // Refused because of how things stand, or a mapping whose answer was lost, which has no limits yet if it
    // was made: then they are looked at.
    const bool may_be_mapped =
        work->call.operation.kind == OperationKind::attach && error.code == Errc::uncertain && !stands;
    if (error.code != Errc::conflict && error.code != Errc::not_found && !may_be_mapped)
      return finish_failed(work, error);
    (may_be_mapped ? work->lost : work->refusal) = std::move(error);
    look(work);
  });
}

void ScaleioProvider::finish_failed(const WorkPtr& work, const Error& error) {
  work->done(failed_call(work->call, {error.code, told(work->call, error.message), error.retry_after},
                         ports_.clock()));
}

void ScaleioProvider::finish_done(const WorkPtr& work, const GatewayLook& seen) {
  OperationResult result =
      done_call(work->call, work->changed ? Outcome::changed : Outcome::unchanged, ports_.clock());
  const GatewayVolume* volume = seen.volume();
  if (work->call.operation.kind == OperationKind::create) {
    result.provider_ref = volume->id;
    result.granted_size_mb = volume->size_mb;
  }
  if (work->call.operation.kind == OperationKind::attach) {
    result.host_identity = guid_of_call(info_, work->call);
    result.device = device_of(seen, *volume);
  }
  work->done(std::move(result));
}

// ---- looks

void ScaleioProvider::know_volumes(std::vector<KnownVolume> known) {
  ref_of_key_.clear();
  key_of_ref_.clear();
  for (const KnownVolume& one : known) {
    if (one.provider_ref.empty()) continue;
    ref_of_key_[one.key] = one.provider_ref;
    key_of_ref_[one.provider_ref] = one.key;
  }
}

// Under the key of the ledger's volume with its id, whatever its name is by now; one that only has the name
// is another.
ObservedVolume ScaleioProvider::shown(const GatewayLook& look, const GatewayVolume& volume) const {
  ObservedVolume out = observed(look, volume, config_);
  if (const auto known = key_of_ref_.find(volume.id); known != key_of_ref_.end()) {
    out.key = known->second;
  } else if (ref_of_key_.contains(out.key)) {
    out.key = volume.id;
  }
  return out;
}

void ScaleioProvider::observe(std::string volume_key, std::function<void(ProviderObservation)> done) {
  auto observing = std::make_shared<Observing>();
  observing->done = std::move(done);
  observing->seen.provider = info_.name;
  observing->seen.volume_key = std::move(volume_key);
  observing->seen.sent_at = ports_.clock();
  observing->until = observing->seen.sent_at + config_.look_deadline * 3;
  LookFor what{{}, observing->seen.volume_key};
  if (const auto known = ref_of_key_.find(what.name); known != ref_of_key_.end()) what = {known->second, {}};
  look_at(client_, config_, std::move(what), observing->until,
          [this, observing](const Result<GatewayLook>& look) {
            if (!look) return finish_observation(observing, tl::make_unexpected(look.error()));
            for (const GatewayVolume& one : look->volumes)
              observing->seen.volumes.push_back(shown(*look, one));
            if (!observing->seen.volume_key.empty()) return finish_observation(observing, {});
            observe_capacity(observing, *look);
          });
}

void ScaleioProvider::observe_capacity(const ObservingPtr& observing, const GatewayLook& look) {
  std::vector<std::pair<std::string, Pool>> wanted;
  json ids = json::array();
  for (const ScaleioPool& pool : config_.pools) {
    const Result<GatewayPool> found = look.pool_of(pool.name, config_);
    if (!found && observing->pools) observing->pools = tl::make_unexpected(found.error());
    if (!found) continue;
    Pool row;
    row.name = {info_.name, pool.name};
    row.iops = pool.iops;
    ids.push_back(found->id);
    wanted.emplace_back(found->id, std::move(row));
  }
  if (wanted.empty()) return finish_observation(observing, observing->pools);
  json body = {{"ids", std::move(ids)}, {"properties", capacity_properties(look.version)}};
  GatewayRequest request{"POST", "/api/types/StoragePool/instances/action/querySelectedStatistics",
                         std::move(body), Effect::reads, observing->until};
  client_.call(
      std::move(request), [this, observing, wanted, version = look.version](const Result<json>& answer) {
        if (!answer) return finish_observation(observing, tl::make_unexpected(answer.error()));
        for (const auto& [id, row] : wanted) {
          const auto at = answer->is_object() ? answer->find(id) : answer->end();
          const Result<Capacity> capacity = at == answer->end()
                                                ? fail(Errc::uncertain, "the gateway tells no statistics")
                                                : capacity_of(*at, version);
          if (!capacity)
            return finish_observation(observing, wrap(capacity.error(), "pool " + row.name.pool));
          Pool pool = row;
          pool.capacity_mb = capacity->total_mb;
          pool.free_mb = capacity->free_mb;
          observing->seen.pools.push_back(std::move(pool));
        }
        finish_observation(observing, observing->pools);
      });
}

void ScaleioProvider::finish_observation(const ObservingPtr& observing, const Status& status) {
  ProviderObservation& seen = observing->seen;
  std::sort(seen.volumes.begin(), seen.volumes.end(),
            [](const ObservedVolume& a, const ObservedVolume& b) { return a.key < b.key; });
  seen.complete = status.has_value();
  if (!status) note_incomplete(seen, status.error());
  seen.ended_at = ports_.clock();
  observing->done(std::move(seen));
}

}  // namespace extvold::providers::scaleio
