// DockerProvider: volumes of any Docker volume plugin, over the plugin's own protocol.
//
// Loop thread only. Nothing is kept here that matters after a restart; `ports` must outlive it, and it must
// outlive its calls. A volume is known by its name alone, which is also its provider_ref: extvold's are named
// by their key, and nothing else that is there is touched, save adopted volumes. The protocol has no place
// for a tag, so a ledger_id is never shown: a key is derived from its ledger's id.
//
// What it promises, and why:
// - create: yes. The size is an option of Create whose name and unit only the plugin's manual tells; it is
//   read back only where the configuration names a field of the volume's Status.
// - attach_to_named_host: only where the configuration names the one host that the plugin runs on, and the
//   plugin shows what it has mounted: a Mount happens where the plugin is, and the protocol names no host.
//   Mount then has an id of the volume, the same each time, for plugins that know their users by it. The
//   usual ones count the calls for a name (REX-Ray, sshfs): of a Mount that came twice, or late, one Unmount
//   leaves something, which nobody can tell from what others use. So each detach is one Unmount, not repeated
//   once the plugin has said that it is done (docs/decisions/0054).
// - list_attachments: no. A plugin tells at most what it has mounted itself; where its storage is reachable
//   from other hosts, their plugins may have it mounted too.
// - detach_enforced: no. Unmount tells the plugin that one user less is there.
// - exclusive_attach: no. Nothing refuses a second host.
// - fence_volume, fence_host, fence_verifiable: no, the protocol has no such call.
// - shows_running_calls, host_reports, keeps_tags: no.
//
// Not promised either: that a volume that somebody else has mounted is not removed. A real plugin removes it;
// the call is refused here only if the plugin shows a mount.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "providers/docker/docker_config.h"
#include "providers/docker/plugin_client.h"
#include "providers/provider.h"

namespace extvold::providers::docker {

class DockerProvider final : public Provider {
 public:
  // `config` has passed check_docker_config().
  DockerProvider(DockerConfig config, DockerPorts ports);
  DockerProvider(const DockerProvider&) = delete;
  DockerProvider& operator=(const DockerProvider&) = delete;

  const ProviderInfo& info() const override { return info_; }
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override;
  void execute(OperationCall call, std::function<void(OperationResult)> done) override;
  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

 private:
  struct Work;
  using WorkPtr = std::shared_ptr<Work>;
  using Seen = Result<std::optional<PluginVolume>>;

  // look → change → look again
  void begin(const WorkPtr& work);
  void check_scope(const WorkPtr& work);
  void look_before(const WorkPtr& work);
  void change(const WorkPtr& work);
  void look_after(const WorkPtr& work);
  void judge(const WorkPtr& work, const Seen& seen);
  void finish_failed(const WorkPtr& work, const Error& error);
  void finish_done(const WorkPtr& work, Outcome outcome, const std::optional<PluginVolume>& seen);

  ObservedVolume observed(const PluginVolume& volume) const;

  DockerConfig config_;
  DockerPorts ports_;
  PluginClient client_;
  ProviderInfo info_;
  // Volumes of which the plugin has said that our Unmount is done, until the next change of theirs, or
  // until no mount is shown.
  std::set<std::string> let_go_;
};

}  // namespace extvold::providers::docker
