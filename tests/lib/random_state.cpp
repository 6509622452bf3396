#include "tests/lib/random_state.h"

#include <fmt/format.h>
#include <rapidcheck.h>

#include <algorithm>
#include <set>

namespace extvold::tests {
namespace {

bool once_in(int n) { return random_below(n) == n - 1; }

template <typename E>
E any_of(E) {
  return static_cast<E>(random_below(static_cast<int>(enum_texts(E{}).size())));
}

template <typename T>
const T& one_of(const std::vector<T>& list) {
  return list[static_cast<std::size_t>(random_below(static_cast<int>(list.size())))];
}

class Maker {
 public:
  RandomState make() {
    make_ledger();
    make_policy();
    make_cluster();
    make_volumes();
    for (const Volume& volume : volumes_) make_volume_rows(volume);
    make_claims();
    make_unresolved();
    finish();
    return std::move(state_);
  }

 private:
  static constexpr std::int64_t kNow = 1'000;  // seconds

  Instant around_now() {
    return once_in(6) ? Instant{} : Instant{seconds(kNow - 400 + random_below(420)).ns};
  }
  WallTime some_wall() { return {1'750'000'000'000'000'000 + random_below(1'000'000) * 1'000'000LL}; }
  HostId host() { return one_of(hosts_); }

  void make_ledger() {
    state_.sequence = {random_below(1000)};
    state_.ledger = {"0123456789abcdef0123456789abcdef", 1 + random_below(2)};
    state_.mode = once_in(4) ? Mode::observe : Mode::active;
    state_.view = {random_below(4), "m1", "1700000000.0", "1.11.0"};
    state_.now = Instant{seconds(kNow).ns};
    state_.observed.view_complete = !once_in(4);
    if (state_.observed.view_complete) state_.observed.view_incomplete_why.clear();
    state_.detach_storm = once_in(8);
    state_.fence_stop = once_in(8);
  }

  void make_policy() {
    for (int i = 0; i < 2; ++i) {
      ProviderInfo provider;
      provider.name = ProviderName(fmt::format("local~p{}", i));
      provider.pools = {"hdd"};
      provider.capabilities.create = !once_in(6);
      provider.capabilities.attach_to_named_host = !once_in(8);
      provider.capabilities.list_attachments = true;
      provider.capabilities.detach_enforced = !once_in(3);
      provider.capabilities.exclusive_attach = once_in(2);
      provider.capabilities.shows_running_calls = once_in(2);
      provider.capabilities.fence_volume = once_in(2);
      provider.capabilities.fence_host = once_in(2);
      provider.capabilities.fence_verifiable = !once_in(3);
      provider.capabilities.fence_cooperative = once_in(3);
      provider.capabilities.fence_bars_late_calls = once_in(2);
      provider.capabilities.resize = !once_in(3);
      provider.capabilities.resize_attached = provider.capabilities.resize && once_in(2);
      provider.reach_all = !once_in(3);
      provider.format_host = once_in(4) ? "" : "h1";
      provider.calls_max = 1 + random_below(4);
      provider.calls_per_second = once_in(4) ? 1 + random_below(20) : 0;
      // A volume may live at a provider that is not configured.
      if (!once_in(8)) state_.policy.providers.push_back(provider);
    }
    DriverMapping driver;
    driver.driver = "rexray";
    driver.provider = ProviderName("local~p0");
    driver.attach_by = once_in(8) ? AttachBy::plugin : AttachBy::extvold;
    if (once_in(8)) driver.accept_executor_terminal_after = minutes(10);
    state_.policy.drivers.push_back(driver);
    state_.policy.agents_use_linux_launcher = !once_in(4);
    state_.policy.agents_api_unfiltered = !once_in(4);
    if (once_in(2)) {
      FencePolicy fence;
      fence.when = FenceWhen::after;
      fence.after = seconds(random_below(3) * 300);
      fence.accept_cooperative = once_in(2);
      state_.policy.fences.push_back({{}, {}, fence});
      state_.policy.power_hosts = {"h1", "h2"};
    }
    if (once_in(8)) state_.policy.observe_only = "this host is not the active one";
  }

