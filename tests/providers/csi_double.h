// CsiDouble: a CSI driver for tests, on a unix socket in a temporary folder, that keeps its volumes in memory
// and misbehaves on demand. It reads and writes messages by their bytes, so that it can answer what is none.
//
// Main thread, save that it answers on threads of gRPC's; what it keeps is under one lock. Destroying it ends
// the calls that hang.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tests/providers/conformance/subject.h"

namespace extvold::tests {

struct CsiDoubleOptions {
  // As the hostpath driver of the recording: one node, "n1", no list of published nodes but [""] in its
  // place, and an abnormal condition instead of NOT_FOUND. Else as the specification says.
  bool as_recorded = false;
  std::set<int> without;  // controller capabilities that it does not have
  std::int64_t pool_bytes = std::int64_t{256} << 20;
  int page = 0;                // volumes on a page of ListVolumes; 0: all
  bool sizes_unknown = false;  // capacity_bytes 0 in all answers (democratic-csi)
  bool id_is_name = false;
  bool validates_anything = false;     // says of any id that it has such a volume (ceph-csi)
  int snapshot_ready_after = 0;        // CreateSnapshots of the same name
  bool one_entry_per_address = false;  // a range is barred address by address (ceph-csi without ranges)
  bool grows_published = false;        // VolumeExpansion ONLINE
  bool fences = true;                  // csi-addons: NETWORK_FENCE
  std::map<std::string, std::string> secrets;  // must come with every change of a volume; empty: none needed
};

struct CsiDoubleVolume {
  std::string id;
  std::string name;
  std::int64_t bytes = 0;
  std::string source;
  std::map<std::string, std::string> parameters;
  std::map<std::string, bool> nodes;  // published at: read-only
};

struct CsiDoubleSnapshot {
  std::string id;
  std::string name;
  std::string source;
  int asked = 0;
};

class CsiDouble {
 public:
  explicit CsiDouble(CsiDoubleOptions options = {});
  ~CsiDouble();
  CsiDouble(const CsiDouble&) = delete;
  CsiDouble& operator=(const CsiDouble&) = delete;

  std::string endpoint() const { return "unix:" + dir_ + "/csi.sock"; }
  const std::string& dir() const { return dir_; }

  void arm(conformance::Stage stage, conformance::Fault fault);
  // This method alone ("ListVolumes"), once, with this code, after it was let through `after` times.
  void refuse(const std::string& rpc, int code, const std::string& text, int after = 0);
  void disarm();
  void let_late_calls_work();

  // By the back door. A copy.
  std::vector<CsiDoubleVolume> volumes() const;
  void put(CsiDoubleVolume volume);
  void hide_from_lists(const std::string& id);
  void lose_capability(int one);
  void publish(const std::string& id, const std::string& node);
  std::vector<CsiDoubleSnapshot> snapshots() const;
  std::vector<std::string> barred() const;
  void bar(const std::string& text);
  // Names of the methods that were called, in order.
  std::vector<std::string> called() const;
  std::vector<std::string> unpublished_nodes() const;  // node_id of every ControllerUnpublishVolume

 private:
  struct Server;
  friend struct Server;

  std::string dir_;
  std::unique_ptr<Server> server_;
};

}  // namespace extvold::tests
