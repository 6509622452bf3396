// make_change(): random changes that are possible in a given state, so that whatever they find is a fault of
// the ledger.
#include <array>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

// Draws of one seed (splitmix64).
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    state_ += 0x9E3779B97F4A7C15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31U);
  }
  std::int64_t below(std::size_t n) { return static_cast<std::int64_t>(bits() % n); }
  bool coin() { return below(2) == 0; }
  std::int64_t number() {
    static constexpr std::array<std::int64_t, 6> values = {0, 1, -1, 42, INT64_MAX, INT64_MIN};
    return values[static_cast<std::size_t>(below(values.size()))];
  }
  std::string text() {
    switch (below(7)) {
      case 0:
        return "";
      case 1:
        return "a";
      case 2:
        return "it's \"quoted\"; DROP TABLE tasks;--";
      case 3:
        return std::string("with\0nul", 8);
      case 4:
        return "größer \xF0\x9F\x92\xBE";
      case 5:
        return std::string(5000, 'x');
      default:
        return fmt::format("t{}", below(1000));
    }
  }
  WallTime time() { return {number()}; }
  Generation generation() { return {below(3) + 1, below(50)}; }
  template <typename E>
  E any() {
    return static_cast<E>(below(enum_texts(E{}).size()));
  }
  template <typename Map>
  typename Map::key_type key_of(const Map& map) {  // {} if there is none
    if (map.empty()) return {};
    return std::next(map.begin(), below(map.size()))->first;
  }

 private:
  std::uint64_t state_;
};

HostId maybe_host(Draw& draw, const Snapshot& state) {
  return draw.coin() ? HostId{} : draw.key_of(state.hosts());
}
VolumeId maybe_volume(Draw& draw, const Snapshot& state) {
  return draw.below(4) == 0 ? VolumeId{} : draw.key_of(state.volumes());
}

Change task_row(Draw& draw) {
  return TaskRow{FrameworkId(fmt::format("f{}", draw.below(2))),
                 TaskId(fmt::format("t{}", draw.below(6))),
                 AgentId(fmt::format("S{}", draw.below(2))),
                 ExecutorId(draw.text()),
                 draw.text(),
                 draw.any<TaskState>(),
                 draw.any<StatusSource>(),
                 draw.text(),
                 ContainerId(draw.text()),
                 draw.below(4)};
}

Change task_state(Draw& draw) {
  return TaskStateChange{FrameworkId(fmt::format("f{}", draw.below(2))),
                         TaskId(fmt::format("t{}", draw.below(6))),
                         AgentId(draw.coin() ? "" : fmt::format("S{}", draw.below(2))),
                         draw.any<TaskState>(),
                         draw.any<StatusSource>(),
                         draw.text(),
                         ContainerId(draw.text())};
}

Change claim(Draw& draw, const Snapshot& state) {
  Claim c;
  c.id = {draw.below(8) + 1};
  c.kind = draw.any<ClaimKind>();
  c.volume = maybe_volume(draw, state);
  c.unresolved = draw.any<Unresolved>();
  c.host = maybe_host(draw, state);
  c.agent = AgentId(draw.text());
  c.framework = FrameworkId(draw.text());
  c.task = TaskId(draw.text());
  c.executor = ExecutorId(draw.text());
  c.container = ContainerId(draw.text());
  c.containerizer = draw.any<Containerizer>();
  c.reference = {draw.any<ReferenceSpelling>(), draw.text(), draw.text(), draw.text(), draw.coin()};
  c.task_state = draw.any<TaskState>();
  c.wanted = draw.coin();
  c.liveness = draw.any<Liveness>();
  c.liveness_why = draw.text();
  c.evidence = {draw.below(5)};
  c.first_seen_sequence = draw.number();
  c.began_sequence = draw.below(1000);
  c.user_uid = draw.number();
  return c;
}

std::optional<Change> claim_state(Draw& draw, const Snapshot& state) {
  if (state.claims().empty()) return std::nullopt;
  return ClaimStateChange{draw.key_of(state.claims()), draw.any<TaskState>(), draw.coin(),
                          draw.any<Liveness>(),        draw.text(),           EvidenceId{draw.below(5)},
                          ContainerId(draw.text())};
}

