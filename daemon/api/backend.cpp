#include "daemon/api/backend.h"

namespace extvold::daemon::api {

Status DriverBackend::ready() const {
  const DriverStatus status = driver_.status();
  switch (status.state) {
    case DriverState::running:
    case DriverState::stopping:
      return {};
    case DriverState::read_only:  // answers from what it knew last, if it ever knew anything
      if (status.identity.id.empty()) return fail(Errc::unavailable, "{}", status.read_only_reason);
      return {};
    case DriverState::starting:
      return fail(Errc::unavailable, "the daemon is starting: its ledger is not read yet");
    case DriverState::stopped:
      return fail(Errc::unavailable, "the daemon has stopped");
  }
  return {};
}

}  // namespace extvold::daemon::api
