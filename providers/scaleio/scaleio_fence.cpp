// The fence of one volume: the recorded SDC's mapping is removed. Three things show that it holds:
//   the SDC is not in mappedSdcInfo; nobody reaches the volume some other way (all SDCs, SCSI); nothing
//   writes.
// While another SDC is mapped, which happens only after the fence held, writes are that one's, and say
// nothing.
#include <utility>

#include "model/check.h"
#include "providers/foreign_text.h"
#include "providers/results.h"
#include "providers/scaleio/scaleio_plan.h"
#include "providers/scaleio/scaleio_provider.h"

namespace extvold::providers::scaleio {

namespace {

// How it stands with the MDM tells a person more than the proof asks for.
std::string sdc_text(const GatewayLook& seen, const std::string& guid) {
  for (const GatewaySdc& one : seen.sdcs) {
    if (one.guid == guid && !one.state.empty())
      return fmt::format("SDC {} (to the MDM: {})", guid, in_one_line(one.state, 40));
  }
  return "SDC " + guid;
}

std::string length_text(const WriteSample& sample) {
  return sample.seconds ? fmt::format(" (of {} s)", *sample.seconds) : "";
}

}  // namespace

struct ScaleioProvider::Fencing {
  FenceCall call;
  std::string guid;
  std::function<void(FenceResult)> done;
  Instant sent_at;
  Instant until;
  FenceResult result;
};

void ScaleioProvider::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  EXTVOLD_CHECK(call.fence.rung == FenceRung::volume);  // no other rung is named by the capabilities
  auto fencing = std::make_shared<Fencing>();
  fencing->call = std::move(call);
  fencing->guid = upper_case(fencing->call.fence.target);
  fencing->done = std::move(done);
  fencing->sent_at = ports_.clock();
  fencing->until = fencing->sent_at + fencing->call.deadline;
  // A mapping that was removed is all that a fence leaves: nothing stands that could be taken back. The host
  // gets the volume again by an attach.
  if (fencing->call.act == FenceAct::lift) {
    ports_.defer([this, fencing] { finish_fence(fencing, {}); });
    return;
  }
  if (fencing->guid.empty() || fencing->call.volume.provider_ref.empty()) {
    ports_.defer([this, fencing] {
      finish_fence(fencing,
                   fail(Errc::invalid, "a fence needs the SDC and the volume's id as they were recorded"));
    });
    return;
  }
  look_at(client_, config_, {fencing->call.volume.provider_ref, {}}, fencing->until,
          [this, fencing](const Result<GatewayLook>& seen) {
            if (!seen) {
              return finish_fence(fencing, tl::make_unexpected(nothing_happened(seen.error())));
            }
            if (const GatewayVolume* volume = seen->volume()) {
              if (const Status ours = check_ours(fencing->call.volume, *volume); !ours)
                return finish_fence(fencing, ours);
            }
            if (fencing->call.act == FenceAct::set) return take_away(fencing, *seen);
            check_fence(fencing, *seen);
          });
}

void ScaleioProvider::take_away(const FencingPtr& fencing, const GatewayLook& seen) {
  const GatewayVolume* volume = seen.volume();
  if (volume == nullptr) return finish_fence(fencing, {});  // a look will tell
  if (volume->to_all_sdcs)
    return finish_fence(fencing,
                        fail(Errc::conflict, "it is mapped to every SDC; none can be taken away from it"));
  const Result<const SdcMapping*> mapping = mapping_of(seen, *volume, fencing->guid);
  if (!mapping) return finish_fence(fencing, tl::make_unexpected(mapping.error()));
  if (*mapping == nullptr) return finish_fence(fencing, {});
  Step step = unmap_step(volume->id, (*mapping)->sdc_id);
  GatewayRequest request{"POST", std::move(step.path), std::move(step.body), Effect::changes, fencing->until};
  client_.call(std::move(request), [this, fencing](const Result<nlohmann::json>& answer) {
    // Not there any more, or not mapped any more: a look will tell.
    if (!answer && answer.error().code != Errc::not_found && answer.error().code != Errc::conflict)
      return finish_fence(fencing, tl::make_unexpected(answer.error()));
    finish_fence(fencing, {});
  });
}

void ScaleioProvider::check_fence(const FencingPtr& fencing, const GatewayLook& seen) {
  FenceResult& result = fencing->result;
  const GatewayVolume* volume = seen.volume();
  if (volume == nullptr) {
    result.seen = "the gateway shows no such volume";
    return finish_fence(fencing, {});  // unknown: nobody wrote to it for sure, but nothing proves it
  }
  const Result<const SdcMapping*> mapping = mapping_of(seen, *volume, fencing->guid);
  if (!mapping) {
    result.seen = mapping.error().message;
    return finish_fence(fencing, {});
  }
  if (*mapping != nullptr || volume->to_all_sdcs || volume->to_scsi_initiators) {
    result.held = TriState::no;
    result.seen = *mapping != nullptr   ? fmt::format("it is mapped to SDC {}", fencing->guid)
                  : volume->to_all_sdcs ? "it is mapped to every SDC"
                                        : "it is mapped to SCSI initiators";
    return finish_fence(fencing, {});
  }
  if (!volume->mappings.empty()) {
    const FenceState state = fencing->call.fence.state;
    const bool was_held = state == FenceState::held || state == FenceState::lifting;
    if (was_held) result.held = TriState::yes;
    result.seen = fmt::format("SDC {} is not among those that it is mapped to; another one is{}",
                              fencing->guid, was_held ? "" : ", so nobody can tell whose writes are whose");
    return finish_fence(fencing, {});
  }
  check_writes(fencing, volume->id, sdc_text(seen, fencing->guid));
}

void ScaleioProvider::check_writes(const FencingPtr& fencing, const std::string& volume_id,
                                   const std::string& sdc) {
  GatewayRequest request{"GET", fmt::format("/api/instances/Volume::{}/relationships/Statistics", volume_id),
                         nullptr, Effect::reads, fencing->until};
  client_.call(std::move(request), [this, fencing, sdc](const Result<nlohmann::json>& answer) {
    const Result<WriteSample> sample = answer ? writes_in(*answer) : tl::make_unexpected(answer.error());
    FenceResult& result = fencing->result;
    if (!sample && sample.error().code == Errc::throttled)
      return finish_fence(fencing, tl::make_unexpected(sample.error()));
    if (!sample) {
      result.seen =
          "it is mapped to nobody, but whether anything writes cannot be read: " + sample.error().message;
    } else if (sample->writes != 0) {
      // The newest sample may reach back to before it was unmapped.
      result.seen =
          fmt::format("it is mapped to nobody, but {} writes were counted in the newest sample{}; {}",
                      sample->writes, length_text(*sample), sdc);
    } else {
      result.held = TriState::yes;
      result.seen =
          fmt::format("{} is not mapped, nor is anybody else, and the newest sample{} counts no write", sdc,
                      length_text(*sample));
    }
    finish_fence(fencing, {});
  });
}

void ScaleioProvider::finish_fence(const FencingPtr& fencing, const Status& status) {
  const FenceCall& call = fencing->call;
  if (!status) {
    Error error = wrap(status.error(), fmt::format("volume {}", call.volume.name)).value();
    return fencing->done(failed_call(call, std::move(error), fencing->sent_at, ports_.clock()));
  }
  FenceResult& result = fencing->result;
  result.id = call.fence.id;
  result.act = call.act;
  result.state = FenceCallState::done;
  result.sent_at = fencing->sent_at;
  result.ended_at = ports_.clock();
  fencing->done(std::move(result));
}

}  // namespace extvold::providers::scaleio
