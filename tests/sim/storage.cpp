// Calls: how a provider carries one out, and what it does to the disks.
#include "tests/sim/storage.h"

#include <fmt/format.h>

#include <algorithm>

#include "tests/sim/world.h"

namespace extvold::sim {

bool Disk::open_on(int host) const {
  return std::any_of(sessions.begin(), sessions.end(), [&](const Session& one) { return one.host == host; });
}

Storage::Storage(World& world)
    : world_(world),
      random_(world.config.seed, "calls"),
      looks_(world.config.seed, "looks"),
      fences_(world.config.seed, "fences"),
      throttles_(world.config.seed, "throttles") {
  for (const Personality& one : world.config.providers) {
    Provider provider;
    provider.personality = one;
    providers_.push_back(std::move(provider));
  }
}

Storage::Provider& Storage::provider(const ProviderName& name) {
  const auto found = std::find_if(providers_.begin(), providers_.end(),
                                  [&](const Provider& one) { return one.personality.info.name == name; });
  EXTVOLD_CHECK(found != providers_.end());
  return *found;
}

const Storage::Provider& Storage::provider(const ProviderName& name) const {
  return const_cast<Storage*>(this)->provider(name);
}

const Personality& Storage::personality(const Disk& disk) const {
  return providers_[static_cast<std::size_t>(disk.provider)].personality;
}

Disk* Storage::find(const ProviderName& name, std::string_view key) {
  Provider& one = provider(name);
  const auto found = one.disks.find(std::string(key));
  return found == one.disks.end() ? nullptr : &found->second;
}

std::vector<Disk*> Storage::disks_named(std::string_view name) {
  std::vector<Disk*> out;
  for_each([&](Disk& disk) {
    if (disk.name == name) out.push_back(&disk);
  });
  return out;
}

const Storage::HostFence* Storage::cutting_off(const Provider& at, int host) const {
  const auto cut = at.cut_off.find(host);
  if (cut == at.cut_off.end()) return nullptr;
  const WallTime until = cut->second.expires_at;
  return until.ns == 0 || until > world_.time.wall() ? &cut->second : nullptr;
}

bool Storage::lets_through(const Disk& disk, int host) const {
  const Provider& at = providers_[static_cast<std::size_t>(disk.provider)];
  if (cutting_off(at, host) != nullptr) return false;
  // What a person maps by hand is used by nobody's task, neither by a new one nor by one that had it open
  // before.
  const auto grant = disk.grants.find(host);
  return (grant != disk.grants.end() && !grant->second.by_hand) || disk.lingering.contains(host);
}

// ---- sessions and access

void Storage::open(Disk& disk, int host, const std::string& container, bool over) {
  for (const Session& one : disk.sessions) {
    if (one.host == host && one.container == container) return;
  }
  world_.note("disk.opened", disk.name, host, container);
  disk.sessions.push_back({next_session_++, host, container, world_.time.now(), over});
  world_.oracle.access_changed(disk);
}

void Storage::close(int host, const std::string& container) {
  for_each([&](Disk& disk) {
    std::erase_if(disk.sessions,
                  [&](const Session& one) { return one.host == host && one.container == container; });
    if (!disk.open_on(host)) disk.lingering.erase(host);
  });
}

void Storage::let_in(Disk& disk, int host, Grant grant, bool by_hand) {
  world_.note("disk.granted", disk.name, host, by_hand);
  disk.grants[host] = std::move(grant);
  disk.lingering.erase(host);
  world_.oracle.granted(disk, host, by_hand);
  world_.oracle.access_changed(disk);
  world_.hosts.let_open(disk, host);
}

void Storage::shut_out(Disk& disk, int host, bool enforced) {
  if (disk.grants.erase(host) == 0) return;
  world_.note("disk.revoked", disk.name, host, enforced);
  if (!disk.open_on(host)) return;
  if (!enforced) disk.lingering.insert(host);
  if (enforced) world_.probes.hit(Probe::write_refused_by_storage);
}

void Storage::grant_by_hand(Disk& disk, int host) {
  if (!disk.grants.contains(host)) let_in(disk, host, Grant{{}, {}, "/dev/by-hand", true}, true);
}
void Storage::grant_to_task(Disk& disk, int host) {
  let_in(disk, host, Grant{{}, {}, "/dev/old", false}, false);
}
void Storage::revoke_by_hand(Disk& disk, int host) { shut_out(disk, host, true); }

void Storage::lift_by_hand(Disk& disk, int host) {
  providers_[static_cast<std::size_t>(disk.provider)].cut_off.erase(host);
  disk.barred.erase(host);
  world_.oracle.access_changed(disk);
}

void Storage::make_foreign(int number, const std::string& key, const std::string& name) {
  Provider& one = providers_[static_cast<std::size_t>(number)];
  Disk disk;
  disk.provider = number;
  disk.key = key;
  disk.name = name;
  disk.ref = "ref-" + key;
  disk.pool = std::string("a");  // a plain text makes g++ 12 warn of an overflow that is none
  disk.size_mb = 64;
  disk.blank = false;
  one.disks.emplace(key, std::move(disk));
}

void Storage::heal() {
  for (Provider& one : providers_) one.silent_until = {};
}

// How long a provider that is asked too often asks to wait; most do not say.
Duration Storage::draw_retry_after() {
  return throttles_.chance(30) ? throttles_.between(seconds(1), seconds(90)) : Duration{};
}

void Storage::silence(int number, Duration how_long) {
  providers_[static_cast<std::size_t>(number)].silent_until = world_.time.now() + how_long;
}

// ---- calls

Storage::Course Storage::draw_course(const Provider& at, const OperationCall& call) {
  Course out;
  out.effect_after = random_.between(milliseconds(5), at.personality.latency_max);
  out.answer_after = out.effect_after + random_.between(milliseconds(1), milliseconds(200));
  const auto strikes = [&](Fault fault) { return world_.strikes(fault, random_); };
  if (strikes(Fault::throttle) || strikes(Fault::call_refused)) {
    world_.probes.hit(Probe::call_failed_before);
    out.refused = true;
    return out;
  }
  out.twice = strikes(Fault::call_twice);
  if (strikes(Fault::call_lies)) {
    world_.probes.hit(Probe::provider_lied);
    out.takes_effect = false;
    out.answer = Answer::lie;
    return out;
  }
  if (strikes(Fault::call_lost)) {
    out.answer = Answer::lost;
    out.takes_effect = random_.chance(60);
    world_.probes.hit(out.takes_effect ? Probe::reply_lost_after : Probe::reply_lost_before);
  }
  const bool late = strikes(Fault::call_late);
  const bool hangs = !late && strikes(Fault::call_hangs);
  if (late || hangs || world_.time.now() < at.silent_until) {
    out.answer = Answer::lost;
    out.answer_after = call.deadline;
    out.takes_effect = late || random_.chance(30);
    // What is given up may still happen for so long, and no longer, unless it is shown as running.
    const ProviderInfo& info = at.personality.info;
    const Duration most = info.capabilities.shows_running_calls ? minutes(8) : info.settle_time;
    out.effect_after = random_.between(seconds(1), Duration{call.deadline.ns + most.ns - seconds(1).ns});
    if (hangs) world_.probes.hit(Probe::call_hung);
  }
  out.answer_after = std::min(out.answer_after, call.deadline);
  return out;
}

void Storage::execute(OperationCall call, Done done) {
  Provider& at = provider(call.volume.pool.provider);
  const Course course = draw_course(at, call);
  world_.note("call", to_text(call.operation.kind), call.volume.name, call.host_name,
              call.operation.id.value);
  auto result = std::make_shared<OperationResult>();
  result->id = call.operation.id;
  result->state = OperationState::failed;
  result->error = {Errc::unavailable, "the provider refused"};
  const auto held = std::make_shared<OperationCall>(std::move(call));
  if (course.takes_effect && !course.refused) {
    const auto count = [this, held](int by) {
      provider(held->volume.pool.provider).running[held->volume.key] += by;
    };
    count(1);
    const bool late = course.effect_after > course.answer_after;
    world_.time.after(course.effect_after, [this, held, result, count, late, twice = course.twice] {
      count(-1);
      if (late) world_.probes.hit(Probe::effect_was_late);
      Provider& there = provider(held->volume.pool.provider);
      *result = apply(there, *held);
      if (!twice) return;
      world_.probes.hit(Probe::effect_was_doubled);
      const OperationResult again = apply(there, *held);
      if (again.state != OperationState::done) *result = again;
    });
  }
  world_.time.after(course.answer_after, [this, result, held, course, done = std::move(done)] {
    OperationResult answer;
    answer.id = held->operation.id;
    if (course.answer == Answer::truth) {
      answer = *result;
      if (course.refused && random_.chance(40)) {
        world_.probes.hit(Probe::was_throttled);
        answer.error = {Errc::throttled, "429: slow down", draw_retry_after()};
      }
    } else if (course.answer == Answer::lie) {
      answer.state = OperationState::done;
      answer.outcome = Outcome::changed;
      answer.host_identity = held->host_name;
    } else {
      answer.state = OperationState::uncertain;
      answer.error = {Errc::uncertain, "no answer in time"};
    }
    answer.ended_at = world_.time.now();
    done(std::move(answer));
  });
}

OperationResult Storage::apply(Provider& at, const OperationCall& call) {
  OperationResult out;
  out.id = call.operation.id;
  out.state = OperationState::failed;
  const auto found = at.disks.find(call.volume.key);
  if (found == at.disks.end() && call.operation.kind == OperationKind::create) return create(at, call);
  if (found == at.disks.end() &&
      (call.operation.kind == OperationKind::remove || call.operation.kind == OperationKind::detach)) {
    out.state = OperationState::done;  // as it is to be
    out.outcome = Outcome::unchanged;
    return out;
  }
  if (found == at.disks.end()) {
    out.error = {Errc::not_found, "no such volume"};
    return out;
  }
  const int host = world_.hosts.named(call.host_name);
  switch (call.operation.kind) {
    case OperationKind::attach:
      return attach(at, found->second, call, host);
    case OperationKind::detach:
      return detach(at, found->second, call, host);
    case OperationKind::format:
      return format(found->second, call, host);
    case OperationKind::remove:
      return remove(at, found->second, call);
    case OperationKind::resize:
      return resize(at, found->second, call);
    case OperationKind::create:
      break;
  }
  return create(at, call);
}

namespace {

OperationResult done(const OperationCall& call, bool changed) {
  OperationResult out;
  out.id = call.operation.id;
  out.state = OperationState::done;
  out.outcome = changed ? Outcome::changed : Outcome::unchanged;
  return out;
}

OperationResult refuse(const OperationCall& call, Errc code, std::string why) {
  OperationResult out;
  out.id = call.operation.id;
  out.state = OperationState::failed;
  out.error = {code, std::move(why)};
  return out;
}

}  // namespace

OperationResult Storage::create(Provider& at, const OperationCall& call) {
  Disk disk;
  disk.provider = static_cast<int>(&at - providers_.data());
  disk.key = call.volume.key;
  disk.name = call.volume.name;
  disk.ref = "ref-" + call.volume.key;
  disk.ledger_id = call.ledger_id;
  disk.pool = call.volume.pool.pool;
  disk.size_mb = call.volume.size_mb;
  disk.access = call.volume.access;
  disk.to_be_formatted = call.volume.filesystem != Filesystem::none;
  const bool made = at.disks.emplace(disk.key, disk).second;
  if (made) ++changes_;
  OperationResult out = done(call, made);
  out.provider_ref = disk.ref;
  out.granted_size_mb = disk.size_mb;
  return out;
}

OperationResult Storage::attach(Provider& at, Disk& disk, const OperationCall& call, int host) {
  if (host < 0) return refuse(call, Errc::not_found, "no such host");
  const Machine& machine = world_.hosts.at(host);
  const Capabilities& can = at.personality.info.capabilities;
  const bool reached = machine.state == MachineState::up && machine.daemon_reaches;
  if (at.personality.needs_host && !reached)
    return refuse(call, Errc::unavailable, "the host does not answer");
  if (disk.barred.contains(host)) world_.probes.hit(Probe::fence_barred_late_attach);
  if (disk.barred.contains(host) || cutting_off(at, host) != nullptr)
    return refuse(call, Errc::permission, "the host is fenced");
  if (can.exclusive_attach && is_single_writer(disk.access)) {
    for (const auto& [other, grant] : disk.grants) {
      if (other == host) continue;
      world_.probes.hit(Probe::attach_refused_exclusive);
      return refuse(call, Errc::conflict, "it is attached to " + world_.hosts.at(other).name);
    }
  }
  OperationResult out = done(call, !disk.grants.contains(host));
  out.host_identity = machine.name;
  out.device = "/dev/disk/" + disk.key;
  const bool tells_boot = can.host_reports && reached;
  if (const auto known = disk.grants.find(host); known != disk.grants.end() && !known->second.by_hand) {
    out.boot_id = known->second.boot_id;
    return out;
  }
  if (tells_boot) out.boot_id = machine.boot_id();
  ++changes_;
  let_in(disk, host, Grant{call.operation.generation, out.boot_id, out.device, false}, false);
  return out;
}

OperationResult Storage::detach(Provider& at, Disk& disk, const OperationCall& call, int host) {
  if (host < 0 || !disk.grants.contains(host)) return done(call, false);
  const Machine& machine = world_.hosts.at(host);
  const bool reached = machine.state == MachineState::up && machine.daemon_reaches;
  if (at.personality.needs_host && !reached)
    return refuse(call, Errc::unavailable, "the host does not answer");
  if (at.personality.refuses_busy && disk.open_on(host)) {
    world_.probes.hit(Probe::detach_refused_busy);
    return refuse(call, Errc::conflict, "it is in use there");
  }
  ++changes_;
  shut_out(disk, host, at.personality.info.capabilities.detach_enforced);
  return done(call, true);
}

// The device itself is looked at before anything is written to it.
OperationResult Storage::format(Disk& disk, const OperationCall& call, int host) {
  if (host < 0 || !disk.grants.contains(host))
    return refuse(call, Errc::conflict, "it is not attached there");
  if (world_.hosts.at(host).state != MachineState::up)
    return refuse(call, Errc::unavailable, "the host does not answer");
  if (!disk.blank) {
    OperationResult out = refuse(call, Errc::conflict, "it is not blank");
    out.format_refused = true;
    return out;
  }
  disk.blank = false;
  ++changes_;
  world_.hosts.let_open(disk, host);
  return done(call, true);
}

OperationResult Storage::remove(Provider& at, Disk& disk, const OperationCall& call) {
  if (!disk.grants.empty()) return refuse(call, Errc::conflict, "it is attached");
  ++changes_;
  at.disks.erase(std::string(disk.key));
  return done(call, true);
}

OperationResult Storage::resize(Provider& at, Disk& disk, const OperationCall& call) {
  const Capabilities& can = at.personality.info.capabilities;
  if (!can.resize || (!can.resize_attached && !disk.grants.empty()))
    return refuse(call, Errc::conflict, "it cannot grow now");
  const bool grows = disk.size_mb < call.volume.wanted_size_mb;
  if (!grows) return done(call, false);
  ++changes_;
  disk.size_mb = call.volume.wanted_size_mb;
  return done(call, true);
}

}  // namespace extvold::sim
