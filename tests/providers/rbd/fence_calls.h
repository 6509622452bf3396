// What the cases about the fence of a host say to the rbd provider, and what a host does meanwhile.
#pragma once

#include <functional>
#include <string>

#include "tests/providers/rbd/subject_rbd.h"

namespace extvold::tests::conformance {

inline constexpr std::int64_t kYearNs = 365LL * 24 * 3600 * 1'000'000'000;

FenceCall fence_call(FenceAct act, const std::string& target);
// Each ends well.
void set_fence(RbdSubject& subject, const std::string& target);
FenceResult check_fence(RbdSubject& subject, const std::string& target);
void check_held(RbdSubject& subject, const std::string& target);
void lift_fence(RbdSubject& subject, const std::string& target);

// Whether it became so within ten seconds.
bool wait_until(const std::function<bool()>& is_so);
// A client that is made anew on a host, with another nonce.
int exit_of_new_client(RbdSubject& subject, int host);
// One that writes to an image of p1 from that host until it is stopped, and is seen to.
pid_t start_writer(RbdSubject& subject, int host, const std::string& image);

}  // namespace extvold::tests::conformance