Change host(Draw& draw) {
  const std::int64_t id = draw.below(3) + 1;
  Host h;
  h.id = {id};
  h.name = fmt::format("host{}{}", id, draw.coin() ? "" : "b");
  h.boot_id = draw.text();
  h.hold = draw.any<HoldState>();
  h.quarantined = draw.coin();
  if (h.quarantined) {
    h.quarantine_reason = draw.text();
    h.quarantine_fence = {draw.below(4)};
  }
  h.fence_held = draw.coin();
  return h;
}

Change agent(Draw& draw, const Snapshot& state) {
  Agent a;
  a.id = AgentId(fmt::format("S{}", draw.below(4)));
  a.host = maybe_host(draw, state);
  a.hostname = draw.text();
  a.address = draw.text();
  a.version = draw.text();
  a.state = draw.any<AgentState>();
  a.active = draw.coin();
  a.deactivated = draw.coin();
  a.drain_state = draw.text();
  a.resources_hash = draw.bits();
  a.attributes = draw.text();
  a.maintenance = draw.any<Maintenance>();
  a.maintenance_start = {draw.number()};
  // Who may say what: the schema knows.
  const auto said = [&](std::size_t upto) {
    return AgentFact{static_cast<AgentSource>(draw.below(upto)), {draw.number()}};
  };
  a.state_fact = said(5);
  a.drain_fact = said(4);
  a.deactivated_fact = said(4);
  a.maintenance_fact = {draw.coin() ? AgentSource::get_maintenance_schedule : AgentSource::none,
                        {draw.number()}};
  return a;
}

Change reservation(Draw& draw) {
  ReservationRecord r;
  r.agent = AgentId(fmt::format("S{}", draw.below(3)));
  r.role = draw.text();
  r.resource = draw.text();
  r.persistence_id = draw.text();
  r.container_path = draw.text();
  r.disk_source = draw.text();
  r.amount_milli = draw.number();
  for (std::int64_t n = draw.below(3); n > 0; --n) r.labels.emplace_back(draw.text(), draw.text());
  return r;
}

Change volume(Draw& draw, const Snapshot& state) {
  const std::int64_t id = draw.below(4) + 1;
  Volume v;
  v.id = {id};
  v.name = fmt::format("v{}{}", id, draw.coin() ? "" : "b");
  v.key = fmt::format("xv-{}{}", id, draw.coin() ? "" : "b");
  v.provider_ref = draw.text();
  v.pool = {ProviderName(draw.text()), draw.text()};
  v.size_mb = draw.number();
  if (draw.coin() && v.size_mb < INT64_MAX) v.wanted_size_mb = v.size_mb + 1;
  v.iops = draw.number();
  v.filesystem = draw.any<Filesystem>();
  v.access = draw.any<AccessMode>();
  v.mount_point = draw.text();
  v.origin = draw.any<VolumeOrigin>();
  v.state = draw.any<VolumeState>();
  v.format = draw.any<FormatState>();
  v.hold = draw.any<HoldState>();
  v.source = maybe_volume(draw, state);
  v.created_generation = draw.generation();
  v.created_at = draw.time();
  v.purge_after = draw.time();
  return v;
}

std::optional<Change> attachment(Draw& draw, const Snapshot& state) {
  if (state.volumes().empty() || state.hosts().empty()) return std::nullopt;
  Attachment a;
  a.volume = draw.key_of(state.volumes());
  a.host = draw.key_of(state.hosts());
  a.state = draw.any<AttachmentState>();
  a.origin = draw.any<AttachmentOrigin>();
  a.generation = draw.generation();
  a.read_only = draw.coin();
  a.mounted = draw.coin();
  a.device = draw.text();
  a.host_identity = draw.text();
  a.fence_addresses = draw.text();
  a.boot_id = draw.text();
  a.read_back = draw.coin();
  a.unexplained_use = draw.coin();
  a.changed_at = draw.time();
  return a;
}

