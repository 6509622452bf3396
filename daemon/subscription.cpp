#include "daemon/subscription.h"

#include <algorithm>
#include <utility>

#include "daemon/auth/refusal.h"
#include "daemon/http_client.h"
#include "model/ascii.h"
#include "model/check.h"

namespace extvold::daemon {
namespace {

constexpr std::string_view kApiPath = "/api/v1";
constexpr std::string_view kSubscribe = R"({"type":"SUBSCRIBE"})";
constexpr std::size_t kRefusalBytesMax = 512;
// After this long without a byte the loop gets one turn to read what may wait in the socket: it may have been
// us who slept.
constexpr Duration kSecondLook = milliseconds(50);

std::string with_api_path(std::string url) {
  const std::size_t scheme = url.find("://");
  const std::size_t path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (path == std::string::npos) return url + std::string(kApiPath);
  if (path + 1 == url.size()) return url.substr(0, path) + std::string(kApiPath);
  return url;
}

const std::string* find_header(const HttpHeaders& headers, std::string_view name) {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [&](const auto& h) { return h.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

Errc errc_from_refusal(int status) {
  if (status == 401 || status == 403) return Errc::permission;
  if (status >= 500 && status != 501) return Errc::unavailable;
  return Errc::invalid;
}

// "https://host:port", in lower case, so that two spellings of one server are alike.
std::string origin_of(const std::string& url) {
  const std::size_t scheme = url.find("://");
  const std::size_t begin = scheme == std::string::npos ? 0 : scheme + 3;
  std::string origin = lower_case(url.substr(0, url.find_first_of("/?#", begin)));
  if (origin.find(':', begin) == std::string::npos) origin += origin.starts_with("https") ? ":443" : ":80";
  return origin;
}

}  // namespace

Subscription::Subscription(uv::Loop& loop, HttpStreamSource& http, const Clock& clock, Random& random,
                           SubscriptionConfig config, MasterUrls masters, Authenticator* auth,
                           Callbacks callbacks)
    : http_(http),
      clock_(clock),
      random_(random),
      config_(config),
      masters_(std::move(masters)),
      auth_(auth),
      callbacks_(std::move(callbacks)),
      backoff_(config.backoff_min, config.backoff_max),
      retry_(loop),
      watchdog_(loop),
      deferred_(loop) {}

void Subscription::start() {
  EXTVOLD_CHECK(state_ == State::stopped);
  state_ = State::waiting;
  retry_.start(Duration{}, [this] { attempt(); });
}

void Subscription::stop() {
  state_ = State::stopped;
  dropped_.reset();
  stream_.reset();
  retry_.stop();
  watchdog_.stop();
}

void Subscription::resume() {
  if (!std::exchange(paused_, false) || stream_ == nullptr) return;
  last_byte_at_ = clock_.now();
  watch();
  stream_->resume();
}

void Subscription::drop(Errc code, std::string why) {
  if (state_ == State::stopped || state_ == State::waiting) return;
  dropped_ = begin_waiting(code, fmt::format("{}: {}", url_, why));
  deferred_.post([this] {
    const auto dropped = std::exchange(dropped_, std::nullopt);
    if (!dropped) return;
    const auto closed = callbacks_.closed;  // a copy: it may destroy this object
    closed(*dropped);
  });
}

void Subscription::retry_now() {
  if (state_ != State::waiting) return;
  backoff_.reset();
  retry_.start(Duration{}, [this] { attempt(); });
}

void Subscription::set_heartbeat_interval(Duration interval) {
  if (interval < seconds(1) || interval > minutes(10)) return;
  config_.heartbeat_interval = interval;
  if (state_ == State::open && !paused_) watch();
}

void Subscription::attempt() {
  if (dropped_) return retry_.start(milliseconds(1), [this] { attempt(); });  // first it is reported
  auto urls = masters_();
  if (!urls) return close(urls.error().code, urls.error().message);
  if (urls->empty()) return close(Errc::invalid, "no master is configured");
  redirects_ = 0;
  repeated_ = false;
  configured_ = *std::move(urls);
  connect(with_api_path(configured_.at(attempts_++ % configured_.size())), Recipient::trusted);
}

bool Subscription::is_configured(const std::string& url) const {
  return std::any_of(configured_.begin(), configured_.end(),
                     [&](const std::string& one) { return origin_of(one) == origin_of(url); });
}

void Subscription::connect(std::string url, Recipient recipient) {
  url_ = std::move(url);
  recipient_ = recipient;
  state_ = State::connecting;
  paused_ = false;
  HttpRequest request;
  request.method = "POST";
  request.url = url_;
  request.body = kSubscribe;
  // Compared verbatim by the master: with a charset it answers 415. RecordIO is what the answer is framed in
  // all the same.
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}};
  if (auth_ != nullptr) {
    const Result<std::uint64_t> prepared = auth_->prepare(request, recipient);
    if (!prepared) return close(prepared.error().code, fmt::format("{}: {}", url_, prepared.error().message));
    credentials_sent_ = *prepared;
  }
  stream_ = http_.start_stream(
      std::move(request), {[this](int status, const HttpHeaders& headers) { on_headers(status, headers); },
                           [this](std::string_view bytes) { return on_bytes(bytes); },
                           [this](Status status) { on_end(status); }});
  last_byte_at_ = clock_.now();
  watch();
}

void Subscription::on_headers(int status, const HttpHeaders& headers) {
  last_byte_at_ = clock_.now();
  if (status == 307 || status == 308) return on_redirect(headers);
  if (status == 401 && auth_ != nullptr && auth_->sends_credentials(recipient_) && !repeated_ &&
      auth_->is_worth_repeating(credentials_sent_)) {
    repeated_ = true;
    return connect(std::string(url_), recipient_);
  }
  if (status != 200) {
    state_ = State::refused;
    refusal_status_ = status;
    refusal_.clear();
    return;
  }
  const std::string* type = find_header(headers, "content-type");
  if (type == nullptr || !type->starts_with("application/json")) {
    return close(Errc::invalid, fmt::format("{} answers {}, not a stream of events: is this a Mesos master?",
                                            url_, type == nullptr ? "something of no type" : *type));
  }
  state_ = State::open;
  opened_at_ = clock_.now();
  const auto opened = callbacks_.opened;  // a copy: it may destroy this object
  opened({url_, redirects_, recipient_});
}

// A master that does not lead sends `Location: //host:port/api/v1`. 308 means the same; 301 to 303 do not
// keep the POST.
void Subscription::on_redirect(const HttpHeaders& headers) {
  const std::string* location = find_header(headers, "location");
  if (redirects_ == config_.redirects_max) {
    return close(Errc::unavailable,
                 fmt::format("{}: redirected {} times in a row, the masters do not agree who leads", url_,
                             redirects_));
  }
  auto target = resolve_redirect(url_, location == nullptr ? "" : *location);
  if (!target) return close(target.error().code, target.error().message);
  ++redirects_;
  // A configured master is believed about who leads; whom that one names in turn is a stranger.
  const bool trusted = is_configured(*target) || (recipient_ == Recipient::trusted && is_configured(url_));
  connect(std::move(*target), trusted ? Recipient::trusted : Recipient::stranger);
}

Flow Subscription::on_bytes(std::string_view bytes) {
  if (state_ == State::refused) {  // not fed to the watchdog: an explanation has to end
    refusal_.append(bytes.substr(0, kRefusalBytesMax - refusal_.size()));
    if (refusal_.size() == kRefusalBytesMax) close_refused();
    return Flow::go_on;
  }
  last_byte_at_ = clock_.now();
  const uv::Lifeline::Watch alive(lifeline_);
  const HttpStream* const stream = stream_.get();
  auto callback = std::exchange(callbacks_.bytes, nullptr);  // outside: it may destroy this object
  const Flow flow = callback(bytes);
  if (alive.cut()) return Flow::go_on;
  callbacks_.bytes = std::move(callback);
  if (stream_.get() != stream || state_ != State::open) return Flow::go_on;  // dropped meanwhile
  if (flow == Flow::pause) {
    paused_ = true;
    watchdog_.stop();
  }
  return flow;
}

void Subscription::close_refused() {
  close(errc_from_refusal(refusal_status_),
        fmt::format("{} {}", url_, refusal_text("master", refusal_status_, refusal_, auth_, recipient_)));
}

void Subscription::on_end(const Status& status) {
  if (state_ == State::refused) return close_refused();
  if (!status) {
    const Errc code = status.error().code == Errc::uncertain ? Errc::unavailable : status.error().code;
    return close(code, status.error().message);
  }
  close(Errc::unavailable, fmt::format("{} ended the stream: the master stops, or has too many subscribers "
                                       "(--max_operator_event_stream_subscribers)",
                                       url_));
}

void Subscription::close(Errc code, std::string message) {
  const auto closed = callbacks_.closed;  // a copy: it may destroy this object
  closed(begin_waiting(code, std::move(message)));
}

SubscriptionClosed Subscription::begin_waiting(Errc code, std::string message) {
  const bool was_open = state_ == State::open;
  if (was_open && clock_.now() - opened_at_ >= config_.healthy_after) backoff_.reset();
  state_ = State::waiting;
  paused_ = false;
  stream_.reset();
  watchdog_.stop();
  const Duration wait = backoff_.next(random_);
  retry_.start(wait, [this] { attempt(); });
  return {code, std::move(message), was_open, wait};
}

// Not restarted at each byte: it looks when it fires how long the silence has been.
void Subscription::watch() {
  const Duration silence = clock_.now() - last_byte_at_;
  watchdog_.start({silence_max().ns - silence.ns}, [this] { on_watchdog(false); });
}

void Subscription::on_watchdog(bool second_look) {
  if (clock_.now() - last_byte_at_ < silence_max()) return watch();
  if (!second_look) return watchdog_.start(kSecondLook, [this] { on_watchdog(true); });
  if (state_ == State::refused) return close_refused();
  close(Errc::unavailable, fmt::format("{}: not a byte for {} s, {} heartbeats are missing", url_,
                                       silence_max().ns / 1'000'000'000, config_.silent_heartbeats_max));
}

}  // namespace extvold::daemon
