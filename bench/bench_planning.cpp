// Planning: 100,000 volumes in place, each attached where its live task wants it, and nothing to do. Printed:
// a look after one event (taken in, looked at, nothing written), the full audit sweep, and the memory a
// volume takes with its attachment (and with its claim).
#include <fmt/format.h>
#include <malloc.h>

#include <chrono>
#include <cstdlib>

#include "reconcilers/engine.h"
#include "reconcilers/reconcilers.h"

namespace ev = extvold;
namespace rc = extvold::reconcilers;

namespace {

constexpr int kVolumes = 100'000;
constexpr int kAgents = 1'000;

std::size_t heap_in_use() { return mallinfo2().uordblks; }

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

ev::Policy policy() {
  ev::Policy out;
  ev::ProviderInfo provider;
  provider.name = ev::ProviderName("local~laptop");
  provider.capabilities = {.create = true,
                           .attach_to_named_host = true,
                           .list_attachments = true,
                           .detach_enforced = true,
                           .exclusive_attach = true,
                           .fence_verifiable = false,
                           .shows_running_calls = true,
                           .host_reports = true};
  provider.pools = {"p1"};
  provider.reach_all = true;
  out.providers = {provider};
  out.drivers = {{"extvold", provider.name, ev::AttachBy::extvold, {}}};
  out.audit = ev::minutes(600);
  return out;
}

ev::Volume volume_row(int i) {
  ev::Volume row;
  row.id = {i + 1};
  row.name = fmt::format("volume-{:06}", i);
  row.key = ev::derived_name("xv-", row.name);
  row.provider_ref = row.key;
  row.pool = {ev::ProviderName("local~laptop"), "p1"};
  row.size_mb = 1024;
  row.state = ev::VolumeState::available;
  return row;
}

ev::Attachment attachment_row(int i) {
  ev::Attachment row;
  row.volume = {i + 1};
  row.host = {i % kAgents + 1};
  row.state = ev::AttachmentState::attached;
  row.generation = {1, i + 1};
  row.device = fmt::format("/dev/loop{}", i);
  row.host_identity = fmt::format("host-{}", i % kAgents);
  return row;
}

ev::Claim claim_row(int i) {
  ev::Claim row;
  row.id = {i + 1};
  row.volume = {i + 1};
  row.agent = ev::AgentId(fmt::format("7d68a27b-7250-472c-b135-95717b3dd9f6-S{}", i % kAgents));
  row.framework = ev::FrameworkId("7d68a27b-7250-472c-b135-95717b3dd9f6-0000");
  row.task = ev::TaskId(fmt::format("task.{:06}", i));
  row.container = ev::ContainerId("7136ee04-3fc5-42fe-8fcf-eb3c9774bbc9");
  row.reference = {ev::ReferenceSpelling::docker_volume, "extvold", fmt::format("volume-{:06}", i), "data",
                   false};
  row.task_state = ev::TaskState::task_running;
  row.wanted = true;
  row.liveness = ev::Liveness::live;
  row.liveness_why = "Mesos says task_running";
  return row;
}

ev::Snapshot cluster(std::size_t& with_attachment, std::size_t& with_claim) {
  ev::Snapshot snapshot;
  snapshot.ledger = {"bench", 1};
  snapshot.mode = ev::Mode::active;
  for (int i = 0; i < kAgents; ++i) {
    snapshot.apply(ev::Host{.id = {i + 1},
                            .name = fmt::format("host-{}", i),
                            .boot_id = {},
                            .hold = {},
                            .quarantined = false,
                            .quarantine_reason = {},
                            .quarantine_fence = {},
                            .fence_held = false});
    ev::Agent agent;
    agent.id = ev::AgentId(fmt::format("7d68a27b-7250-472c-b135-95717b3dd9f6-S{}", i));
    agent.host = {i + 1};
    agent.state = ev::AgentState::registered;
    snapshot.apply(agent);
  }
  const std::size_t empty = heap_in_use();
  for (int i = 0; i < kVolumes; ++i) {
    snapshot.apply(volume_row(i));
    snapshot.apply(attachment_row(i));
  }
  with_attachment = (heap_in_use() - empty) / kVolumes;
  for (int i = 0; i < kVolumes; ++i) snapshot.apply(claim_row(i));
  with_claim = (heap_in_use() - empty) / kVolumes;
  snapshot.counters = {kAgents + 1, kVolumes + 1, kVolumes + 1, 1, kVolumes + 1};
  return snapshot;
}

ev::ProviderObservation everything(ev::Instant at) {
  ev::ProviderObservation out;
  out.provider = ev::ProviderName("local~laptop");
  out.complete = true;
  out.sent_at = out.ended_at = at;
  for (int i = 0; i < kVolumes; ++i) {
    ev::ObservedVolume one;
    const ev::Volume row = volume_row(i);
    one.key = one.provider_ref = row.key;
    one.ledger_id = "bench";
    one.size_mb = 1024;
    one.call_running = ev::TriState::no;
    one.attachments.push_back({fmt::format("host-{}", i % kAgents),
                               fmt::format("/dev/loop{}", i),
                               false,
                               ev::TriState::yes,
                               ev::TriState::yes,
                               {},
                               {},
                               {}});
    out.volumes.push_back(std::move(one));
  }
  return out;
}

}  // namespace

