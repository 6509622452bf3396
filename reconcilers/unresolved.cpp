// What names a volume that is not there has no volume to be planned with: it is told beside the plan.
#include <fmt/format.h>

#include "reconcilers/reconcilers.h"

namespace extvold::reconcilers {
namespace {

std::string who_and_where(const Look& look, const Claim& claim) {
  const std::string who = claim_text(look.snapshot, claim);
  return claim.host ? fmt::format("{} on {}", who, host_name(look.snapshot, claim.host)) : who;
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
            is_good_volume_name(claim->reference.name)
                ? fmt::format("`extvold volume create {} --pool ... --size ...`", claim->reference.name)
                : std::string("no volume of extvold can have that name"));
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
