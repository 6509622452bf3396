// From proof to attach: a look at a fence shows that it holds, and the volume that waited is attached
// elsewhere. The engine and a real ledger, whose commits are synced; the provider answers at once. What is
// measured is everything in between: evidence, the detach that comes first and its read-back, and the intent
// of the attach.
//
//   bench_fence [FENCES [DIRECTORY]]    goal: median under 20 ms
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>

#include "bench/pipeline.h"
#include "ledger/ledger.h"
#include "reconcilers/engine.h"

namespace extvold::bench {
namespace {

using namespace extvold::reconcilers;  // NOLINT(google-build-using-namespace): the engine is what is measured

const ProviderName kProvider{"rbd~bench"};

Policy bench_policy() {
  Policy policy;
  ProviderInfo info;
  info.name = kProvider;
  info.pools = {"p1"};
  info.reach_all = true;
  info.capabilities.create = info.capabilities.attach_to_named_host = true;
  info.capabilities.list_attachments = true;
  info.capabilities.fence_host = info.capabilities.fence_verifiable = true;
  policy.providers = {info};
  policy.has_master = false;  // operators' orders only: no view that could be incomplete
  policy.fences = {{{}, {}, {.when = FenceWhen::after}}};
  return policy;
}

std::string host_of(std::size_t n, char kind) { return fmt::format("{}{}", kind, n); }
std::string key_of(std::size_t n) { return fmt::format("xv-bench-{:06}", n); }

// Volume n is attached to a host that is being fenced, and ordered to another one.
std::vector<Change> rows_of(std::size_t n) {
  const auto id = static_cast<std::int64_t>(n) + 1;
  Volume volume;
  volume.id = {id};
  volume.name = fmt::format("vol-{:06}", n);
  volume.key = volume.provider_ref = key_of(n);
  volume.pool = {kProvider, "p1"};
  volume.size_mb = 1024;
  volume.state = VolumeState::available;
  volume.created_generation = {1, 1};
  Host lost{{2 * id}, host_of(n, 'a'), {}, HoldState::inherit, true, "fence", {id}, false};
  Host next{{2 * id + 1}, host_of(n, 'b'), {}, HoldState::inherit, false, {}, {}, false};
  Attachment attachment;
  attachment.volume = {id};
  attachment.host = lost.id;
  attachment.state = AttachmentState::attached;
  attachment.origin = AttachmentOrigin::found;
  attachment.generation = {1, 2 * id};
  attachment.host_identity = lost.name;
  Fence fence;
  fence.id = {id};
  fence.key = OperationId(fmt::format("op-fence-{}", n));
  fence.rung = FenceRung::host;
  fence.host = lost.id;
  fence.provider = kProvider;
  fence.target = lost.name;
  fence.generation = {1, 2 * id + 1};
  Claim user;
  user.id = {2 * id};
  user.kind = ClaimKind::synthetic;
  user.volume = {id};
  user.host = lost.id;
  user.first_seen_sequence = 1;
  Claim order = user;
  order.id = {2 * id + 1};
  order.kind = ClaimKind::operator_;
  order.host = next.id;
  order.wanted = true;
  order.liveness = Liveness::live;
  return {volume, lost, next, attachment, fence, user, order};
}

// The driver's part: commits are synced, calls are answered at once.
class World {
 public:
  World(const std::string& file, std::size_t fences) {
    auto opened = ledger::Ledger::open(file, {.now = {1}});
    if (!opened) stop(opened.error().message);
    ledger_ = std::move(*opened);
    Batch batch{{ledger_->sequence().value + 1}, {1}, {}};
    for (std::size_t n = 0; n < fences; ++n) {
      for (Change& row : rows_of(n)) batch.changes.push_back(std::move(row));
      attached_[key_of(n)] = host_of(n, 'a');
    }
    const auto next = static_cast<std::int64_t>(fences) * 2 + 10;
    batch.changes.emplace_back(Counters{next, next, next, next, next, next});
    batch.changes.emplace_back(SetMode{Mode::active});
    if (const auto done = ledger_->commit(batch); !done) stop(done.error().message);
    auto loaded = ledger_->load();
    if (!loaded) stop(loaded.error().message);
    engine_ = std::make_unique<Engine>(std::move(*loaded), bench_policy());
    step(TimerFired{});
    drain();
  }

