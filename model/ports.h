// The ports through which providers reach the world. daemon/ implements them (libcurl, libuv); the simulator
// and tests implement them too. Loop thread only. Each call ends in exactly one callback, never from inside
// the call itself.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "model/instant.h"
#include "model/result.h"

namespace extvold {

// How an https server proves itself, and how we do. Files only: keys are read when a connection is made.
struct HttpTls {
  std::string ca_file;           // the only authorities that count; empty: those of the system
  std::string certificate_file;  // ours (PEM), for a server that asks; empty: none
  std::string key_file;          // empty: in certificate_file
  bool verify = true;            // false: anybody may pretend to be the server
  bool operator==(const HttpTls&) const = default;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;          // http://host:port/path, or with unix_socket set, http://localhost/path
  std::string unix_socket;  // path of a unix socket to dial instead of the url's host; empty: TCP
  std::string connect_to;   // "ip:port" to dial instead, while `url` says who must be there; empty: the url
  HttpTls tls;
  // Authorization among them is a secret: nobody formats the values.
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Duration deadline = seconds(30);
  std::size_t response_bytes_max = 64U << 20U;  // more is Errc::exhausted
  bool accept_gzip = false;
  bool safe_to_repeat = false;  // a POST that only reads: it may use a kept-alive connection, and be sent
                                // again if that was dead
};

struct HttpResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;
  Instant sent_at;  // just before the request could leave: what a read-back is judged by
  Instant ended_at;
};

class HttpClient {
 public:
  virtual ~HttpClient() = default;
  // An answer of any status is a value. Errors: unavailable (never connected: nothing happened), uncertain
  // (sent, no whole answer before the deadline), exhausted (answer too large), invalid (bad url), permission
  // (https: one side does not trust the other's certificate; nothing happened).
  virtual void request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) = 0;
};

struct ProcessRequest {
  std::vector<std::string> argv;  // argv[0] is an absolute path; no shell, no PATH
  std::vector<std::string> env;   // the whole environment; LC_ALL=C is always added
  std::string standard_input;
  std::string lock_file;  // if set: created, flock(LOCK_EX) without waiting, and inherited by the child, so
                          // that the lock lives as long as any process that the child left behind. Held by
                          // another: Errc::busy, nothing started
  Duration deadline = seconds(30);
  std::size_t output_bytes_max = 4U << 20U;  // per stream; the rest is dropped and `truncated` set
};

struct ProcessResult {
  int exit_status = -1;  // 128+n for a signal, as a shell says it
  bool truncated = false;
  std::string standard_output;
  std::string standard_error;
  Instant started_at;
  Instant ended_at;
};

class ProcessRunner {
 public:
  virtual ~ProcessRunner() = default;
  // Errors: not_found / permission (could not start: nothing happened), busy (lock_file is held), uncertain
  // (killed at the deadline: it may have done its work, or still be stuck in the kernel).
  virtual void run(ProcessRequest request, std::function<void(Result<ProcessResult>)> done) = 0;
};

}  // namespace extvold
