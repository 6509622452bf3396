// Backend: what the query API needs of whoever holds the state: the daemon's Driver, or a ledger that is read
// while no daemon runs.
//
// Loop thread only. References are good until the loop turns.
#pragma once

#include <functional>
#include <optional>

#include "daemon/api/views.h"
#include "daemon/driver.h"
#include "ledger/ledger.h"
#include "model/command.h"
#include "model/plan.h"

namespace extvold::daemon::api {

class Backend {
 public:
  virtual ~Backend() = default;

  virtual Now now() const = 0;
  // unavailable: there is nothing to show (the ledger could not be opened), and why.
  virtual Status ready() const = 0;
  // The rest only while ready() is good.
  virtual const Snapshot& snapshot() const = 0;
  virtual const Observed& observed() const = 0;
  virtual const ForeignVolumes& foreign() const = 0;  // empty: no daemon runs
  virtual const Policy& policy() const = 0;
  virtual Plan plan() const = 0;
  virtual std::optional<DriverStatus> driver_status() const = 0;  // none: no daemon runs
  virtual reconcilers::EngineCounts engine_counts() const = 0;

  // As Driver::submit and Driver::with_ledger.
  virtual void submit(Order order, std::int64_t user_uid, std::function<void(Result<std::string>)> done) = 0;
  virtual void with_ledger(std::function<void(ledger::Ledger&)> job, std::function<void(Status)> done) = 0;
};

// The daemon's.
class DriverBackend final : public Backend {
 public:
  DriverBackend(Driver& driver, const Clock& clock) : driver_(driver), clock_(clock) {}

  Now now() const override { return {clock_.now(), clock_.wall()}; }
  Status ready() const override;
  const Snapshot& snapshot() const override { return driver_.snapshot(); }
  const Observed& observed() const override { return driver_.observed(); }
  const ForeignVolumes& foreign() const override { return driver_.foreign(); }
  const Policy& policy() const override { return driver_.policy(); }
  Plan plan() const override { return driver_.plan(); }
  std::optional<DriverStatus> driver_status() const override { return driver_.status(); }
  reconcilers::EngineCounts engine_counts() const override { return driver_.engine_counts(); }
  void submit(Order order, std::int64_t user_uid, std::function<void(Result<std::string>)> done) override {
    driver_.submit(std::move(order), user_uid, std::move(done));
  }
  void with_ledger(std::function<void(ledger::Ledger&)> job, std::function<void(Status)> done) override {
    driver_.with_ledger(std::move(job), std::move(done));
  }

 private:
  Driver& driver_;
  const Clock& clock_;
};

}  // namespace extvold::daemon::api
