#include "tests/providers/rbd/fence_calls.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <ctime>

#include "tests/providers/conformance/calls.h"

namespace extvold::tests::conformance {

FenceCall fence_call(FenceAct act, const std::string& target) {
  FenceCall call;
  call.act = act;
  call.fence.id = FenceId{9};
  call.fence.key = OperationId("fence-" + target);
  call.fence.rung = FenceRung::host;
  call.fence.target = target;
  call.ledger_id = "ledger-1";
  call.host_name = "a-host";
  return call;
}

void set_fence(RbdSubject& subject, const std::string& target) {
  const FenceResult set = fence(subject, fence_call(FenceAct::set, target));
  INFO(set.error.message);
  CHECK(set.state == FenceCallState::done);
  CHECK(set.held == TriState::unknown);
}

FenceResult check_fence(RbdSubject& subject, const std::string& target) {
  const FenceResult seen = fence(subject, fence_call(FenceAct::check, target));
  INFO(seen.error.message);
  CHECK(seen.state == FenceCallState::done);
  CHECK_FALSE(seen.seen.empty());
  return seen;
}

void check_held(RbdSubject& subject, const std::string& target) {
  const FenceResult seen = check_fence(subject, target);
  INFO(seen.seen);
  CHECK(seen.held == TriState::yes);
  const std::int64_t now_ns = std::int64_t{::time(nullptr)} * 1'000'000'000;
  CHECK(seen.expires_at.ns > now_ns + 4 * kYearNs);
  CHECK(seen.expires_at.ns < now_ns + 6 * kYearNs);
}

void lift_fence(RbdSubject& subject, const std::string& target) {
  const FenceResult lifted = fence(subject, fence_call(FenceAct::lift, target));
  INFO(lifted.error.message);
  CHECK(lifted.state == FenceCallState::done);
  CHECK(check_fence(subject, target).held == TriState::no);
}

bool wait_until(const std::function<bool()>& is_so) {
  for (int attempt = 0; attempt < 500; ++attempt) {
    if (is_so()) return true;
    ::usleep(20'000);
  }
  return false;
}

int exit_of_new_client(RbdSubject& subject, int host) {
  const CephCluster& ceph = subject.ceph;
  return CephCluster::run(
             ceph.on_host(host, {"/usr/bin/rbd", "--conf", ceph.conf, "--id", "extvold", "--keyring",
                                 ceph.keyring, "--rados_osd_op_timeout=20", "ls", "p1"}))
      .exit_status;
}

pid_t start_writer(RbdSubject& subject, int host, const std::string& image) {
  const CephCluster& ceph = subject.ceph;
  const std::string spec = "p1/" + image;
  const pid_t pid = subject.ceph.start(
      ceph.on_host(host, {"/usr/bin/rbd", "--conf", ceph.conf, "--id", "extvold", "--keyring", ceph.keyring,
                          "bench", "--io-type", "write", "--io-total", "100G", "--io-size", "4K", spec}));
  CHECK(wait_until([&] { return ceph.must_rbd({"status", spec}).find("watcher=") != std::string::npos; }));
  return pid;
}

}  // namespace extvold::tests::conformance