  void make_cluster() {
    const int hosts = 1 + random_below(4);
    for (int i = 1; i <= hosts; ++i) {
      Host row;
      row.id = {i};
      row.name = fmt::format("h{}", i);
      row.boot_id = once_in(2) ? "" : "boot-1";
      row.hold = once_in(3) ? any_of(HoldState{}) : HoldState::inherit;
      row.quarantined = once_in(5);
      if (row.quarantined) row.quarantine_reason = "confirmed dead: test";
      hosts_.push_back(row.id);
      host_rows_.emplace_back(row);
    }
    const int agents = random_below(6);
    for (int i = 1; i <= agents; ++i) {
      Agent row;
      row.id = AgentId(fmt::format("S{}", i));
      row.host = once_in(6) ? HostId{} : host();
      row.hostname = row.host ? fmt::format("h{}", row.host.value) : "";
      row.address = "127.0.0.1:5051";
      row.state = any_of(AgentState{});
      if (once_in(2)) row.attributes = "rack:r1\next-storage-inst1:local~p0~hdd\n";
      agents_.push_back(row.id);
      agent_rows_.emplace_back(row);
      if (once_in(5)) continue;
      AgentView view;
      view.registered = row.state == AgentState::registered;
      view.added_at = around_now();
      view.launched_at = around_now();
      view.api_read_sent_at = around_now();
      if (once_in(6)) view.api_error = "connection refused";
      state_.observed.agents[row.id] = view;
    }
    Framework framework;
    framework.id = FrameworkId("F1");
    framework.name = once_in(2) ? "marathon" : "";
    framework_rows_.emplace_back(framework);
    for (const ProviderInfo& provider : state_.policy.providers) {
      Pool pool;
      pool.name = {provider.name, "hdd"};
      pool.capacity_mb = random_below(3) * 1000;
      pool.free_mb = pool.capacity_mb / 2;
      pool.observed_at = some_wall();
      pool_rows_.emplace_back(pool);
    }
    if (!agents_.empty() && once_in(3)) {
      ReservationRecord row;
      row.agent = one_of(agents_);
      row.role = "db";
      row.resource = "disk";
      row.amount_milli = 1'024'000;
      row.labels = {{"extvold.profile", "gold"}};
      reservation_rows_.emplace_back(row);
    }
  }

