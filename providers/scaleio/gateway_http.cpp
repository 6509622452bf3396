#include "providers/scaleio/gateway_http.h"

#include <algorithm>
#include <utility>

#include "providers/json_answer.h"
#include "providers/scaleio/gateway_body.h"

namespace extvold::providers::scaleio {
namespace {

constexpr std::size_t kAnswerBytesMax = 64U << 20U;

}  // namespace

GatewayHttp::GatewayHttp(const ScaleioConfig& config, const ScaleioPorts& ports)
    : config_(config), ports_(ports), who_("gateway " + config.gateway) {}

void GatewayHttp::send(const GatewayRequest& request, const GatewayHeaders& headers,
                       std::function<void(GatewayAnswer)> done) {
  const std::string what = fmt::format("{}: {} {}", who_, request.method, request.path);
  const Duration left = request.until - ports_.clock();
  if (left.ns <= 0) {
    ports_.defer([done = std::move(done), what] {
      done({fail(Errc::unavailable, "{}: no time is left for it before the deadline", what)});
    });
    return;
  }
  HttpRequest http;
  http.method = request.method;
  http.url = config_.gateway + request.path;
  http.tls = config_.tls;
  if (!headers.authorization.empty()) http.headers.emplace_back("Authorization", headers.authorization);
  http.headers.emplace_back("Accept", headers.media_type);
  if (!request.body.is_null()) {
    http.headers.emplace_back("Content-Type", headers.media_type);
    http.body = json_text(request.body);
  }
  http.deadline = request.effect == Effect::reads ? std::min(left, config_.look_deadline) : left;
  http.response_bytes_max = kAnswerBytesMax;
  http.safe_to_repeat = request.effect == Effect::reads;
  ports_.http.request(std::move(http), [what, secret = request.answers_secret,
                                        done = std::move(done)](const Result<HttpResponse>& ended) {
    if (ended) return done({gateway_body(*ended, what, secret), ended->status, is_page(*ended)});
    Error error = ended.error();
    if (error.code == Errc::exhausted) error.code = Errc::uncertain;
    done({wrap(error, what)});
  });
}

}  // namespace extvold::providers::scaleio
