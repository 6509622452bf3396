#include "tests/providers/http_double.h"

#include <utility>

#include "model/check.h"

namespace extvold::tests {

void HttpDouble::request(HttpRequest request, std::function<void(Result<HttpResponse>)> done) {
  EXTVOLD_CHECK(request.deadline.ns > 0);
  waiting_.push_back({std::move(request), std::move(done)});
}

void HttpDouble::drain() {
  while (!waiting_.empty() || !deferred_.empty()) {
    if (!deferred_.empty()) {
      const std::function<void()> closure = std::move(deferred_.front());
      deferred_.pop_front();
      closure();
      continue;
    }
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    sent.push_back(next.request);
    const Instant sent_at = now_;
    Result<HttpResponse> ended = answer(next.request);
    now_ = now_ + milliseconds(1);
    if (ended) {
      ended->sent_at = sent_at;
      ended->ended_at = now_;
    }
    next.done(std::move(ended));
  }
}

void HttpDouble::let_late_calls_work() {
  for (const HttpRequest& request : std::exchange(late_, {})) server_.answer(request);
}

void HttpDouble::forget() {
  for (const Waiting& one : std::exchange(waiting_, {})) late_.push_back(one.request);
  deferred_.clear();
}

Result<HttpResponse> HttpDouble::answer(const HttpRequest& request) {
  const bool here = armed_ && (armed_->stage == Stage::change) == server_.changes(request);
  return here ? go_wrong(request, armed_->fault) : server_.answer(request);
}

Result<HttpResponse> HttpDouble::go_wrong(const HttpRequest& request, Fault fault) {
  switch (fault) {
    case Fault::not_reached:
      return fail(Errc::unavailable, "{}: connection refused", request.url);
    case Fault::refused:
    case Fault::throttled:
    case Fault::wrong_credentials:
      return server_.refuse(fault, request);
    case Fault::late:
      late_.push_back(request);
      [[fallthrough]];
    case Fault::hang:
      now_ = now_ + request.deadline;
      return fail(Errc::uncertain, "{}: no answer within the deadline", request.url);
    case Fault::lost_answer:
      server_.answer(request);
      return fail(Errc::uncertain, "{}: the connection broke", request.url);
    case Fault::garbage: {
      HttpResponse response = server_.answer(request);
      response.body = "\x01\xffgarbage\nof any kind {[";
      return response;
    }
    case Fault::cut_short: {
      HttpResponse response = server_.answer(request);
      response.body.resize(response.body.size() / 2);
      if (response.body.empty()) return fail(Errc::uncertain, "{}: the connection broke", request.url);
      return response;
    }
    case Fault::oversize:
      server_.answer(request);
      return fail(Errc::exhausted, "{}: the answer is larger than {} bytes", request.url,
                  request.response_bytes_max);
  }
  EXTVOLD_UNREACHABLE();
}

}  // namespace extvold::tests
