// CsiOperation: what the operations on a volume share: the call, its deadline, how it ends. Each is a
// chain of RPCs that keeps itself alive by what it waits for. Private to providers/csi.
//
// Loop thread only; the driver outlives what it calls back. An operation ends in exactly one callback.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/call.h"
#include "providers/csi/look.h"

namespace extvold::providers::csi {

using OperationDone = std::function<void(OperationResult)>;

struct CsiOperation {
  CsiDriver& driver;
  DriverCapabilities can;
  OperationCall call;
  std::string node_id;  // attach, detach: never empty
  Instant until;
  OperationDone done;
  std::function<std::string(const std::string& node)> host_of;
  // Of a create that is called only to learn the id of what an earlier one has made: what CreateVolume tells
  // of it, in the place of an end. Empty: there is none. Whatever else goes wrong ends as always.
  std::function<void(const std::string& id)> told{};

  void refuse(Errc code, std::string_view why) const;
  void fail(const Error& error) const;  // the error, with the volume's name before it
  // By the look before anything was sent, and by the look that reads back what is perhaps done.
  void look(std::function<void(std::optional<SeenVolume>)> then) const;
  void read_back(std::function<void(std::optional<SeenVolume>)> then) const;
  void finish(Outcome outcome) const;
  // "a1 (node n1) and a2 (node n2)"
  std::string hosts_text(const std::vector<std::string>& nodes) const;
};

// How a volume is going to be used: of a create and of every publish of it, the same.
pb::VolumeCapability capability_of(const Volume& volume);

void create_volume(CsiOperation operation);
void remove_volume(CsiOperation operation);
void publish_volume(CsiOperation operation);
void unpublish_volume(CsiOperation operation);
void resize_volume(CsiOperation operation);

}  // namespace extvold::providers::csi
