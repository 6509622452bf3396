// The subscription: bytes to events, and when not to read.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "daemon/driver.h"
#include "daemon/ingest/record_decoder.h"

namespace extvold::daemon {
namespace {

// "Failed to connect ... after 5 ms" is the same as "... after 0 ms".
std::string without_numbers(std::string text) {
  std::erase_if(text, [](char c) { return c >= '0' && c <= '9'; });
  return text;
}

}  // namespace

void Driver::subscribe() {
  if (options_.masters.none()) return;
  Subscription::Callbacks callbacks;
  callbacks.opened = [this](const SubscriptionOpened& opened) { on_opened(opened); };
  callbacks.bytes = [this](std::string_view bytes) { return on_bytes(bytes); };
  callbacks.closed = [this](const SubscriptionClosed& closed) { on_closed(closed); };
  const auto masters = [this]() -> Result<std::vector<std::string>> {
    if (link_ != nullptr) return link_->master_urls();
    return options_.masters.urls;
  };
  subscription_ =
      std::make_unique<Subscription>(parts_.loop, parts_.streams, parts_.clock, parts_.random,
                                     options_.subscription, masters, &master_auth_, std::move(callbacks));
  subscription_state_ = SubscriptionState::connecting;
  subscription_since_ = parts_.clock.wall();
  subscription_begun_ = false;
  if (link_ == nullptr || link_->leader()) return begin_subscription();
  subscription_error_ = link_->why_none();  // on_leader() goes on
}

void Driver::begin_subscription() {
  subscription_begun_ = true;
  subscription_->start();
}

// Agents may tell another name of a master's host than the configuration, and the address is the same.
void Driver::look_up_masters() {
  for (const std::string& host : options_.masters.hosts()) {
    if (uv::is_numeric_address(host)) continue;
    lookups_.push_back(std::make_unique<uv::NameLookup>(
        parts_.loop, host, [this](std::vector<std::string> addresses, const std::string& error) {
          if (error.empty()) note_masters(std::move(addresses));
        }));
  }
}

// Never fenced from now on, also when they do not lead or have left the election.
void Driver::note_masters(std::vector<std::string> found) {
  const std::size_t before = policy_.masters.size();
  for (std::string& one : found) {
    if (std::find(policy_.masters.begin(), policy_.masters.end(), one) == policy_.masters.end())
      policy_.masters.push_back(std::move(one));
  }
  if (policy_.masters.size() == before) return;
  policy_told_ = false;
  post(reconcilers::TimerFired{});  // drain() tells the engine before anything else
}

void Driver::unsubscribe() {
  subscription_.reset();
  decoder_.reset();
  stream_paused_ = false;
  pause_.stop();
  if (subscription_state_ == SubscriptionState::none) return;
  subscription_state_ = SubscriptionState::none;
  subscription_since_ = parts_.clock.wall();
}

void Driver::on_opened(const SubscriptionOpened& opened) {
  // Who leads is known; a redirect to somebody else is of a master that does not know it yet. What the other
  // one says counts no more.
  if (link_ != nullptr && opened.redirects > 0 && link_->leader() && link_->leader()->unreadable.empty()) {
    return subscription_->drop(Errc::unavailable,
                               fmt::format("{} leads by ZooKeeper, and it redirects elsewhere: it does not "
                                           "know yet that it leads",
                                           leader_url_));
  }
  ++counts_.streams_opened;
  reader_.cancel_master();
  decoder_ = std::make_unique<ingest::RecordDecoder>(ingest_counters_);
  master_ = opened.url;
  master_recipient_ = opened.recipient;
  subscription_error_.clear();
  subscription_state_ = SubscriptionState::open;
  subscription_since_ = parts_.clock.wall();
  parts_.log.info("subscribed", {{"master", opened.url}, {"redirects", opened.redirects}});
  post_event(extvold::SubscriptionOpened{opened.url});
}

Flow Driver::on_bytes(std::string_view bytes) {
  if (decoder_ == nullptr) return Flow::go_on;
  counts_.stream_bytes += bytes.size();
  std::vector<MesosEvent> events;
  const Status decoded = decoder_->push(bytes, events);
  for (const MesosEvent& event : events) {
    if (const auto* ended = std::get_if<SnapshotEnded>(&event))
      subscription_->set_heartbeat_interval(ended->heartbeat_interval);
  }
  post_events(std::move(events));
  if (!decoded) {  // never skipped: what comes after it cannot be placed
    ++counts_.streams_undecodable;
    decoder_.reset();
    subscription_->drop(Errc::corrupt, decoded.error().message);
    return Flow::go_on;
  }
  if (!must_pause()) return Flow::go_on;
  ++counts_.stream_pauses;
  stream_paused_ = true;
  pause_.start(options_.pause_max, [this] {
    stream_paused_ = false;
    subscription_->drop(
        Errc::unavailable,
        fmt::format("the ledger did not keep up for {} s ({} batches wait): the stream is asked "
                    "for anew rather than buffered by the master",
                    options_.pause_max.ns / 1'000'000'000, uncommitted_.size()));
  });
  return Flow::pause;
}

void Driver::on_closed(const SubscriptionClosed& closed) {
  const bool news =
      closed.was_open || without_numbers(closed.message) != without_numbers(subscription_error_);
  reader_.cancel_master();
  decoder_.reset();
  stream_paused_ = false;
  pause_.stop();
  subscription_state_ = SubscriptionState::connecting;
  if (news) subscription_since_ = parts_.clock.wall();
  subscription_error_ = closed.message;
  if (closed.was_open) ++counts_.streams_lost;
  // The same refusal again and again is said once.
  if (news) {
    parts_.log.warning("subscription_closed", {{"was_open", closed.was_open},
                                               {"reason", closed.message},
                                               {"retry_in_ms", closed.retry_in.ns / 1'000'000}});
    post_event(extvold::SubscriptionClosed{closed.message});
  }
}

bool Driver::must_pause() const {
  return events_queued_ > options_.events_queued_max ||
         uncommitted_.size() > options_.batches_uncommitted_max;
}

void Driver::resume_if_possible() {
  if (events_queued_ > options_.events_queued_max / 2 ||
      uncommitted_.size() > options_.batches_uncommitted_max / 2)
    return;
  reader_.resume();
  if (!std::exchange(stream_paused_, false)) return;
  pause_.stop();
  if (subscription_ != nullptr) subscription_->resume();
}

}  // namespace extvold::daemon