  // Seconds from the answer that the fence holds to the first call of the attach.
  double prove(std::size_t n) {
    ++at_.ns;
    FenceResult seen;
    seen.id = {static_cast<std::int64_t>(n) + 1};
    seen.state = FenceCallState::done;
    seen.held = TriState::yes;
    seen.seen = "blocklisted";
    seen.sent_at = seen.ended_at = at_;
    called_at_ = 0;
    const double start = wall_seconds();
    step(FenceCallEnded{seen});
    drain();
    if (called_at_ == 0) stop(fmt::format("volume {} was not attached", n));
    return called_at_ - start;
  }

 private:
  Now now() const { return {at_, {1'700'000'000'000'000'000 + at_.ns}}; }

  void step(Input input) {
    for (Effect& effect : engine_->step(now(), std::move(input))) perform(effect);
  }
  void drain() {
    while (!queue_.empty()) {
      ++at_.ns;
      Input next = std::move(queue_.front());
      queue_.pop_front();
      step(std::move(next));
    }
  }
  void perform(Effect& effect) {
    if (auto* commit = std::get_if<Commit>(&effect)) {
      if (const auto done = ledger_->commit(commit->batch); !done) stop(done.error().message);
      queue_.emplace_back(Committed{commit->batch.sequence});
    } else if (auto* execute = std::get_if<Execute>(&effect)) {
      answer(execute->call);
    } else if (auto* look = std::get_if<ObserveProvider>(&effect)) {
      queue_.emplace_back(ObservationArrived{observed(look->volume_key)});
    }
  }
  void answer(const OperationCall& call) {
    OperationResult result;
    result.id = call.operation.id;
    result.state = OperationState::done;
    result.outcome = Outcome::changed;
    result.host_identity = call.host_name;
    result.ended_at = at_;
    if (call.operation.kind == OperationKind::attach) {
      if (called_at_ == 0) called_at_ = wall_seconds();
      attached_[call.volume.key] = call.host_name;
    } else {
      attached_[call.volume.key].clear();
    }
    queue_.emplace_back(OperationEnded{std::move(result)});
  }
  ProviderObservation observed(const std::string& key) {
    ProviderObservation out;
    out.provider = kProvider;
    out.volume_key = key;
    out.complete = true;
    ++at_.ns;
    out.sent_at = out.ended_at = at_;
    for (const auto& [name, host] : attached_) {
      if (!key.empty() && key != name) continue;
      ObservedVolume one;
      one.key = one.provider_ref = name;
      one.ledger_id = engine_->snapshot().ledger.id;
      if (!host.empty())
        one.attachments = {{host, {}, false, TriState::unknown, TriState::unknown, {}, {}, {}}};
      out.volumes.push_back(std::move(one));
    }
    return out;
  }

  std::unique_ptr<ledger::Ledger> ledger_;
  std::unique_ptr<Engine> engine_;
  std::deque<Input> queue_;
  std::map<std::string, std::string> attached_;
  Instant at_{1'000'000'000'000};
  double called_at_ = 0;
};

int run(std::size_t fences, const std::string& folder) {
  const std::string place = folder + "/bench-fence";
  std::filesystem::remove_all(place);
  std::filesystem::create_directories(place);
  {
    World world(place + "/ledger.db", fences);
    std::vector<double> took;
    for (std::size_t n = 0; n < fences; ++n) took.push_back(world.prove(n));
    std::sort(took.begin(), took.end());
    fmt::print(
        "fence     proof to first attach call, {} fences: median {:.2f} ms, 99% {:.2f} ms (goal: 20 ms)\n",
        fences, took[took.size() / 2] * 1e3, took[took.size() * 99 / 100] * 1e3);
  }
  std::filesystem::remove_all(place);
  return 0;
}

}  // namespace
}  // namespace extvold::bench

int main(int argc, char** argv) {
  const std::size_t fences = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 500;
  return extvold::bench::run(fences == 0 ? 1 : fences, argc > 2 ? argv[2] : ".");
}
