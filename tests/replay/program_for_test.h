// The program extvold-replay as a child process, and a plain socket to talk to it. Each test owns what it
// starts; nothing outlives it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/replay/json.h"

namespace extvold::replay {

using Deadline = std::chrono::steady_clock::time_point;
inline Deadline within(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

class Program {
 public:
  // Started with these arguments; the constructor returns when it is ready, or fails the test.
  explicit Program(std::vector<std::string> arguments);
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  const Json& ready() const { return ready_; }
  std::string master() const { return ready_["master"].get<std::string>(); }
  std::string agent(const char* name) const { return ready_["agents"][name].get<std::string>(); }
  void signal(int number) const;
  int stop();  // SIGTERM; the exit status, or -1 after 5 s

 private:
  int pid_ = -1;
  int output_ = -1;
  Json ready_;
};

// A TCP connection to "127.0.0.1:5050".
class Dialled {
 public:
  explicit Dialled(const std::string& address);
  Dialled(const Dialled&) = delete;
  Dialled& operator=(const Dialled&) = delete;
  ~Dialled();

  bool refused() const { return refused_; }
  void send(const std::string& text) const;
  void post(const std::string& call, const std::string& headers = "") const;
  // Everything that comes until `enough` is in it, the peer closes or the time is over.
  const std::string& read(Deadline until, const std::string& enough = "");
  bool closed() const { return closed_; }

 private:
  int fd_ = -1;
  bool refused_ = false;
  bool closed_ = false;
  std::string received_;
};

struct Chunked {
  std::string head;
  std::vector<std::string> chunks;
  bool finished = false;  // with the last, empty chunk
};

// A response with a chunked body, as far as it came. Fails the test on a framing error.
Chunked dechunk(const std::string& response);

}  // namespace extvold::replay
