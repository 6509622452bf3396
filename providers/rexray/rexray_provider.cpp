#include "providers/rexray/rexray_provider.h"

#include <algorithm>
#include <map>
#include <utility>

#include "providers/foreign_text.h"
#include "providers/results.h"
#include "providers/rexray/job.h"
#include "providers/rexray/libstorage.h"
#include "providers/rexray/names.h"
#include "providers/rexray/rexray_cli.h"

namespace extvold::providers::rexray {
namespace {

constexpr std::int64_t kMbPerGb = 1024;

bool has_host(OperationKind kind) {
  return kind == OperationKind::attach || kind == OperationKind::detach || kind == OperationKind::format;
}

std::int64_t rounded_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

const StorageAttachment* attachment_of(const StorageVolume& volume, const std::string& host) {
  const auto found = std::find_if(volume.attachments.begin(), volume.attachments.end(),
                                  [&](const StorageAttachment& one) { return one.host == host; });
  return found == volume.attachments.end() ? nullptr : &*found;
}

// One without a name, and one that shares its name with another, go by their id.
std::string key_of(const StorageVolume& volume, bool is_twin) {
  if (volume.name.empty()) return volume.id;
  return is_twin ? fmt::format("{} ({})", volume.name, volume.id) : volume.name;
}

std::map<std::string, int> count_names(const StorageList& list) {
  std::map<std::string, int> names;
  for (const StorageVolume& volume : list.volumes) ++names[volume.name];
  return names;
}

std::vector<const StorageVolume*> named(const StorageList& list, const std::string& name) {
  std::vector<const StorageVolume*> out;
  for (const StorageVolume& volume : list.volumes) {
    if (volume.name == name) out.push_back(&volume);
  }
  return out;
}

Error twins(const StorageVolume& one, const StorageVolume& other) {
  return {Errc::conflict,
          fmt::format("{} and {} both have this name; remove the one that is not meant, by its id",
                      in_one_line(one.id, 80), in_one_line(other.id, 80))};
}

}  // namespace

RexrayProvider::RexrayProvider(RexrayConfig config, RexrayPorts ports)
    : config_(std::move(config)), ports_(std::move(ports)) {
  const bool rest = config_.mode == Mode::rest;
  if (rest)
    storage_ = std::make_unique<Libstorage>(config_, ports_);
  else
    storage_ = std::make_unique<RexrayCli>(config_, ports_);
  info_.name = config_.name;
  info_.capabilities = Capabilities{.create = true,
                                    .attach_to_named_host = rest || !config_.cli_host.empty(),
                                    .list_attachments = rest || config_.dialect != 3,
                                    .detach_enforced = config_.detach_enforced,
                                    .keeps_tags = false,
                                    .formatting = rest ? Formatting::nobody : Formatting::format_host};
  for (const RexrayPool& pool : config_.pools) info_.pools.push_back(pool.name);
  info_.reach_all = config_.reach_all;
  if (!rest && !config_.helper.empty()) info_.format_host = config_.cli_host;
  info_.settle_time = config_.settle_time;
  info_.size_step_mb = config_.size_step_gb * kMbPerGb;
  info_.size_min_mb = info_.size_step_mb;
  info_.calls_max = config_.calls_max;
  info_.calls_per_second = config_.calls_per_second;
  info_.host_identities = config_.host_identities;
  info_.hosts_by_name = config_.hosts_by_name;
}

// ---- Looks

std::string RexrayProvider::pool_of(const StorageVolume& volume) const {
  for (const RexrayPool& pool : config_.pools) {
    if ((pool.volume_type.empty() || pool.volume_type == volume.type) &&
        (pool.availability_zone.empty() || pool.availability_zone == volume.availability_zone))
      return pool.name;
  }
  return {};
}

void RexrayProvider::observe(std::string volume_key, std::function<void(ProviderObservation)> done) {
  ProviderObservation seen;
  seen.provider = config_.name;
  seen.volume_key = std::move(volume_key);
  seen.sent_at = ports_.clock();
  storage_->list(config_.observe_deadline,
                 [this, seen = std::move(seen), done = std::move(done)](Result<StorageList> list) mutable {
                   seen.ended_at = ports_.clock();
                   done(observation_of(std::move(seen), std::move(list)));
                 });
}

ProviderObservation RexrayProvider::observation_of(ProviderObservation seen, Result<StorageList> list) const {
  for (const RexrayPool& pool : config_.pools) {
    Pool row;
    row.name = {config_.name, pool.name};
    row.capacity_mb = pool.capacity_mb;
    row.iops = pool.iops;
    seen.pools.push_back(std::move(row));
  }
  if (!list) {
    note_incomplete(seen, list.error());
    return seen;
  }
  seen.why_incomplete = list->unreadable;
  const std::map<std::string, int> names = count_names(*list);
  for (const StorageVolume& volume : list->volumes) {
    const bool is_twin = names.find(volume.name)->second > 1;
    const bool is_meant = volume.name == seen.volume_key;
    if (is_twin && (is_meant || is_own_key(volume.name)) && seen.why_incomplete.empty())
      seen.why_incomplete = fmt::format("the name {} is there twice", in_one_line(volume.name, 80));
    ObservedVolume row;
    row.key = key_of(volume, is_twin);
    if (!seen.volume_key.empty() && row.key != seen.volume_key) continue;
    row.provider_ref = volume.id;
    row.pool = pool_of(volume);
    row.size_mb = volume.size_gb * kMbPerGb;
    for (const StorageAttachment& one : volume.attachments) {
      ObservedAttachment attachment;
      attachment.host_identity = one.host;
      attachment.device = one.device;
      row.attachments.push_back(std::move(attachment));
    }
    seen.volumes.push_back(std::move(row));
  }
  std::sort(seen.volumes.begin(), seen.volumes.end(),
            [](const ObservedVolume& a, const ObservedVolume& b) { return a.key < b.key; });
  seen.complete = seen.why_incomplete.empty();
  return seen;
}

// ---- Changes

Duration RexrayProvider::left(const Job& job) const { return job.end_at - ports_.clock(); }

void RexrayProvider::end(const JobPtr& job, Error error) const {
  error.message = fmt::format("volume {}: {}", job->call.volume.name, error.message);
  job->done(failed_call(job->call, std::move(error), ports_.clock()));
}

void RexrayProvider::end_done(const JobPtr& job, Outcome outcome, const StorageVolume* volume) const {
  OperationResult result = done_call(job->call, outcome, ports_.clock());
  result.host_identity = job->host;
  if (volume != nullptr) {
    result.provider_ref = volume->id;
    result.granted_size_mb = volume->size_gb * kMbPerGb;
    if (const StorageAttachment* attachment = attachment_of(*volume, job->host); attachment != nullptr)
      result.device = attachment->device;
  }
  job->done(std::move(result));
}

// Who has it, for a message.
std::string RexrayProvider::holders(const StorageVolume& volume) const {
  std::string out;
  for (const StorageAttachment& one : volume.attachments) {
    if (!out.empty()) out += ", ";
    const std::string host = host_of(info_, one.host);
    if (one.host.empty())
      out += "a host that REX-Ray does not name";
    else
      out += in_one_line(host == one.host ? host : fmt::format("{} ({})", host, one.host), 100);
  }
  return out;
}

void RexrayProvider::execute(OperationCall call, std::function<void(OperationResult)> done) {
  auto job = std::make_shared<Job>();
  job->end_at = ports_.clock() + call.deadline;
  job->call = std::move(call);
  job->done = std::move(done);
  Status checked = check_call(job->call);
  if (checked && has_host(job->call.operation.kind)) {
    Result<std::string> host = host_of_call(job->call);
    if (host)
      job->host = *std::move(host);
    else
      checked = tl::make_unexpected(host.error());
  }
  if (!checked) {
    ports_.after({}, [this, job, error = checked.error()] { end(job, error); });
    return;
  }
  const OperationKind kind = job->call.operation.kind;
  if (kind == OperationKind::create) return create(job);
  locate(job, [this, job, kind](const Found& found) {
    const bool needs_it = kind == OperationKind::attach || kind == OperationKind::format;
    if (!found && needs_it) return end(job, {Errc::not_found, "REX-Ray has no such volume"});
    if (!found) return end_done(job, Outcome::unchanged, nullptr);
    if (kind == OperationKind::attach) return attach(job, *found);
    if (kind == OperationKind::format) return format(job, *found);
    return kind == OperationKind::detach ? detach(job, *found) : remove(job, *found);
  });
}

void RexrayProvider::create(const JobPtr& job) {
  storage_->list(left(*job), [this, job](const Result<StorageList>& list) {
    if (!list) return end(job, list.error());
    if (!list->unreadable.empty()) return end(job, {Errc::unavailable, list->unreadable});
    const Volume& volume = job->call.volume;
    const std::vector<const StorageVolume*> same = named(*list, volume.key);
    if (same.size() > 1) return end(job, twins(*same[0], *same[1]));
    if (same.empty()) return make(job);
    const std::int64_t size_mb = same[0]->size_gb * kMbPerGb;
    if (size_mb < volume.size_mb || size_mb > rounded_up(volume.size_mb, info_.size_step_mb))
      return end(job, {Errc::conflict, fmt::format("{} has this name and {} MB", same[0]->id, size_mb)});
    end_done(job, Outcome::unchanged, same[0]);
  });
}

void RexrayProvider::make(const JobPtr& job) {
  const Volume& volume = job->call.volume;
  const RexrayPool& pool = *pool_named(volume.pool.pool);  // check_create() has seen it
  if (left(*job) <= Duration{})
    return end(job, {Errc::unavailable, "the time was up before it could be made"});
  NewVolume wish;
  wish.name = volume.key;
  wish.size_gb = rounded_up(volume.size_mb, kMbPerGb) / kMbPerGb;
  wish.iops = volume.iops;
  wish.type = pool.volume_type;
  wish.availability_zone = pool.availability_zone;
  storage_->create(std::move(wish), left(*job),
                   [this, job](const Status& said) { read_back_create(job, said); });
}

void RexrayProvider::read_back_create(const JobPtr& job, const Status& said) {
  const bool look = said || said.error().code == Errc::conflict || said.error().code == Errc::not_found;
  if (!look) return end(job, said.error());
  storage_->list(left(*job), [this, job, said](const Result<StorageList>& list) {
    const std::string why = !list ? list.error().message : list->unreadable;
    const Volume& volume = job->call.volume;
    const std::string answered = said ? "REX-Ray says that it is made" : said.error().message;
    if (!why.empty())
      return end(job, {Errc::uncertain, fmt::format("{}; reading it back: {}", answered, why)});
    const std::vector<const StorageVolume*> same = named(*list, volume.key);
    if (same.size() > 1) return end(job, {Errc::uncertain, twins(*same[0], *same[1]).message});
    if (same.empty()) {
      if (!said) return end(job, said.error());
      return end(job, {Errc::uncertain, answered + ", and does not list it (is create.disable set?)"});
    }
    if (same[0]->size_gb * kMbPerGb < volume.size_mb)
      return end(job, {Errc::uncertain, fmt::format("{}, with {} GiB only", answered, same[0]->size_gb)});
    end_done(job, Outcome::changed, same[0]);
  });
}

void RexrayProvider::find(const JobPtr& job, const std::string& id, std::function<void(Found)> then) {
  storage_->find(id, left(*job), [this, job, then = std::move(then)](const Result<Found>& found) {
    if (!found) return end(job, found.error());
    const Volume& volume = job->call.volume;
    const bool same = !*found || (*found)->name == volume.key || key_of(**found, true) == volume.key;
    if (!same)
      return end(
          job, {Errc::conflict, fmt::format("id {} is the volume \"{}\" now, which is not this one",
                                            in_one_line((*found)->id, 80), in_one_line((*found)->name, 80))});
    if (left(*job) <= Duration{})
      return end(job, {Errc::unavailable, "the time was up before anything was changed"});
    then(*found);
  });
}

void RexrayProvider::locate(const JobPtr& job, std::function<void(Found)> then) {
  const Volume& volume = job->call.volume;
  if (!volume.provider_ref.empty()) return find(job, volume.provider_ref, std::move(then));
  storage_->list(left(*job), [this, job, then = std::move(then)](const Result<StorageList>& list) mutable {
    if (!list) return end(job, list.error());
    if (!list->unreadable.empty()) return end(job, {Errc::unavailable, list->unreadable});
    const std::vector<const StorageVolume*> same = named(*list, job->call.volume.key);
    if (same.size() > 1) return end(job, twins(*same[0], *same[1]));
    if (same.empty()) return then(std::nullopt);
    find(job, same[0]->id, std::move(then));
  });
}

void RexrayProvider::read_back(const JobPtr& job, const std::string& id, const Status& said,
                               std::function<void(const Found&)> judge) {
  const bool look = said || said.error().code == Errc::conflict || said.error().code == Errc::not_found;
  if (!look) return end(job, said.error());
  storage_->find(id, left(*job), [this, job, said, judge = std::move(judge)](const Result<Found>& found) {
    if (found) return judge(*found);
    end(job, {Errc::uncertain, fmt::format("{}; reading it back: {}",
                                           said ? "REX-Ray says that it is done" : said.error().message,
                                           found.error().message)});
  });
}

void RexrayProvider::attach(const JobPtr& job, const StorageVolume& volume) {
  const bool here = attachment_of(volume, job->host) != nullptr;
  if (here && volume.attachments.size() == 1) return end_done(job, Outcome::unchanged, &volume);
  if (!volume.attachments.empty()) return end(job, {Errc::conflict, "it is attached to " + holders(volume)});
  storage_->attach(volume.id, job->host, left(*job), [this, job, id = volume.id](const Status& said) {
    read_back(job, id, said, [this, job, said](const Found& found) {
      const bool there = found && attachment_of(*found, job->host) != nullptr;
      if (there && found->attachments.size() == 1) return end_done(job, Outcome::changed, &*found);
      if (!there && !said) return end(job, said.error());
      const std::string shown = found && !found->attachments.empty() ? "it is attached to " + holders(*found)
                                                                     : "it is not attached";
      end(job, {Errc::uncertain,
                fmt::format("REX-Ray says that it is attached to {}, a look that {}", job->host, shown)});
    });
  });
}

void RexrayProvider::detach(const JobPtr& job, const StorageVolume& volume) {
  if (attachment_of(volume, "") != nullptr)
    return end(job, {Errc::conflict, "it is attached to " + holders(volume)});
  if (attachment_of(volume, job->host) == nullptr) return end_done(job, Outcome::unchanged, &volume);
  storage_->detach(volume.id, job->host, left(*job), [this, job, id = volume.id](const Status& said) {
    read_back(job, id, said, [this, job, said](const Found& found) {
      const bool gone =
          !found || (attachment_of(*found, job->host) == nullptr && attachment_of(*found, "") == nullptr);
      if (gone) return end_done(job, Outcome::changed, found ? &*found : nullptr);
      if (!said) return end(job, said.error());
      end(job, {Errc::uncertain,
                "REX-Ray says that it is detached, a look that it is attached to " + holders(*found)});
    });
  });
}

void RexrayProvider::remove(const JobPtr& job, const StorageVolume& volume) {
  if (!volume.attachments.empty()) return end(job, {Errc::conflict, "it is attached to " + holders(volume)});
  storage_->remove(volume.id, left(*job), [this, job, id = volume.id](const Status& said) {
    read_back(job, id, said, [this, job, said](const Found& found) {
      if (!found) return end_done(job, Outcome::changed, nullptr);
      if (!said) return end(job, said.error());
      end(job,
          {Errc::uncertain, "REX-Ray says that it is removed, and lists it still (is remove.disable set?)"});
    });
  });
}

void RexrayProvider::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  const Instant sent_at = ports_.clock();
  ports_.after({}, [this, sent_at, call = std::move(call), done = std::move(done)] {
    done(failed_call(call, {Errc::invalid, "REX-Ray has no fence: a host that is lost is switched off"},
                     sent_at, ports_.clock()));
  });
}

}  // namespace extvold::providers::rexray
