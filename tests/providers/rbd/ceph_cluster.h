// CephCluster: a real Ceph (a monitor, a manager, one OSD on a sparse file) and two hosts, for tests.
//
// Started once in a test program, by the first case that asks, and ended with it. All of it is below one
// temporary folder and in a network and a mount namespace of its own, which the test program enters; each
// host is a network namespace. Every process that is started dies with the test program
// (PR_SET_PDEATHSIG), and a guardian removes the folder, also if the test is killed. Main thread only.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "model/ports.h"
#include "tests/lib/forking_process_runner.h"
#include "tests/lib/guardian.h"

namespace extvold::tests {

class CephCluster {
 public:
  // The one of this program. Where none can run, the program ends here, as skipped and with the reason: no
  // case did anything before.
  static CephCluster& instance();

  CephCluster(const CephCluster&) = delete;
  CephCluster& operator=(const CephCluster&) = delete;
  ~CephCluster();

  // A program and its end; the program is found by its absolute path.
  static ProcessResult run(const std::vector<std::string>& argv, Duration deadline = seconds(60));
  // The output of one that must succeed.
  static std::string must(const std::vector<std::string>& argv);
  // As client.admin.
  ProcessResult rbd(std::vector<std::string> words) const;
  std::string must_rbd(std::vector<std::string> words) const;
  std::string must_ceph(std::vector<std::string> words) const;

  // A process that goes on; killed and waited for by stop(), which does nothing to one that has ended.
  pid_t start(const std::vector<std::string>& argv);
  void stop(pid_t pid);
  // How a started process ended within that time; none: it goes on. What waits for a file of FUSE cannot even
  // be killed before that file's server is.
  std::optional<int> exit_of(pid_t pid, Duration within);
  // The words that run a program on host `number` (1 or 2).
  std::vector<std::string> on_host(int number, std::vector<std::string> argv) const;

  // Whatever connects from that host from now on, comes from that one of its two addresses (.2, and .3).
  void come_from(int number, const std::string& address) const;

  // The processes of the cluster itself.
  pid_t monitor = -1;
  pid_t osd = -1;

  // All images of both pools are removed.
  void clear_pools() const;

  std::string dir;
  std::string conf;     // the path of ceph.conf
  std::string keyring;  // of client.extvold, with the rights that docs/providers.md asks for
  std::vector<std::string> pools = {"p1", "p2"};
  std::vector<std::string> addresses = {"10.99.1.2", "10.99.2.2"};  // of the hosts

 private:
  CephCluster() = default;
  static std::string what_is_missing();
  void enter_namespaces();
  void start_guardian();
  void start_monitor();
  void start_osd();
  void make_users();
  void make_host(int number);
  std::vector<std::string> admin_words(const char* program) const;

  std::vector<pid_t> started_;
  std::vector<pid_t> hosts_;
  std::optional<Guardian> guardian_;
};

}  // namespace extvold::tests
