// Server: a real ZooKeeper server, of Debian's libzookeeper-java, in a process of its own on 127.0.0.1 with a
// free port and a temporary directory. Ended with the object; nothing of it stays.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include "daemon/zookeeper/session.h"
#include "model/instant.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::zookeeper::tests {

using daemon::tests::FixedRandom;
using daemon::tests::run_for;
using daemon::tests::run_until;
using daemon::tests::TempDir;

// Why no server can be started on this machine; empty: one can.
std::string why_no_server();

class Server {
 public:
  Server();
  // One of an ensemble, which is said to it as it stands in a configuration. It listens when start() returns,
  // and serves once a majority is there.
  Server(int number, const std::string& ensemble);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();  // again: with what it knew when it was killed
  void begin();  // the same without waiting until it listens
  void wait_until_it_listens();
  void kill();
  void freeze();  // it keeps its connections and says nothing
  void thaw();

  Address address(std::string path = "/mesos", std::string credentials = "") const;
  int port() const { return port_; }

 private:
  void configure(const std::string& more);

  TempDir folder_;
  int port_ = 0;
  bool in_ensemble_ = false;
  pid_t pid_ = -1;
};

// Three servers, of which two are a majority.
class Ensemble {
 public:
  Ensemble();
  Server& server(std::size_t index) { return *servers_.at(index); }
  // The one to which this process has a connection; it must have one to one of them only.
  std::size_t connected() const;
  Address address(const std::string& path = "/mesos") const;

 private:
  std::array<std::unique_ptr<Server>, 3> servers_;
};

// As long as the servers grant it: a slow machine must not end sessions by itself.
inline constexpr Duration kTimeout = seconds(4);
// Longer than a session may be silent; the process is as if it were frozen.
inline void freeze_ourselves() { ::usleep(5'000'000); }
inline SessionOptions options() { return {kTimeout, milliseconds(20), milliseconds(100)}; }

// A second client, for what masters and operators do: each call waits for its answer.
class Client {
 public:
  Client(uv::Loop& loop, Address address);
  void create(const std::string& path, std::string_view data = "", NodeKind kind = NodeKind::permanent);
  Status try_create(const std::string& path);
  void remove(const std::string& path);  // and waits until it is gone
  void remove_soon(const std::string& path) { session_.remove(path); }
  std::vector<std::string> children(const std::string& path);
  Node get(const std::string& path);

 private:
  uv::Loop& loop_;
  SystemClock clock_;
  FixedRandom random_{1};
  Session session_;
};

}  // namespace extvold::daemon::zookeeper::tests
