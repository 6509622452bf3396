// RbdProvider: volumes are images of Ceph; hosts are storage addresses; what the cluster shows of an
// attachment is a client that watches the image.
//
// Everything is asked of the programs `rbd`, `ceph` and `rados` through the ProcessRunner, each with every
// time-out that it has. No state here but the configuration, and
// which programs are at work. Loop thread only; `runner`, `clock` and `defer`
// must outlive it, and it must outlive its calls.
//
// An image of ours has the volume's key for its name and, in its metadata, `extvold.ledger` = "LEDGER ID":
// the ledger and the image's own id, because clones and copies inherit metadata. It gets its key last, by a
// rename, so that what has the key is whole. provider_ref is "pool/image#id".
//
// What it promises, and why:
// - create: yes. Clones too: a protected snapshot of the source, named by the clone's key, which goes with
//   the clone or, at the latest, with the source.
// - attach_to_named_host: no, each host maps images by itself (`rbd map`); nobody can order it from here.
//   Attach, detach and format are refused in these words.
// - list_attachments: yes, who has an image open for writing is its watcher, by address. A mapping that is
//   read-only from the start (`rbd map --read-only`) has none and is not seen.
// - detach_enforced: no, a host unmaps by itself, and its watch can also end because it is cut off for a
//   while.
// - exclusive_attach: no, the feature exclusive-lock hands the lock over to whoever asks.
// - fence_volume: no, the blocklist knows clients, not images.
// - fence_host: yes, the host's address or range on the blocklist (host_fence.cpp); for `blocklist_for`, so
//   it expires, and is renewed by setting it again.
// - fence_verifiable: yes, `ceph osd dump` shows the entry and when it ends, and a fenced client's watches
//   are gone at once. A host that holds an admin key could lift it by itself: give hosts keys with `profile
//   rbd`.
// - fence_bars_late_calls: yes, a client that comes later from that address is refused all the same.
// - resize: yes, also while it is open somewhere.
// - shows_running_calls, host_reports: no.
#pragma once

#include <functional>

#include "model/instant.h"
#include "model/ports.h"
#include "providers/provider.h"
#include "providers/rbd/ceph_tools.h"
#include "providers/rbd/image_looks.h"
#include "providers/rbd/rbd_config.h"
#include "providers/rbd/site.h"

namespace extvold::providers::rbd {

class RbdProvider final : public Provider {
 public:
  // `config` has passed check_rbd_config(). `defer` runs a closure later, from the loop.
  RbdProvider(RbdConfig config, ProcessRunner& runner, std::function<Instant()> clock,
              std::function<void(std::function<void()>)> defer);

  const ProviderInfo& info() const override { return info_; }
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override;
  void execute(OperationCall call, std::function<void(OperationResult)> done) override;
  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

 private:
  Site site() { return {config_, info_, tools_, looks_, own_, clock_, defer_}; }

  const RbdConfig config_;
  const std::function<Instant()> clock_;
  const std::function<void(std::function<void()>)> defer_;
  ProviderInfo info_;
  CephTools tools_;
  ImageLooks looks_;
  OwnClients own_;
};

}  // namespace extvold::providers::rbd
