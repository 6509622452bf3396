#include "daemon/mesos_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "daemon/auth/refusal.h"
#include "daemon/ingest/agent_answers.h"
#include "daemon/ingest/poll_decoder.h"
#include "daemon/url_base.h"
#include "daemon/uv/timer.h"
#include "model/check.h"

namespace extvold::daemon {
namespace {

constexpr std::size_t kExplanationBytesMax = 256;

std::string_view call_body(MasterCall call) {
  switch (call) {
    case MasterCall::get_agents:
      return R"({"type":"GET_AGENTS"})";
    case MasterCall::get_tasks:
      return R"({"type":"GET_TASKS"})";
    case MasterCall::get_executors:
      return R"({"type":"GET_EXECUTORS"})";
    case MasterCall::get_master:
      return R"({"type":"GET_MASTER"})";
    case MasterCall::get_maintenance_schedule:
      return R"({"type":"GET_MAINTENANCE_SCHEDULE"})";
    case MasterCall::get_maintenance_status:
      return R"({"type":"GET_MAINTENANCE_STATUS"})";
    case MasterCall::metrics:
    case MasterCall::registry:
      return {};
  }
  EXTVOLD_UNREACHABLE();
}

std::string_view path_of(MasterCall call) {
  if (call == MasterCall::metrics) return "/metrics/snapshot";
  return call == MasterCall::registry ? "/registrar(1)/registry" : "/api/v1";
}

// Its answer is decoded as it comes; the others are small and one event.
bool is_list(MasterCall call) { return call != MasterCall::get_master && call != MasterCall::metrics; }

// What makes a round of an agent's API, in this order: agent_gone needs GET_AGENT before and after the rest,
// the metrics included. A restart of the agent sets its destroy errors to 0, but takes longer than a call:
// one that comes near the metrics leaves them or the second GET_AGENT without an answer, and the round fails.
struct AgentCall {
  std::string_view name;
  std::string_view body;  // empty: a GET of `name`
};
constexpr std::array<AgentCall, 5> kAgentCalls = {{
    {"GET_AGENT", R"({"type":"GET_AGENT"})"},
    {"GET_CONTAINERS",
     R"({"type":"GET_CONTAINERS","get_containers":{"show_nested":true,"show_standalone":true}})"},
    {"GET_EXECUTORS", R"({"type":"GET_EXECUTORS"})"},
    {"/metrics/snapshot", {}},
    {"GET_AGENT", R"({"type":"GET_AGENT"})"},
}};

std::string refused(std::string_view who, int status, std::string_view text, const Authenticator* auth,
                    Recipient to) {
  return refusal_text(who, status, text.substr(0, kExplanationBytesMax), auth, to);
}

// Adds what `to` gets, and says which credentials that were.
Status prove_ourselves(HttpRequest& request, Authenticator* auth, Recipient to, std::uint64_t& sent) {
  if (auth == nullptr) return {};
  ASSIGN(sent, auth->prepare(request, to));
  return {};
}

// A 401 for credentials that have changed since: the same again, once, with the new ones.
bool is_worth_repeating(int status, Authenticator* auth, Recipient to, std::uint64_t sent, bool& repeated) {
  if (status != 401 || auth == nullptr || !auth->sends_credentials(to) || repeated) return false;
  repeated = auth->is_worth_repeating(sent);
  return repeated;
}

void post_json(HttpRequest& request, std::string url, std::string_view body) {
  request.url = std::move(url);
  request.safe_to_repeat = true;
  request.accept_gzip = true;
  request.headers = {{"Accept", "application/json"}};
  if (body.empty()) return;
  request.method = "POST";
  request.body = body;
  request.headers.emplace_back("Content-Type", "application/json");  // compared verbatim: no charset
}

// Who must be there, as a URL has it: with TLS, the name that the agent's certificate must be for.
std::string authority_of(const MesosReaderOptions& options, const std::string& address,
                         const std::string& hostname) {
  if (!options.agents_https || !options.agents_verify_hostname || hostname.empty()) return address;
  return hostname + address.substr(std::min(address.rfind(':'), address.size()));
}

Duration jitter(Random& random, Duration max) {
  return max.ns <= 0
             ? Duration{}
             : Duration{static_cast<std::int64_t>(random.next() % static_cast<std::uint64_t>(max.ns))};
}

}  // namespace

struct MesosReader::Poll {
  explicit Poll(uv::Loop& loop) : timer(loop) {}

