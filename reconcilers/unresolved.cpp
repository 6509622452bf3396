// What names a volume that is not there has no volume to be planned with: it is told beside the plan.
#include <fmt/format.h>

#include "reconcilers/reconcilers.h"

namespace extvold::reconcilers {
namespace {

std::string who_and_where(const Look& look, const Claim& claim) {
  const std::string who = claim_text(look.snapshot, claim);
  return claim.host ? fmt::format("{} on {}", who, host_name(look.snapshot, claim.host)) : who;
}

// Of a name that there is not. An agents' plugin looks for it at the storage, where extvold's volumes have
// other names; where it does not find it, some make a new and empty volume.
std::string remedy_of(const Look& look, const Claim& claim) {
  const std::string& name = claim.reference.name;
  const DriverMapping* driver = look.policy.driver(claim.reference.driver);
  if (driver != nullptr && driver->attach_by == AttachBy::plugin) {
    const VolumeEntry* named = look.snapshot.volume_by_name(name);
    if (named != nullptr && named->volume.pool.provider == driver->provider)
      return fmt::format(
          "the agents' plugin attaches by itself, and knows that volume as {}: let it name that",
          named->volume.key);
    return fmt::format("the agents' plugin attaches by itself: make {} at {} and `extvold volume adopt` it",
                       name, driver->provider.value);
  }
  return is_good_volume_name(name) ? fmt::format("`extvold volume create {} --pool ... --size ...`", name)
                                   : std::string("no volume of extvold can have that name");
}

}  // namespace

void report_unresolved(const Look& look, std::vector<BlockedRow>& out) {
  for (const Claim* claim : look.snapshot.unresolved_claims()) {
    if (!claim->wanted || claim->liveness == Liveness::dead) continue;
    BlockedRow row;
    row.host = claim->host;
    row.owner = Owner::operator_;
    switch (claim->unresolved) {
      case Unresolved::no_such_volume:
        row.reason = "no_such_volume";
        row.text = fmt::format(
            "{} waits: it names volume \"{}\" ({}), which does not exist and is never made by itself; {}",
            who_and_where(look, *claim), claim->reference.name, claim->reference.driver,
            remedy_of(look, *claim));
        break;
      case Unresolved::not_understood:
        row.reason = "not_understood";
        row.text =
            fmt::format("{} names a volume in a way that is not understood (\"{} {}\"); it could be any",
                        who_and_where(look, *claim), claim->reference.driver, claim->reference.name);
        break;
      case Unresolved::none:
      case Unresolved::unmapped_driver:  // somebody else's, as far as anybody said; `extvold status` lists it
        continue;
    }
    out.push_back(std::move(row));
  }
}

}  // namespace extvold::reconcilers
