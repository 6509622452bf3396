// What the tests of daemon/ share: a loop that runs until something holds, a directory that goes away, and a
// TCP server that does exactly what a test tells it, byte by byte. Everything on 127.0.0.1 and in the
// temporary directory.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "daemon/clock.h"
#include "daemon/random.h"
#include "daemon/unique_fd.h"
#include "daemon/uv/loop.h"
#include "model/instant.h"

namespace extvold::daemon::tests {

// Turns `loop` until `condition` holds. False: it did not within `max`.
bool run_until(uv::Loop& loop, const std::function<bool()>& condition, Duration max = seconds(30));
void run_for(uv::Loop& loop, Duration duration);

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string path(std::string_view name) const { return path_ + "/" + std::string(name); }

 private:
  std::string path_;
};

std::string read_file(const std::string& path);

class FixedRandom final : public Random {
 public:
  explicit FixedRandom(std::uint64_t value) : value_(value) {}
  std::uint64_t next() override { return value_; }

 private:
  std::uint64_t value_;
};

// One accepted connection. All calls block, and fail once the server is being destroyed.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  // Reads one request, its body by Content-Length; empty when the peer has hung up.
  std::string read_request();
  bool send(std::string_view bytes);
  // Waits until the peer hangs up.
  void wait_for_hangup();
  void reset();  // closes with RST, so that the peer sees a broken connection
  int fd() const { return fd_; }

 private:
  int fd_;
  std::string buffer_;
};

// Runs `script` for each connection, in a thread for each; `number` counts the connections from 0.
class RawServer {
 public:
  using Script = std::function<void(Connection&, int number)>;

  explicit RawServer(Script script);
  ~RawServer();
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;

  std::string host_port() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string url(std::string_view path = "") const { return "http://" + host_port() + std::string(path); }
  int connections() const { return connections_; }

 private:
  void accept_loop();

  Script script_;
  UniqueFd listener_;
  int port_ = 0;
  std::atomic<int> connections_ = 0;
  std::mutex mutex_;
  std::list<UniqueFd> open_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

std::string chunk(std::string_view bytes);
constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
std::string whole_answer(std::string_view status_line, std::string_view body,
                         std::string_view more_headers = "");

}  // namespace extvold::daemon::tests
