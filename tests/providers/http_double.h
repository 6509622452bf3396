// HttpDouble: an HttpClient over a function that answers, with a clock of its own and the faults of the
// conformance suite. What is asked waits in a queue until drain().
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "model/ports.h"
#include "tests/providers/conformance/subject.h"

namespace extvold::tests {

class HttpDouble final : public HttpClient {
 public:
  using Fault = conformance::Fault;
  using Stage = conformance::Stage;

  struct Server {
    std::function<HttpResponse(const HttpRequest&)> answer;
    std::function<bool(const HttpRequest&)> changes;
    // refused, throttled, wrong_credentials, as this server says it.
    std::function<HttpResponse(Fault, const HttpRequest&)> refuse;
  };

  explicit HttpDouble(Server server) : server_(std::move(server)) {}

  void request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) override;

  // What a provider asks to be run later.
  void defer(std::function<void()> closure) { deferred_.push_back(std::move(closure)); }
  Instant now() const { return now_; }

  void drain();
  void arm(Stage stage, Fault fault) { armed_ = {stage, fault}; }
  void disarm() { armed_.reset(); }
  void let_late_calls_work();
  // Whoever waited is gone; what was asked is done all the same.
  void forget();

  std::vector<HttpRequest> sent;

 private:
  struct Waiting {
    HttpRequest request;
    std::function<void(Result<HttpResponse>)> done;
  };
  struct Armed {
    Stage stage = Stage::look;
    Fault fault = Fault::refused;
  };

  Result<HttpResponse> answer(const HttpRequest& request);
  Result<HttpResponse> go_wrong(const HttpRequest& request, Fault fault);

  Server server_;
  Instant now_ = Instant{} + seconds(1000);
  std::deque<Waiting> waiting_;
  std::deque<std::function<void()>> deferred_;
  std::vector<HttpRequest> late_;
  std::optional<Armed> armed_;
};

}  // namespace extvold::tests