// Moves the open operation on, or begins one (a create keeps its id over its tries), or records one that has
// ended at once.
std::optional<Change> operation(Draw& draw, const Snapshot& state) {
  if (state.volumes().empty()) return std::nullopt;
  const VolumeEntry& entry = *state.volume(draw.key_of(state.volumes()));
  Operation o;
  if (entry.open_operation != nullptr) {
    o = *entry.open_operation;
    const auto to = draw.any<OperationState>();
    if (!operation_may_move(o.state, to)) return std::nullopt;
    o.state = to;
  } else {
    o.id = OperationId(draw.coin() ? fmt::format("op-create-{}", entry.volume.id.value)
                                   : fmt::format("op-{}", draw.bits()));
    o.volume = entry.volume.id;
    o.state = draw.below(4) == 0 ? OperationState::failed : OperationState::recorded;
    // The same id again after its end is another try only if it begins with `recorded`.
    if (o.state == OperationState::failed) o.id = OperationId(fmt::format("op-{}", draw.bits()));
  }
  o.kind = draw.any<OperationKind>();
  o.outcome = draw.any<Outcome>();
  o.host = maybe_host(draw, state);
  o.generation = draw.generation();
  o.attempt = static_cast<int>(draw.below(9));
  o.claim = {draw.below(5)};
  o.evidence = {draw.below(5)};
  o.rule = draw.text();
  o.cause = draw.text();
  o.error_code = static_cast<Errc>(draw.below(10));
  o.error = draw.text();
  o.recorded_at = draw.time();
  o.ended_at = draw.time();
  return o;
}

// Moves the open one of an agent on, or begins one. Only what came of it changes.
std::optional<Change> mesos_operation(Draw& draw, const Snapshot& state) {
  MesosOperation o;
  o.agent = AgentId(fmt::format("S{}", draw.below(3)));
  if (const auto open = state.mesos_operations().find(o.agent); open != state.mesos_operations().end()) {
    o = open->second;
    const auto to = draw.any<OperationState>();
    if (!operation_may_move(o.state, to)) return std::nullopt;
    o.state = to;
  } else {
    o.id = OperationId(fmt::format("op-{}", draw.bits()));
    o.kind = draw.any<MesosOperationKind>();
    o.generation = draw.generation();
    o.request = {draw.text(), draw.text(), draw.number(), draw.text(), {{"k", "it's=v"}, {"l", ""}},
                 draw.text(), draw.text(), draw.number(), draw.coin(), draw.number()};
    if (draw.coin()) o.request.labels.clear();
    o.user_uid = draw.number();
    o.reason = draw.text();
    o.recorded_at = draw.time();
  }
  o.outcome = draw.any<Outcome>();
  o.error_code = static_cast<Errc>(draw.below(10));
  o.error = draw.text();
  o.ended_at = draw.time();
  return o;
}

std::optional<Change> evidence(Draw& draw, const Snapshot& state) {
  if (state.volumes().empty()) return std::nullopt;
  Evidence e;
  e.id = {draw.below(6) + 1};
  e.kind = draw.any<EvidenceKind>();
  if (e.kind == EvidenceKind::fenced) e.fence = draw.key_of(state.fences());
  // A row keeps its volume while it counts, as the snapshot keeps it in that volume's entry.
  const Evidence* const old = state.evidence(e.id);
  e.volume = old == nullptr ? draw.key_of(state.volumes()) : old->volume;
  e.host = maybe_host(draw, state);
  e.attachment_generation = draw.generation();
  e.agent = AgentId(draw.text());
  e.claim = {draw.below(5)};
  e.container = ContainerId(draw.text());
  e.view_epoch = draw.number();
  e.request_sent_at = draw.time();
  e.user_uid = draw.number();
  e.detail = draw.text();
  e.grade = draw.any<EvidenceGrade>();
  e.void_reason = draw.coin() ? "" : "void: " + draw.text();
  return e;
}

