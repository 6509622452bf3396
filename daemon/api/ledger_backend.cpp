#include "daemon/api/ledger_backend.h"

#include <utility>

#include "reconcilers/engine.h"
#include "reconcilers/planner.h"

namespace extvold::daemon::api {
namespace {

using reconcilers::Commit;
using reconcilers::Effect;
using reconcilers::Engine;
using reconcilers::Reply;

// What only a provider or a view knows cannot be ordered without them.
Status needs_no_daemon(const Order& order) {
  if (std::holds_alternative<AdoptVolume>(order))
    return fail(Errc::unavailable,
                "adopt asks the provider what it has, which only the daemon does: start it first");
  if (std::holds_alternative<ReconcileNow>(order))
    return fail(Errc::unavailable, "no daemon runs that could look again");
  return {};
}

Result<std::string> reply_in(const std::vector<Effect>& effects) {
  for (const Effect& effect : effects) {
    const auto* reply = std::get_if<Reply>(&effect);
    if (reply == nullptr) continue;
    if (!reply->status) return tl::make_unexpected(reply->status.error());
    return reply->text;
  }
  return fail(Errc::internal, "the order was not answered");
}

}  // namespace

LedgerBackend::LedgerBackend(std::string path, Policy policy, const Clock& clock)
    : path_(std::move(path)), policy_(std::move(policy)), clock_(clock) {
  policy_.observe_only = "a running daemon";
  observed_.view_incomplete_why = "no daemon runs";
}

std::unique_ptr<LedgerBackend> LedgerBackend::of_no_ledger(const std::string& path, Policy policy,
                                                           const Clock& clock) {
  return std::unique_ptr<LedgerBackend>(new LedgerBackend(path, std::move(policy), clock));
}

Result<std::unique_ptr<LedgerBackend>> LedgerBackend::open(const std::string& path, Policy policy,
                                                           const Clock& clock) {
  auto backend = of_no_ledger(path, std::move(policy), clock);
  ledger::OpenOptions options;
  options.read_only = true;
  options.create = false;
  options.now = clock.wall();
  ASSIGN(backend->ledger_, ledger::Ledger::open(path, options));
  ASSIGN(backend->snapshot_, backend->ledger_->load());
  return backend;
}

Plan LedgerBackend::plan() const { return reconcilers::plan(snapshot_, observed_, clock_.now(), policy_); }

void LedgerBackend::with_ledger(std::function<void(ledger::Ledger&)> job, std::function<void(Status)> done) {
  if (ledger_ == nullptr) return done(fail(Errc::unavailable, "{}: there is no ledger yet", path_));
  job(*ledger_);
  done({});
}

void LedgerBackend::submit(Order order, std::int64_t user_uid,
                           std::function<void(Result<std::string>)> done) {
  if (Status possible = needs_no_daemon(order); !possible) return done(tl::make_unexpected(possible.error()));
  done(commit(std::move(order), user_uid));
}

Result<std::string> LedgerBackend::commit(Order order, std::int64_t user_uid) {
  ledger::OpenOptions options;
  options.now = clock_.wall();
  ASSIGN(const std::unique_ptr<ledger::Ledger> ledger, ledger::Ledger::open(path_, options));
  if (!ledger->report().read_only_reason.empty())
    return fail(Errc::unavailable, "{}: {}", path_, ledger->report().read_only_reason);
  ASSIGN(Snapshot snapshot, ledger->load());
  // With observe_only set, nothing is intended: there is nobody to carry it out.
  Engine engine(std::move(snapshot), policy_);
  const std::vector<Effect> effects =
      engine.step(now(), reconcilers::CommandArrived{{1, user_uid, std::move(order)}});
  for (const Effect& effect : effects) {
    const auto* commit = std::get_if<Commit>(&effect);
    if (commit == nullptr) continue;
    ASSIGN(const ledger::CommitInfo committed, ledger->commit(commit->batch));
    return reply_in(engine.step(now(), reconcilers::Committed{committed.sequence, false}));
  }
  return reply_in(effects);
}

}  // namespace extvold::daemon::api
