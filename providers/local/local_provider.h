// LocalProvider: volumes are files, attachments are loop devices, hosts are folders: a whole cluster on one
// machine.
//
// Everything that touches disk or kernel runs in helper processes (host/helper.h) through the
// ProcessRunner, each with a deadline and, if it changes something, with the volume's lock, which a helper
// that outlives the daemon keeps. No state here but the configuration. Loop thread only; `runner` and
// `clock` must outlive it, and it must outlive its calls.
//
// What it promises, and why:
// - create: yes.
// - attach_to_named_host: yes, every host is a folder of this machine.
// - list_attachments: yes, the kernel lists its loop devices, and each carries a tag of its host.
// - detach_enforced: yes, refused while mounted or open; ends only when the kernel shows the device gone.
// - exclusive_attach: yes, refused while another host has the volume (by the kernel's list, under the lock).
// - fence_volume: yes, the host is barred by a mark beside the volume, its filesystem is stopped, its loop
//   device cut off (host/loop.h, cut_off_loop), whoever has it open.
// - fence_verifiable: yes, the kernel's list of loop devices shows that none of that host reaches the image.
// - fence_cooperative: yes, it is done, and looked at, by a helper on the host itself; a host whose kernel
//   does not answer is not fenced by it, and the call ends `uncertain`.
// - fence_bars_late_calls: yes, marking and attaching both happen under the volume's lock, so an attach
//   either came before and its device is found, or it finds the mark. A helper that hangs keeps the lock:
//   then the fence fails as `busy` and waits for nobody.
// - shows_running_calls: yes, an inspect tries the volume's lock.
// - resize: yes, also where it is attached: the image and the loop devices on it.
// - host_reports: yes, mounts and openers are this kernel's; a boot id of hosts with a boot_id file.
#pragma once

#include <functional>

#include "model/instant.h"
#include "model/ports.h"
#include "providers/local/helper_messages.h"
#include "providers/local/local_config.h"
#include "providers/provider.h"

namespace extvold::providers::local {

class LocalProvider final : public Provider {
 public:
  // `config` has passed check_local_config().
  LocalProvider(LocalConfig config, ProcessRunner& runner, std::function<Instant()> clock);

  const ProviderInfo& info() const override { return info_; }
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override;
  void execute(OperationCall call, std::function<void(OperationResult)> done) override;
  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

 private:
  HelperRequest base_request() const;
  ProcessRequest process_request(std::string_view verb, const HelperRequest& request,
                                 Duration deadline) const;
  // A listing holds the lock of a volume for a moment: a held one is tried again before it counts as busy.
  void run_locked(ProcessRequest process, int tries_left,
                  std::function<void(const Result<ProcessResult>&)> done);
  void finish_observation(ProviderObservation seen, const Result<ProcessResult>& ended,
                          std::function<void(ProviderObservation)> done);

  LocalConfig config_;
  ProcessRunner& runner_;
  std::function<Instant()> clock_;
  ProviderInfo info_;
};

}  // namespace extvold::providers::local