  std::uint64_t id = 0;
  MasterCall call = MasterCall::get_agents;
  std::string base;
  Recipient recipient = Recipient::trusted;
  std::uint64_t credentials_sent = 0;
  bool repeated = false;  // with other credentials, after a 401
  uv::Timer timer;        // the jitter, then the deadline; while the list is paused, the end of our patience
  std::unique_ptr<HttpStream> stream;
  // The deadline is the master's: it stands still while we do not read.
  bool paused = false;
  Instant timer_until;
  Duration deadline_left;
  Duration pause_left;
  std::optional<ingest::PollDecoder> decoder;
  int status = 0;
  std::string explanation;  // of a status that is not 200
};

struct MesosReader::Round {
  explicit Round(uv::Loop& loop) : timer(loop) {}

  std::uint64_t id = 0;
  AgentId agent;
  std::string address;
  std::string base;  // "http://address", "https://hostname:port"
  std::uint64_t credentials_sent = 0;
  bool repeated = false;
  uv::Timer timer;  // the jitter
  std::size_t calls = 0;
  std::array<std::optional<std::string>, kAgentCalls.size()> bodies;  // of answers with status 200
  Instant first_sent_at;
  Instant ended_at;
};

MesosReader::MesosReader(Parts parts, MesosReaderOptions options, Auth auth, Events events)
    : parts_(parts), options_(options), auth_(auth), events_(std::move(events)) {}

MesosReader::~MesosReader() = default;

// ---- the master

void MesosReader::poll_master(const std::string& url, MasterCall call, Recipient recipient) {
  const bool asked =
      std::any_of(polls_.begin(), polls_.end(), [&](const auto& poll) { return poll->call == call; });
  if (asked) return;  // its answer serves both
  auto poll = std::make_unique<Poll>(parts_.loop);
  poll->id = next_id_++;
  poll->call = call;
  poll->base = url_base(url);
  poll->recipient = recipient;
  polls_.push_back(std::move(poll));
  if (polls_.size() == 1) next_poll();
}

void MesosReader::next_poll() {
  if (polls_.empty()) return;
  Poll& poll = *polls_.front();
  // Who the master is has to be known before its snapshot is whole, and costs it nothing.
  const Duration jitter_max = poll.call == MasterCall::get_master ? Duration{} : options_.master_jitter_max;
  poll.timer.start(jitter(parts_.random, jitter_max), [this] {
    ++counts_.polls;
    start(*polls_.front());
  });
}

void MesosReader::start(Poll& poll) {
  if (is_list(poll.call)) {
    start_list(poll);
  } else {
    start_small(poll);
  }
}

void MesosReader::start_list(Poll& poll) {
  HttpRequest request;
  post_json(request, fmt::format("{}{}", poll.base, path_of(poll.call)), call_body(poll.call));
  if (Status ready = prove_ourselves(request, auth_.master, poll.recipient, poll.credentials_sent); !ready)
    return end_poll(tl::make_unexpected(ready.error()));
  poll.status = 0;
  poll.explanation.clear();
  poll.decoder.emplace(poll.call, parts_.clock.now(), parts_.counters, agents_);
  poll.stream = parts_.streams.start_stream(
      std::move(request), {[this](int status, const HttpHeaders&) { polls_.front()->status = status; },
                           [this](std::string_view bytes) { return on_list_bytes(bytes); },
                           [this](const Status& status) { end_list(status); }});
  poll.deadline_left = options_.master_deadline;
  poll.pause_left = options_.pause_max;
  start_deadline(poll);
}

void MesosReader::start_deadline(Poll& poll) {
  poll.timer_until = parts_.clock.now() + poll.deadline_left;
  poll.timer.start(poll.deadline_left, [this] {
    end_list(
        fail(Errc::unavailable, "no whole answer within {} ms", options_.master_deadline.ns / 1'000'000));
  });
}

void MesosReader::pause_list(Poll& poll) {
  poll.paused = true;
  const Instant now = parts_.clock.now();
  poll.deadline_left = std::max(poll.timer_until - now, Duration{});
  poll.timer_until = now + poll.pause_left;
  poll.timer.start(poll.pause_left, [this] {
    end_list(fail(Errc::unavailable, "the ledger did not keep up: the list had to wait for more than {} ms",
                  options_.pause_max.ns / 1'000'000));
  });
}

Flow MesosReader::on_list_bytes(std::string_view bytes) {
  Poll& poll = *polls_.front();
  if (poll.status != 200) {
    if (poll.explanation.size() < kExplanationBytesMax) poll.explanation.append(bytes);
    return Flow::go_on;
  }
  std::vector<MesosEvent> events;
  if (Status pushed = poll.decoder->push(bytes, events); !pushed) {
    end_list(std::move(pushed));
    return Flow::go_on;
  }
  if (events.empty()) return Flow::go_on;
  const std::uint64_t id = poll.id;
  const Flow flow = events_(std::move(events));  // may cancel the poll
  if (flow == Flow::pause && !polls_.empty() && polls_.front()->id == id) pause_list(*polls_.front());
  return flow;
}

void MesosReader::end_list(Status status) {
  Poll& poll = *polls_.front();
  std::vector<MesosEvent> events;
  if (status &&
      is_worth_repeating(poll.status, auth_.master, poll.recipient, poll.credentials_sent, poll.repeated))
    return start(poll);
  if (status && poll.status != 200) {
    status = fail(Errc::unavailable, "{}",
                  refused("master", poll.status, poll.explanation, auth_.master, poll.recipient));
  }
  if (status) status = poll.decoder->finish(events);
  if (!status) return end_poll(tl::make_unexpected(status.error()));
  end_poll(std::move(events));
}

void MesosReader::start_small(Poll& poll) {
  HttpRequest request;
  post_json(request, fmt::format("{}{}", poll.base, path_of(poll.call)), call_body(poll.call));
  request.deadline = options_.master_deadline;
  if (Status ready = prove_ourselves(request, auth_.master, poll.recipient, poll.credentials_sent); !ready)
    return end_poll(tl::make_unexpected(ready.error()));
  parts_.http.request(std::move(request),
                      [this, id = poll.id, alive = std::weak_ptr<int>(alive_)](Result<HttpResponse> answer) {
                        if (alive.expired() || polls_.empty() || polls_.front()->id != id) return;
                        on_small(std::move(answer));
                      });
}

void MesosReader::on_small(Result<HttpResponse> answer) {
  if (!answer) return end_poll(tl::make_unexpected(answer.error()));
  Poll& poll = *polls_.front();
  if (is_worth_repeating(answer->status, auth_.master, poll.recipient, poll.credentials_sent, poll.repeated))
    return start(poll);
  if (answer->status != 200) {
    return end_poll(fail(Errc::unavailable, "{}",
                         refused("master", answer->status, answer->body, auth_.master, poll.recipient)));
  }
  std::vector<MesosEvent> events;
  if (polls_.front()->call == MasterCall::metrics) {
    auto seen = ingest::decode_metrics(answer->body, parts_.counters);
    if (!seen) return end_poll(tl::make_unexpected(seen.error()));
    events.emplace_back(*seen);
  } else {
    auto seen = ingest::decode_master(answer->body, parts_.counters);
    if (!seen) return end_poll(tl::make_unexpected(seen.error()));
    events.emplace_back(std::move(*seen));
  }
  end_poll(std::move(events));
}

void MesosReader::end_poll(Result<std::vector<MesosEvent>> outcome) {
  const std::unique_ptr<Poll> ended = std::move(polls_.front());
  polls_.pop_front();
  std::vector<MesosEvent> events;
  if (outcome) {
    events = std::move(*outcome);
  } else {
    ++counts_.polls_failed;
    events.emplace_back(PollFailed{ended->call, fmt::format("{} of {}: {}", to_text(ended->call), ended->base,
                                                            outcome.error().message)});
  }
  next_poll();
  events_(std::move(events));
}

void MesosReader::resume() {
  if (polls_.empty() || !polls_.front()->paused) return;
  Poll& poll = *polls_.front();
  poll.paused = false;
  poll.pause_left = std::max(poll.timer_until - parts_.clock.now(), Duration{});
  start_deadline(poll);
  poll.stream->resume();
}

void MesosReader::cancel_master() { polls_.clear(); }

void MesosReader::cancel() {
  polls_.clear();
  rounds_.clear();
}

// ---- agents

void MesosReader::read_agent(const AgentId& agent, const std::string& address, const std::string& hostname) {
  for (const auto& [id, round] : rounds_) {
    if (round->agent == agent && round->address == address) return;  // its answer serves both
  }
  auto round = std::make_unique<Round>(parts_.loop);
  round->id = next_id_++;
  round->agent = agent;
  round->address = address;
  round->base = fmt::format("{}://{}", options_.agents_https ? "https" : "http",
                            authority_of(options_, address, hostname));
  Round& added = *rounds_.emplace(round->id, std::move(round)).first->second;
  added.timer.start(jitter(parts_.random, options_.agent_jitter_max), [this, id = added.id] {
    ++counts_.agent_reads;
    next_call(*rounds_.at(id));
  });
}

// Dialled at the ip and port that the agent itself listens at (out of its pid), never by hostname; whatever
// name its certificate has to be for.
void MesosReader::next_call(Round& round) {
  HttpRequest request;
  const AgentCall& call = kAgentCalls[round.calls];
  post_json(request, fmt::format("{}{}", round.base, call.body.empty() ? call.name : "/api/v1"), call.body);
  request.deadline = options_.agent_deadline;
  request.response_bytes_max = options_.agent_answer_bytes_max;
  if (options_.agents_https) request.connect_to = round.address;
  if (Status ready = prove_ourselves(request, auth_.agents, Recipient::trusted, round.credentials_sent);
      !ready) {
    return end_round(round.id,
                     AgentApiFailed{round.agent, fmt::format("{}: {}", round.base, ready.error().message)});
  }
  parts_.http.request(std::move(request),
                      [this, id = round.id, alive = std::weak_ptr<int>(alive_)](Result<HttpResponse> answer) {
                        if (alive.expired() || !rounds_.contains(id)) return;
                        on_call(id, std::move(answer));
                      });
}

void MesosReader::on_call(std::uint64_t id, Result<HttpResponse> answer) {
  Round& round = *rounds_.at(id);
  if (answer && is_worth_repeating(answer->status, auth_.agents, Recipient::trusted, round.credentials_sent,
                                   round.repeated))
    return next_call(round);
  const AgentCall& call = kAgentCalls[round.calls];
  const bool good = answer && answer->status == 200;
  if (!good && !(answer && call.body.empty())) {  // metrics may be refused: then they prove nothing
    return end_round(
        id, AgentApiFailed{round.agent, fmt::format("{} of {}: {}", call.name, round.base,
                                                    answer ? refused("agent", answer->status, answer->body,
                                                                     auth_.agents, Recipient::trusted)
                                                           : answer.error().message)});
  }
  if (round.calls == 0) round.first_sent_at = answer->sent_at;
  if (good) {
    round.ended_at = answer->ended_at;
    round.bodies[round.calls] = std::move(answer->body);
  }
  ++round.calls;
  if (round.calls < kAgentCalls.size()) return next_call(round);
  const auto& [before, containers, executors, metrics, after] = round.bodies;
  ingest::AgentAnswers answers{*before, *containers, *executors, *after, std::nullopt};
  if (metrics) answers.metrics = *metrics;
  Result<AgentApiRead> read = ingest::decode_agent_answers(
      {round.agent, round.address, round.first_sent_at, round.ended_at}, answers, parts_.counters);
  if (!read)
    return end_round(id,
                     AgentApiFailed{round.agent, fmt::format("{}: {}", round.base, read.error().message)});
  end_round(id, std::move(*read));
}

void MesosReader::end_round(std::uint64_t id, MesosEvent event) {
  if (std::holds_alternative<AgentApiFailed>(event)) ++counts_.agent_reads_failed;
  rounds_.erase(id);
  std::vector<MesosEvent> events;
  events.push_back(std::move(event));
  events_(std::move(events));
}

}  // namespace extvold::daemon
