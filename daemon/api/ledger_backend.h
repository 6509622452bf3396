// LedgerBackend: the state as of the last commit, for the command line while no daemon runs. Reads without
// the ledger's lock. An order takes the lock for a moment: the same Engine takes it in, its one batch is
// committed, nothing is carried out. The next daemon finds it.
//
// One thread; everything is answered before the call returns.
#pragma once

#include <memory>
#include <string>

#include "daemon/api/backend.h"
#include "daemon/clock.h"

namespace extvold::daemon::api {

class LedgerBackend final : public Backend {
 public:
  // `policy` with its providers. Errors: those of Ledger::open(); not_found: no ledger there yet (an order
  // would make one).
  static Result<std::unique_ptr<LedgerBackend>> open(const std::string& path, Policy policy,
                                                     const Clock& clock);
  // The same before there is a ledger: empty; the first order makes it.
  static std::unique_ptr<LedgerBackend> of_no_ledger(const std::string& path, Policy policy,
                                                     const Clock& clock);

  Now now() const override { return {clock_.now(), clock_.wall()}; }
  Status ready() const override { return {}; }
  const Snapshot& snapshot() const override { return snapshot_; }
  const Observed& observed() const override { return observed_; }
  const ForeignVolumes& foreign() const override { return foreign_; }
  const Policy& policy() const override { return policy_; }
  Plan plan() const override;
  std::optional<DriverStatus> driver_status() const override { return std::nullopt; }
  reconcilers::EngineCounts engine_counts() const override { return {}; }
  // busy: a daemon holds the ledger. unavailable: an order that only a running daemon can obey.
  void submit(Order order, std::int64_t user_uid, std::function<void(Result<std::string>)> done) override;
  void with_ledger(std::function<void(ledger::Ledger&)> job, std::function<void(Status)> done) override;

 private:
  LedgerBackend(std::string path, Policy policy, const Clock& clock);
  Result<std::string> commit(Order order, std::int64_t user_uid);

  std::string path_;
  Policy policy_;
  const Clock& clock_;
  std::unique_ptr<ledger::Ledger> ledger_;  // read-only; none: there is no file yet
  Snapshot snapshot_;
  Observed observed_;       // nothing
  ForeignVolumes foreign_;  // none
};

}  // namespace extvold::daemon::api
