// LibstorageDouble: a libStorage server with one service of the vfs driver, that answers as the recorded
// bytes do (tests/data/rexray/libstorage, replayed in test_rexray_recordings.cpp), and as strictly: a body
// that violates the schema is a 500, an attach without an instance id a 400. Loose where vfs is loose: names
// are not unique, it attaches twice, removes what is attached, and detaches what is not.
//
// Main thread only. Faults of the suite, and tasks that take their time.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "model/ports.h"
#include "tests/providers/conformance/subject.h"
#include "tests/providers/rexray_loop.h"

namespace extvold::tests {

struct LibstorageVolume {
  std::string id;
  std::string name;
  std::int64_t size = 0;
  std::vector<std::pair<std::string, std::string>> attachments;  // instance id, device
};

class LibstorageDouble final : public HttpClient {
 public:
  explicit LibstorageDouble(RexrayLoop& loop) : loop_(loop) {}

  void request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) override;
  // What the server answers, at once and without faults.
  HttpResponse answer(const HttpRequest& request);

  void arm(conformance::Stage stage, conformance::Fault fault);
  void disarm() { armed_ = false; }
  void let_late_calls_work();

  LibstorageVolume& add(const std::string& name, std::int64_t size);
  LibstorageVolume* volume(const std::string& id);

  std::vector<LibstorageVolume> volumes;
  std::vector<HttpRequest> requests;  // all that came

  // Once: the next change is answered by this instead, before or after it is done.
  struct Scripted {
    int status = 500;
    std::string body;
    bool does_it = false;
    std::function<void()> then;  // besides
  };
  std::deque<Scripted> next_changes;
  std::deque<Scripted> next_looks;
  // Changes become tasks: the answer is 408, and the task ends after so many looks at it.
  int task_polls = 0;
  bool ignores_removes = false;  // as `remove.disable` does
  bool ignores_detaches = false;
  std::string token;   // wanted in Authorization; empty: none
  std::string device;  // that an attach gives where nextDeviceName is not named

 private:
  struct Task {
    nlohmann::ordered_json result;
    int polls_left = 0;
  };

  HttpResponse volumes_answer(const HttpRequest& request, const std::string& path, const std::string& query);
  HttpResponse change(const HttpRequest& request, LibstorageVolume* volume, const std::string& query);
  HttpResponse create(const HttpRequest& request, const std::string& query);
  HttpResponse tasks_answer(const std::string& path);
  HttpResponse finished(int status, nlohmann::ordered_json body, const std::string& query);
  nlohmann::ordered_json shown(const LibstorageVolume& volume, const std::string& asker) const;
  Result<HttpResponse> faulty(const HttpRequest& request);

  RexrayLoop& loop_;
  int next_id_ = 0;
  bool armed_ = false;
  conformance::Stage stage_ = conformance::Stage::look;
  conformance::Fault fault_ = conformance::Fault::refused;
  std::vector<HttpRequest> late_;
  std::vector<Task> tasks_;
};

}  // namespace extvold::tests
