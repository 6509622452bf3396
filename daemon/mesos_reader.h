// MesosReader: asks what the event stream never says: the master's lists, and each agent's own API.
//
// Loop thread only; outlived by everything given to the constructor. Each question ends in exactly one event
// (PollEnded, MasterSeen, MasterMetricsSeen or PollFailed; AgentApiRead or AgentApiFailed), preceded by the
// elements of a list, given to `events`, never from inside a call; unless cancel() came first. The master is
// asked one thing at a time and its answer is decoded as it comes, because GET_TASKS of a large cluster is
// hundreds of megabytes; agents are asked side by side, each call with its own deadline, so that a frozen one
// holds up nobody. A little jitter before each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/auth/authenticator.h"
#include "daemon/clock.h"
#include "daemon/http_stream.h"
#include "daemon/ingest/agent_memory.h"
#include "daemon/ingest/counters.h"
#include "daemon/random.h"
#include "daemon/uv/loop.h"
#include "model/mesos.h"
#include "model/ports.h"

namespace extvold::daemon {

struct MesosReaderOptions {
  Duration master_deadline = seconds(60);
  Duration pause_max = minutes(2);  // that our own pauses of one list may add to its deadline
  Duration agent_deadline = seconds(5);
  std::size_t agent_answer_bytes_max = std::size_t{8} << 20;  // of each call; 16 agents are asked at once
  Duration master_jitter_max = milliseconds(500);
  Duration agent_jitter_max = milliseconds(20);
  bool agents_https = false;
  // https: an agent's certificate must be for its hostname; else for the address at which it is dialled.
  bool agents_verify_hostname = true;
};

struct MesosReaderCounts {
  std::uint64_t polls = 0;
  std::uint64_t polls_failed = 0;
  std::uint64_t agent_reads = 0;
  std::uint64_t agent_reads_failed = 0;
};

class MesosReader {
 public:
  struct Parts {
    uv::Loop& loop;
    const Clock& clock;
    Random& random;
    HttpClient& http;
    HttpStreamSource& streams;
    ingest::IngestCounters& counters;
  };
  // pause: what was handed over is taken; no more of a list until resume().
  using Events = std::function<Flow(std::vector<MesosEvent>)>;

  // Who we are to the master, and to the agents, which know others. May be null.
  struct Auth {
    Authenticator* master = nullptr;
    Authenticator* agents = nullptr;
  };

  MesosReader(Parts parts, MesosReaderOptions options, Auth auth, Events events);
  ~MesosReader();
  MesosReader(const MesosReader&) = delete;
  MesosReader& operator=(const MesosReader&) = delete;

  // `url` as the subscription was answered at, "http://host:port/api/v1": the same master is asked,
  // and it gets credentials only if it did then.
  void poll_master(const std::string& url, MasterCall call, Recipient recipient = Recipient::trusted);
  // Dialled at `address`, ip:port. `hostname` is for https only.
  void read_agent(const AgentId& agent, const std::string& address, const std::string& hostname = {});

  void resume();

  // Forgets what was asked of the master, or of everybody; no event comes of it any more.
  void cancel_master();
  void cancel();

  bool idle() const { return polls_.empty() && rounds_.empty(); }
  const MesosReaderCounts& counts() const { return counts_; }

 private:
  struct Poll;
  struct Round;

  void next_poll();
  void start(Poll& poll);
  void start_list(Poll& poll);
  void start_small(Poll& poll);
  void start_deadline(Poll& poll);
  Flow on_list_bytes(std::string_view bytes);
  void pause_list(Poll& poll);
  void end_list(Status status);
  void on_small(Result<HttpResponse> answer);
  void end_poll(Result<std::vector<MesosEvent>> outcome);

  void next_call(Round& round);
  void on_call(std::uint64_t id, Result<HttpResponse> answer);
  void end_round(std::uint64_t id, MesosEvent event);

  Parts parts_;
  MesosReaderOptions options_;
  Auth auth_;
  Events events_;
  MesosReaderCounts counts_;
  ingest::AgentMemory agents_;               // outlives every poll
  std::deque<std::unique_ptr<Poll>> polls_;  // the first one is under way
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, std::unique_ptr<Round>> rounds_;
  // The client's callbacks may come after this object is gone: they ask here first.
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace extvold::daemon