  void make_volumes() {
    const int volumes = random_below(5);
    for (int i = 1; i <= volumes; ++i) {
      Volume row;
      row.id = {i};
      row.name = fmt::format("v{}", i);
      row.key = derived_name("xv-", row.name);
      row.pool = {ProviderName(fmt::format("local~p{}", random_below(2))), "hdd"};
      row.size_mb = 1 + random_below(10'000);
      if (once_in(5)) row.wanted_size_mb = row.size_mb + 1 + random_below(100);
      row.iops = random_below(2) * 100;
      row.filesystem = any_of(Filesystem{});
      row.access = once_in(3) ? any_of(AccessMode{}) : AccessMode::rw;
      row.origin = once_in(4) ? any_of(VolumeOrigin{}) : VolumeOrigin::created;
      row.state = once_in(3) ? any_of(VolumeState{}) : VolumeState::available;
      row.format = once_in(3) ? any_of(FormatState{}) : FormatState::formatted;
      row.hold = once_in(4) ? any_of(HoldState{}) : HoldState::inherit;
      if (i > 1 && once_in(5)) row.source = {1};
      row.created_generation = {1, 1};
      row.created_at = some_wall();
      if (row.state == VolumeState::trashed) row.purge_after = some_wall();
      volumes_.push_back(row);
      volume_rows_.emplace_back(row);
    }
  }

  void make_volume_rows(const Volume& volume) {
    for (HostId at : hosts_) {
      if (!once_in(3)) continue;
      Attachment row;
      row.volume = volume.id;
      row.host = at;
      row.state = once_in(2) ? any_of(AttachmentState{}) : AttachmentState::attached;
      row.origin = any_of(AttachmentOrigin{});
      row.generation = {1, next_generation_++};
      row.read_only = volume.access == AccessMode::ro;
      row.device = "/dev/loop1";
      row.host_identity = fmt::format("h{}", at.value);
      if (once_in(8)) row.fence_addresses = "10.0.0.1/32";
      row.boot_id = once_in(2) ? "" : "boot-1";
      row.read_back = row.state == AttachmentState::detached && !once_in(4);
      row.unexplained_use = once_in(8);
      row.changed_at = some_wall();
      attachment_rows_.emplace_back(row);
      if (once_in(3)) mount_rows_.emplace_back(Mount{volume.id, at, "/mnt/x"});
      if (once_in(2)) make_evidence(volume, row);
      if (once_in(4)) {
        blocked_rows_.emplace_back(BlockedRow{volume.id, at, "waits_for_agent", any_of(Owner{}), "because",
                                              some_wall(), some_wall()});
      }
    }
    make_operation(volume);
    if (once_in(5)) return;
    VolumeView view;
    view.sent_at = around_now();
    view.acted_at = around_now();
    view.idle_since = around_now();
    if (once_in(5)) {
      view.retries.push_back({any_of(OperationKind{}), host(), Instant{seconds(kNow + random_below(60)).ns},
                              1 + random_below(5)});
    }
    view.present = !once_in(6);
    view.call_running = any_of(TriState{});
    for (HostId at : hosts_) {
      if (once_in(3)) view.attachments.push_back({at, any_of(TriState{}), any_of(TriState{})});
    }
    state_.observed.volumes[volume.id] = view;
  }

  void make_evidence(const Volume& volume, const Attachment& attachment) {
    Evidence row;
    row.id = {next_evidence_++};
    row.kind = any_of(EvidenceKind{});
    row.volume = volume.id;
    row.host = attachment.host;
    row.attachment_generation = once_in(4) ? Generation{1, 9'999} : attachment.generation;
    row.view_epoch = state_.view.epoch;
    row.request_sent_at = some_wall();
    row.detail = "as seen";
    row.grade = once_in(6) ? EvidenceGrade::assumed : EvidenceGrade::proven;
    if (row.kind == EvidenceKind::fenced) row.fence = make_fence(volume, attachment);
    evidence_rows_.emplace_back(row);
    evidence_.push_back(row);
  }

  // Of every rung and state that a snapshot holds; half of them were looked at.
  FenceId make_fence(const Volume& volume, const Attachment& attachment) {
    Fence row;
    row.id = {next_fence_++};
    row.key = OperationId(fmt::format("op-fence-{}", row.id.value));
    row.rung = one_of(std::vector{FenceRung::volume, FenceRung::host, FenceRung::power});
    row.state =
        one_of(std::vector{FenceState::held, FenceState::held, FenceState::uncertain, FenceState::lifting});
    row.host = attachment.host;
    if (row.rung != FenceRung::power) row.provider = volume.pool.provider;
    if (row.rung == FenceRung::volume) row.volume = volume.id;
    row.target = attachment.host_identity.empty() ? "h" : attachment.host_identity;
    if (!once_in(4)) row.fence_addresses = attachment.fence_addresses;
    row.generation = {1, 5'000 + row.id.value};
    fence_rows_.emplace_back(row);
    if (!once_in(3)) state_.observed.fences[row.id] = {around_now(), once_in(3) ? around_now() : kNever, {}};
    return row.id;
  }

  void make_operation(const Volume& volume) {
    const int kind = random_below(8);
    if (kind > 1) return;  // one in four
    Operation row;
    row.kind = any_of(OperationKind{});
    row.volume = volume.id;
    if (row.kind != OperationKind::create && row.kind != OperationKind::remove) row.host = host();
    row.generation = {1, next_generation_++};
    row.id = operation_id(state_.ledger.id, row.kind, row.volume, row.host, row.generation);
    row.state = kind == 1 ? OperationState::failed
                          : one_of(std::vector{OperationState::recorded, OperationState::issued,
                                               OperationState::uncertain});
    row.rule = "attach.wanted_claim";
    row.cause = "wanted by a task";
    row.recorded_at = some_wall();
    if (row.state == OperationState::failed) row.ended_at = some_wall();
    row.error = "no reply";
    row.error_code = Errc::uncertain;
    row.call_ended_at = row.state == OperationState::recorded ? Instant{} : around_now();
    operation_rows_.emplace_back(row);
  }

  void make_claims() {
    if (volumes_.empty()) return;
    const int claims = random_below(8);
    for (int i = 0; i < claims; ++i) {
      Claim row;
      row.id = {next_claim_++};
      row.kind = any_of(ClaimKind{});
      row.volume = one_of(volumes_).id;
      if (is_of_mesos(row.kind)) {
        row.agent = agents_.empty() || once_in(8) ? AgentId("S9") : one_of(agents_);
        row.framework = FrameworkId("F1");
        row.task = TaskId(fmt::format("t{}", random_below(5)));
        if (row.kind == ClaimKind::executor) row.executor = ExecutorId("e1");
        row.container = ContainerId("c1");
        row.containerizer = once_in(5) ? Containerizer::docker : Containerizer::mesos;
        row.reference = {ReferenceSpelling::docker_volume, "rexray", "v", "/data", once_in(4)};
        row.task_state = any_of(TaskState{});
      } else {
        row.host = host();
      }
      row.wanted = row.kind != ClaimKind::synthetic && !once_in(3);
      row.liveness = row.kind == ClaimKind::synthetic ? Liveness::unknown : any_of(Liveness{});
      if (row.wanted && row.liveness == Liveness::dead) row.liveness = Liveness::live;
      row.liveness_why = "as told";
      if (row.liveness == Liveness::dead && !evidence_.empty() && once_in(2))
        row.evidence = one_of(evidence_).id;
      row.first_seen_sequence = random_below(100);
      row.began_sequence = once_in(3) ? 0 : row.first_seen_sequence;
      row.last_event_at = around_now();
      claim_rows_.emplace_back(row);
    }
  }

  void make_unresolved() {
    if (!once_in(4) || agents_.empty()) return;
    Claim row;
    row.id = {next_claim_++};
    row.unresolved = static_cast<Unresolved>(1 + random_below(3));
    row.agent = one_of(agents_);
    row.framework = FrameworkId("F1");
    row.task = TaskId("odd");
    row.reference = {ReferenceSpelling::label, "glusterfs", "x", "/x", false};
    row.wanted = true;
    row.liveness = any_of(Liveness{});
    claim_rows_.emplace_back(row);
  }

  void finish() {
    state_.counters = {static_cast<std::int64_t>(hosts_.size()) + 1,
                       static_cast<std::int64_t>(volumes_.size()) + 1,
                       next_claim_,
                       next_evidence_,
                       next_generation_,
                       next_fence_};
    // Ended operations before open ones, as a load does it; agents also after their claims.
    state_.rows = {std::move(host_rows_),        std::move(framework_rows_), std::move(pool_rows_),
                   std::move(reservation_rows_), std::move(volume_rows_),    std::move(attachment_rows_),
                   std::move(mount_rows_),       std::move(fence_rows_),     std::move(evidence_rows_),
                   std::move(claim_rows_),       std::move(agent_rows_),     std::move(operation_rows_),
                   std::move(blocked_rows_)};
  }

  RandomState state_;
  std::vector<HostId> hosts_;
  std::vector<AgentId> agents_;
  std::vector<Volume> volumes_;
  std::vector<Evidence> evidence_;
  std::int64_t next_generation_ = 1;
  std::int64_t next_evidence_ = 1;
  std::int64_t next_fence_ = 1;
  std::int64_t next_claim_ = 1;
  std::vector<Change> host_rows_, framework_rows_, pool_rows_, reservation_rows_, volume_rows_,
      attachment_rows_, mount_rows_, fence_rows_, evidence_rows_, claim_rows_, agent_rows_, operation_rows_,
      blocked_rows_;
};

}  // namespace

int random_below(int n) { return *rc::gen::inRange(0, n); }

RandomState random_state() { return Maker().make(); }

Snapshot RandomState::snapshot() const {
  Snapshot out;
  for (const std::vector<Change>& kind : rows) {
    for (const Change& row : kind) out.apply(row);
  }
  out.sequence = sequence;
  out.ledger = ledger;
  out.mode = mode;
  out.detach_storm = detach_storm;
  out.fence_stop = fence_stop;
  out.view = view;
  out.counters = counters;
  return out;
}

void RandomState::shuffle() {
  for (std::vector<Change>& kind : rows) {
    for (std::size_t i = kind.size(); i > 1; --i)
      std::swap(kind[i - 1], kind[static_cast<std::size_t>(random_below(static_cast<int>(i)))]);
  }
}

}  // namespace extvold::tests
