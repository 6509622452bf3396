// A small cluster in a real ledger, for tests of the query API and the command line: three volumes, two
// hosts, a task that waits for a volume which a lost agent may still write to.
#pragma once

#include <string>

#include "daemon/clock.h"
#include "ledger/ledger.h"
#include "model/policy.h"

namespace extvold::tests {

class FixedClock final : public daemon::Clock {
 public:
  Instant now() const override { return {seconds(1'000).ns}; }
  WallTime wall() const override { return {1'767'225'600'000'000'000}; }  // 2026-01-01T00:00:00Z
};

// A folder that goes away with its test.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// What the cluster's configuration would make of it.
Policy small_policy();
// Makes a ledger there. Two batches: the cluster, then what became of it.
void make_small_ledger(const std::string& path);

}  // namespace extvold::tests
