// RexrayProvider: volumes of whatever storage REX-Ray drives, through the API of a libStorage server (mode
// rest) or through the program `rexray` on this host (mode cli).
//
// Implements Provider, whose contract holds: loop thread only, exactly one callback, never from inside the
// call. `ports` must outlive it, and it must outlive its calls. It keeps nothing that matters between calls.
//
// What REX-Ray says proves nothing: 0.3 reports a detach whose unmapping failed, `create.disable` and
// `remove.disable` make calls succeed without doing anything, an exit status of 0 follows a command that it
// does not know. So each change is: a look, the change by the volume's id, a look. A volume that REX-Ray
// shows as ours has our key for its name ("xv-…", 29 characters: the ScaleIO driver cuts names off at 31
// without a word); names are not unique, so one that is there twice names nothing. An id may return (vfs
// counts them from 0): one that bears another name than it should is not touched.
//
// What it promises, and why:
// - create: yes, by name; sizes are whole GiB, rounded up, and what was granted is told. From a source: no,
//   the program ignores the source since 0.6 and makes an empty volume, and the API's copy of a snapshot is
//   success without doing anything for some drivers.
// - attach_to_named_host: in mode rest, yes: the request says for whom it is. In mode cli only to the host on
//   which the program runs (`cli_host`), so only if one is configured; any other host is refused. The option
//   --instanceid of 0.1 to 0.5 is heeded by one driver and ignored by the others, which then attach here.
// - list_attachments: yes, those of all hosts; in dialect 3 (0.4 and 0.5) no, it shows those of its own host.
// - detach_enforced: what the operator says of the driver below (`detach_enforced = true`). REX-Ray passes a
//   detach on: ScaleIO's unmapping and EBS' detachment end the host's I/O; the vfs driver's is a line in a
//   file, and a network share stays mounted.
// - exclusive_attach: no. The vfs driver attaches twice without being forced. A look before the call refuses
//   it, but is not one with it. Nothing is ever forced: force takes a volume from its holder.
// - fence_volume, fence_host: no. There is no such verb: a forced detach of the ScaleIO driver unmaps every
//   host, the new one too, and others know no force. Power fences are for these hosts.
// - shows_running_calls: no, tasks are counted anew with each start of the server and say nothing of volumes.
// - keeps_tags: no, a volume has a name and nothing else that could hold one.
// - host_reports: no; there is no node side here.
// Volumes are formatted in mode cli, on `cli_host`, under extvold's own guard and not by REX-Ray
// (format_helper.h); in mode rest nothing here runs on a host.
// Its hosts get no read-only attachment: REX-Ray has none. One that is to be only read is attached like any
// other, to one host, and its mount has to be read-only.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "providers/provider.h"
#include "providers/rexray/ports.h"
#include "providers/rexray/rexray_config.h"
#include "providers/rexray/storage.h"

namespace extvold::providers::rexray {

class RexrayProvider final : public Provider {
 public:
  // `config` has passed check_rexray_config().
  RexrayProvider(RexrayConfig config, RexrayPorts ports);

  const ProviderInfo& info() const override { return info_; }
  void observe(std::string volume_key, std::function<void(ProviderObservation)> done) override;
  void execute(OperationCall call, std::function<void(OperationResult)> done) override;
  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

 private:
  struct Job;
  using JobPtr = std::shared_ptr<Job>;
  using Found = std::optional<StorageVolume>;

  // What can be refused without a look.
  Status check_call(const OperationCall& call) const;
  Status check_create(const OperationCall& call) const;
  const RexrayPool* pool_named(const std::string& name) const;
  Result<std::string> host_of_call(const OperationCall& call) const;

  void create(const JobPtr& job);
  void make(const JobPtr& job);
  void read_back_create(const JobPtr& job, const Status& said);
  // The one volume of the call, by its id, else by our key; `then` gets none if it is not there.
  void locate(const JobPtr& job, std::function<void(Found)> then);
  void find(const JobPtr& job, const std::string& id, std::function<void(Found)> then);
  void attach(const JobPtr& job, const StorageVolume& volume);
  void detach(const JobPtr& job, const StorageVolume& volume);
  void remove(const JobPtr& job, const StorageVolume& volume);
  void format(const JobPtr& job, const StorageVolume& volume);
  // A look by id at what became of a change, unless its error says that there is nothing to see.
  void read_back(const JobPtr& job, const std::string& id, const Status& said,
                 std::function<void(const Found&)> judge);

  Duration left(const Job& job) const;
  void end(const JobPtr& job, Error error) const;
  void end_done(const JobPtr& job, Outcome outcome, const StorageVolume* volume) const;
  std::string pool_of(const StorageVolume& volume) const;
  std::string holders(const StorageVolume& volume) const;
  ProviderObservation observation_of(ProviderObservation seen, Result<StorageList> list) const;

  RexrayConfig config_;
  RexrayPorts ports_;
  ProviderInfo info_;
  std::unique_ptr<Storage> storage_;
};

}  // namespace extvold::providers::rexray
