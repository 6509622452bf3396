// ScaleioProvider: volumes of a ScaleIO or PowerFlex system, through its gateway's REST API.
//
// Loop thread only. Keeps the gateway's session and no state that matters; what the ports name must outlive
// it, and it must outlive its calls. Hosts are SDCs, known by their GUID in upper case. A volume is acted on
// by its id, and only if its name is still its key; the key alone is looked for when it is made. The gateway
// has no place for a tag, so a ledger_id is never shown: a key is derived from its ledger's id, and names are
// unique.
//
// What it promises, and why:
// - create: yes, in steps of 8 GiB; the granted size is read back. A clone is a snapshot, which is a volume.
// - attach_to_named_host: yes, the MDM maps a volume to any SDC.
// - list_attachments: yes, mappedSdcInfo. Who is mapped as "all SDCs" or by SCSI is shown without a name.
//   Whoever renames a volume there does not hide it: what has the ledger's id is shown under the ledger's
//   key.
// - detach_enforced: yes, I/O of an SDC that is not mapped any more fails.
// - exclusive_attach: yes, mapped with allowMultipleMappings FALSE: the MDM refuses a second SDC.
// - fence_volume: yes, the recorded SDC's mapping is removed.
// - fence_verifiable: yes: not in mappedSdcInfo, not mapped to all SDCs nor by SCSI, and no write in the
//   newest sample of the volume's statistics (an SDC that lost the MDM and still reaches the storage
//   servers may write for a moment).
// - fence_cooperative: no, the host need not help.
// - fence_bars_late_calls: no, a mapping that is still under way may come after it.
// - fence_host: no, restricted SDC mode is a setting of the whole system.
// - resize: yes, also where it is mapped; in steps of 8 GiB.
// - shows_running_calls, host_reports, keeps_tags: no.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "providers/provider.h"
#include "providers/scaleio/gateway_client.h"
#include "providers/scaleio/gateway_look.h"
#include "providers/scaleio/scaleio_config.h"

namespace extvold::providers::scaleio {

class ScaleioProvider final : public Provider {
 public:
  // `config` has passed check_scaleio_config().
  ScaleioProvider(ScaleioConfig config, ScaleioPorts ports);
  ScaleioProvider(const ScaleioProvider&) = delete;
  ScaleioProvider& operator=(const ScaleioProvider&) = delete;

  const ProviderInfo& info() const override { return info_; }
  bool wants_known_volumes() const override { return true; }
  void know_volumes(std::vector<KnownVolume> known) override;
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override;
  void execute(OperationCall call, std::function<void(OperationResult)> done) override;
  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

 private:
  struct Work;
  struct Fencing;
  struct Observing;
  using WorkPtr = std::shared_ptr<Work>;
  using FencingPtr = std::shared_ptr<Fencing>;
  using ObservingPtr = std::shared_ptr<Observing>;

  // look → step → look → step …, until the look shows what is wished.
  void look_at_source(const WorkPtr& work);
  void look(const WorkPtr& work);
  void decide(const WorkPtr& work, const Result<GatewayLook>& seen);
  void finish_failed(const WorkPtr& work, const Error& error);
  void finish_done(const WorkPtr& work, const GatewayLook& seen);

  void take_away(const FencingPtr& fencing, const GatewayLook& seen);
  void check_fence(const FencingPtr& fencing, const GatewayLook& seen);
  void check_writes(const FencingPtr& fencing, const std::string& volume_id, const std::string& sdc);
  void finish_fence(const FencingPtr& fencing, const Status& status);

  ObservedVolume shown(const GatewayLook& look, const GatewayVolume& volume) const;
  void observe_capacity(const ObservingPtr& observing, const GatewayLook& look);
  void finish_observation(const ObservingPtr& observing, const Status& status);

  ScaleioConfig config_;
  ScaleioPorts ports_;
  GatewayClient client_;
  ProviderInfo info_;
  std::map<std::string, std::string> ref_of_key_;  // of the ledger's volumes
  std::map<std::string, std::string> key_of_ref_;
};

}  // namespace extvold::providers::scaleio