int main() {
  std::size_t with_attachment = 0;
  std::size_t with_claim = 0;
  ev::Snapshot snapshot = cluster(with_attachment, with_claim);
  rc::Engine engine(std::move(snapshot), policy());
  ev::Now now{ev::Instant{ev::seconds(1000).ns}, ev::WallTime{1}};
  const auto tick = [&] {
    now.at = now.at + ev::milliseconds(1);
    return now;
  };
  engine.step(tick(),
              rc::EventsArrived{{ev::SubscriptionOpened{"m"}, ev::SnapshotBegan{}, ev::SnapshotEnded{}}});
  const std::size_t before_observed = heap_in_use();
  ev::ProviderObservation observation = everything(tick().at);
  engine.step(tick(), rc::ObservationArrived{std::move(observation)});
  const std::size_t observed = (heap_in_use() - before_observed) / kVolumes;

  // One event at a time: a direct observation of a volume in place, which has it looked at and changes
  // nothing.
  constexpr int kEvents = 20'000;
  const auto commits = engine.counts().commits;
  const auto looks = engine.counts().looks;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kEvents; ++i) {
    ev::ProviderObservation look;
    look.provider = ev::ProviderName("local~laptop");
    const ev::Volume row = volume_row(i * 5 % kVolumes);
    look.volume_key = row.key;
    look.complete = true;
    look.sent_at = look.ended_at = tick().at;
    ev::ObservedVolume one;
    const int index = i * 5 % kVolumes;
    one.key = one.provider_ref = row.key;
    one.ledger_id = "bench";
    one.call_running = ev::TriState::no;
    one.attachments.push_back({fmt::format("host-{}", index % kAgents),
                               fmt::format("/dev/loop{}", index),
                               false,
                               ev::TriState::yes,
                               ev::TriState::yes,
                               {},
                               {},
                               {}});
    look.volumes.push_back(std::move(one));
    engine.step(tick(), rc::ObservationArrived{std::move(look)});
  }
  const double each = seconds_since(start) / kEvents;
  fmt::print("planning  look after one event      {:8.2f} us   looks {}  commits {}\n", each * 1e6,
             engine.counts().looks - looks, engine.counts().commits - commits);

  const rc::Look look{engine.snapshot(), engine.observed(), engine.policy(), now.at};
  rc::VolumePlan out;
  double best = 1e9;
  std::size_t found = 0;
  for (int round = 0; round < 5; ++round) {
    const auto sweep = std::chrono::steady_clock::now();
    for (const auto& [id, entry] : engine.snapshot().volumes()) {
      out.clear();
      rc::plan_volume(look, entry, out);
      found += out.operations.size() + out.blocked.size();
    }
    best = std::min(best, seconds_since(sweep));
  }
  fmt::print("planning  full audit sweep          {:8.2f} ms   of {} volumes, {} not in place\n", best * 1e3,
             kVolumes, found);
  const auto whole = std::chrono::steady_clock::now();
  const ev::Plan plan = rc::plan(engine.snapshot(), engine.observed(), now.at, engine.policy());
  fmt::print("planning  plan() of everything      {:8.2f} ms   {} operations\n", seconds_since(whole) * 1e3,
             plan.operations.size());
  fmt::print(
      "planning  memory a volume           {:8} B    with its attachment; observed {} B more; with a claim "
      "{} B\n",
      with_attachment, observed, with_claim);
  return found == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
