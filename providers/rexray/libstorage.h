// Libstorage: REX-Ray's central API (libStorage, 0.4 to 0.12), through which a volume can be attached to any
// host: the header `Libstorage-Instanceid: DRIVER=ID[,key=value&…]` says for whom a request is.
//
// Loop thread only, as Storage; `ports` must outlive it, and it must outlive its calls. It keeps nothing but
// its configuration. What is relied upon was read in the server's routes and recorded from a 0.12:
//
// - Lists are objects keyed by id. `attachments=1` shows the attachments of all hosts and needs no instance
//   id. A name is never asked for: `?byName` and filters compare without case and take the first.
// - Errors are {"message","status","error"}. 401, 400 and 404 mean what they say, but a 404 may be about the
//   service as well as the volume: error.resourceID says which. Everything else, a schema that was violated
//   too, is 500; so its text decides (error_class.h), and one that is not known may have happened.
// - A detach is answered 205, with a body.
// - After `exeTimeout` (60 s) the answer is 408 with a task that goes on; 202 is likewise. The task is asked
//   for until it has ended or the time is up; then the change is uncertain. A server that was started again
//   has begun to count tasks from 0, so what a task says is no more than what an answer says.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/ports.h"
#include "providers/json_answer.h"
#include "providers/rexray/ports.h"
#include "providers/rexray/rexray_config.h"
#include "providers/rexray/storage.h"

namespace extvold::providers::rexray {

class Libstorage final : public Storage {
 public:
  // `config` has passed check_rexray_config() and must outlive this.
  Libstorage(const RexrayConfig& config, RexrayPorts ports);

  void list(Duration deadline, std::function<void(Result<StorageList>)> done) override;
  void find(std::string id, Duration deadline,
            std::function<void(Result<std::optional<StorageVolume>>)> done) override;
  void create(NewVolume volume, Duration deadline, std::function<void(Status)> done) override;
  void attach(std::string id, std::string host, Duration deadline, std::function<void(Status)> done) override;
  void detach(std::string id, std::string host, Duration deadline, std::function<void(Status)> done) override;
  void remove(std::string id, Duration deadline, std::function<void(Status)> done) override;

 private:
  struct Question {  // one request
    std::string method = "GET";
    std::string path;  // below the url
    std::string host;  // for whom; empty: for nobody
    nlohmann::json body;
    bool has_body = false;
  };
  struct Change {          // one change and the task that it became
    std::string resource;  // whose 404 is about what was to be changed
    Instant end_at;
    std::function<void(Status)> done;
  };

  std::string volumes_path() const;
  void ask(const Question& question, Duration deadline, std::function<void(Result<JsonAnswer>)> done);
  void change(const Question& question, std::string resource, Duration deadline,
              std::function<void(Status)> done);
  void attach_as(const std::string& id, const std::string& host, const std::string& device, Duration deadline,
                 std::function<void(Status)> done);
  void end_change(const std::shared_ptr<Change>& change, const Result<JsonAnswer>& answer);
  void poll_task(const std::shared_ptr<Change>& change, std::int64_t task);
  void end_poll(const std::shared_ptr<Change>& change, std::int64_t task, const Result<JsonAnswer>& answer);

  const RexrayConfig& config_;
  RexrayPorts ports_;
};

}  // namespace extvold::providers::rexray
