// Client: where the command line's questions and orders go. Blocking; main thread.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "daemon/api/api.h"

namespace extvold::daemon::cli {

using record::Json;

struct Ask {
  std::string method = "GET";
  std::vector<std::string> path;  // segments below /v1, as they are: {"volumes", "my db"}
  std::map<std::string, std::string> query;
  Json body;  // null: none
};

class Client {
 public:
  virtual ~Client() = default;
  // The answer's JSON. Errors as the API says them; unavailable: nobody answers there; uncertain: an order
  // was sent and not answered.
  virtual Result<Json> call(const Ask& ask) = 0;
};

// Over the daemon's socket.
class DaemonClient final : public Client {
 public:
  explicit DaemonClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}
  Result<Json> call(const Ask& ask) override;

  // Whether anybody listens there. permission: one does, but not for us.
  Result<bool> somebody_listens() const;

 private:
  std::string socket_path_;
};

// The API in this process.
class LocalClient final : public Client {
 public:
  LocalClient(std::unique_ptr<api::Backend> backend, std::uint32_t uid)
      : backend_(std::move(backend)), api_(*backend_), uid_(uid) {}
  Result<Json> call(const Ask& ask) override;

 private:
  std::unique_ptr<api::Backend> backend_;
  api::Api api_;
  std::uint32_t uid_;
};

}  // namespace extvold::daemon::cli