std::optional<Change> fence(Draw& draw, const Snapshot& state) {
  if (state.hosts().empty()) return std::nullopt;
  if (draw.below(3) > 0 && !state.fences().empty()) {
    Fence f = state.fences().at(draw.key_of(state.fences()));
    const auto to = draw.any<FenceState>();
    if (is_under_way(to) && !is_under_way(f.state)) return std::nullopt;  // another one may be
    if (to != f.state && !fence_may_move(f.state, to)) return std::nullopt;
    f.state = to;
    f.seen = draw.text();
    f.held_at = {1 + draw.below(1000)};
    f.ended_at = to == FenceState::failed || to == FenceState::lifted ? WallTime{1} : WallTime{};
    f.expires_at = draw.time();
    return f;
  }
  Fence f;
  f.id = {draw.below(1'000'000'000) + 1};  // one that has ended does not come back
  f.key = OperationId(fmt::format("op-fence-{}", f.id.value));
  f.rung = draw.coin() ? FenceRung::power : FenceRung::host;
  f.provider = f.rung == FenceRung::power ? ProviderName{} : ProviderName("p~1");
  f.host = draw.key_of(state.hosts());
  for (const Fence* other : state.fences_of_host(f.host)) {
    if (is_under_way(other->state)) return std::nullopt;
  }
  f.target = "target" + draw.text();
  f.fence_addresses = draw.text();
  f.generation = draw.generation();
  f.generation.counter += 1;
  f.cooperative = draw.coin();
  f.claim = {draw.below(5)};
  f.cause = draw.text();
  f.recorded_at = draw.time();
  return f;
}

std::optional<Change> block(Draw& draw, const Snapshot& state) {
  if (state.volumes().empty()) return std::nullopt;
  return BlockedRow{draw.key_of(state.volumes()),
                    maybe_host(draw, state),
                    draw.text(),
                    draw.any<Owner>(),
                    draw.text(),
                    draw.time(),
                    draw.time()};
}

std::optional<Change> mount(Draw& draw, const Snapshot& state, bool drop) {
  if (state.volumes().empty() || state.hosts().empty()) return std::nullopt;
  Mount m{draw.key_of(state.volumes()), draw.key_of(state.hosts()), fmt::format("/mnt/{}", draw.below(3))};
  if (drop) return DropMount{m.volume, m.host, m.path};
  return m;
}

Change history(Draw& draw) {
  HistoryEntry e;
  e.kind = draw.text();
  e.volume = {draw.below(5)};
  e.host = {draw.below(4)};
  e.framework = FrameworkId(draw.text());
  e.task = TaskId(draw.text());
  e.operation = OperationId(draw.text());
  e.evidence = {draw.below(4)};
  e.claim = {draw.below(4)};
  e.rule = draw.text();
  e.text = draw.text();
  e.user_uid = draw.number();
  return e;
}

}  // namespace

std::optional<Change> make_change(const ChangeSeed& seed, const Snapshot& state) {
  Draw draw(seed.bits);
  const auto volume_of = [&] { return draw.key_of(state.volumes()); };
  switch (seed.kind) {
    case 0:
      return task_row(draw);
    case 1:
      return task_state(draw);
    case 2:
      return EndTasksOfView{draw.below(4)};
    case 3:
      return claim(draw, state);
    case 4:
      return claim_state(draw, state);
    case 5:
      return DropClaim{{draw.below(8) + 1}};
    case 6:
      return host(draw);
    case 7:
      return agent(draw, state);
    case 8:
      return Framework{FrameworkId(fmt::format("f{}", draw.below(3))),
                       draw.text(),
                       draw.text(),
                       draw.coin(),
                       draw.coin(),
                       draw.coin(),
                       draw.coin()};
    case 9:
      return reservation(draw);
    case 10:
      return DropReservations{AgentId(fmt::format("S{}", draw.below(3)))};
    case 11:
      return Pool{{ProviderName("p~1"), fmt::format("pool{}", draw.below(2))},
                  draw.number(),
                  draw.number(),
                  draw.number(),
                  draw.time()};
    case 12:
      return volume(draw, state);
    case 13:
      return attachment(draw, state);
    case 14:
      if (state.volumes().empty()) return std::nullopt;
      return DropAttachment{volume_of(), {draw.below(3) + 1}};
    case 15:
      return mount(draw, state, false);
    case 16:
      return mount(draw, state, true);
    case 17:
    case 18:
      return operation(draw, state);
    case 19:
      return evidence(draw, state);
    case 20:
      return block(draw, state);
    case 21:
      if (state.volumes().empty()) return std::nullopt;
      return DropBlocked{volume_of(), {draw.below(4)}};
    case 22:
      return MesosView{draw.number(), draw.text(), draw.text(), draw.text()};
    case 23:
      return DropAgent{AgentId(fmt::format("S{}", draw.below(4)))};
    case 24:
      return DropFramework{FrameworkId(fmt::format("f{}", draw.below(3)))};
    case 25:
      if (draw.coin()) return mesos_operation(draw, state);
      if (draw.coin()) return SetDetachStorm{draw.coin()};
      if (draw.coin())
        return SetFenceStop{draw.coin(), WallTime{draw.coin() ? 0 : 1'767'000'000'000'000'000}};
      if (draw.coin()) return SetMode{draw.any<Mode>()};
      return Counters{draw.below(9) + 1, draw.below(9) + 1, draw.below(9) + 1,
                      draw.below(9) + 1, draw.below(9) + 1, draw.below(9) + 1};
    case 26:
      return fence(draw, state);
    default:
      return history(draw);
  }
}

}  // namespace extvold::ledger
