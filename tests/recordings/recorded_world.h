// RecordedWorld: a recording of a real master and its agents, played to the production ingest and engine
// under virtual time. The provider is EngineWorld's; what Mesos says comes byte for byte from the recording.
//
// One thread. It knows nothing of the planner's rules; it judges by what the recording shows later: a volume
// must not be detached from a host while a container that names it is still listed there afterwards.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/ingest/counters.h"
#include "daemon/ingest/record_decoder.h"
#include "tests/reconcilers/engine_world.h"
#include "tests/replay/answers.h"
#include "tests/replay/recording.h"
#include "tests/replay/stream_plan.h"

namespace extvold::testing {

struct PlayOptions {
  double speed = 1.0;         // recorded seconds per second
  std::size_t cut_after = 0;  // the connection breaks after so many records; 0: only where it was recorded to
  std::string authorization{};      // header value, for a recording that asks for credentials
  int view = 0;                     // what that credential selects
  std::set<std::string> volumes{};  // made before the recording begins
};

class RecordedWorld final : public EngineWorld {
 public:
  RecordedWorld(const replay::Recording& recording, PlayOptions options);

  // To the end of the recording, and then until whatever can still be learnt has been.
  void play();

  std::size_t records() const { return records_; }  // that arrived
  // Names that tasks or executors gave to volumes of a mapped driver which do not exist.
  const std::set<std::string>& missing_volumes() const { return missing_; }

  // What each claim went through, a line a claim, the first seen first: "task pg.1 on a1.cluster, pgdata:
  // wanted live, not wanted unknown, not wanted dead".
  std::vector<std::string> timeline() const;
  // Volumes, where they are, who claims them, what is blocked: a line each.
  std::vector<std::string> end_state() const;

 private:
  // Somebody who uses a volume, by the recording's own words.
  struct Use {
    std::string volume;
    std::string agent;  // Mesos' id
    std::string framework;
    std::string executor;
    replay::Millis since = 0;
  };

  replay::Millis recorded_now() const;
  Instant when(replay::Millis recorded) const;
  void connect();
  void deliver_due();
  void push(const std::string& record);
  void close(const std::string& why);
  void note_uses(const replay::Recording& recording);

  void answer_poll(const reconcilers::PollMaster& wish) override;
  void answer_agent(const reconcilers::ReadAgent& wish) override;
  void before_call(const OperationCall& call) override;
  MesosEvent read(const reconcilers::ReadAgent& wish, const std::string& endpoint);
  replay::Reply ask(const std::string& endpoint, const std::string& path, const std::string& body) const;
  void later(Duration by, MesosEvent event);
  std::optional<replay::Millis> listed_after(const std::string& endpoint, const Use& use,
                                             replay::Millis at) const;
  void after_step() override;

  PlayOptions options_;
  replay::History history_;
  replay::Addresses addresses_;
  replay::Credentials credentials_;
  replay::Answers answers_;
  ingest::IngestCounters counters_;

  Instant start_;  // of the recording's clock
  replay::Millis start_recorded_ = 0;
  bool connected_ = false;
  Instant reconnect_at_;
  std::unique_ptr<ingest::RecordDecoder> decoder_;
  replay::StreamPlan plan_;
  std::size_t next_piece_ = 0;
  std::string unframed_;  // bytes of a record that is not whole yet
  std::size_t records_ = 0;
  std::multimap<Instant, MesosEvent> later_;
  std::set<std::string> missing_;
  std::vector<Use> uses_;
  std::vector<std::pair<ClaimId, std::string>> claims_;  // what timeline() says
  std::map<ClaimId, std::string> claim_now_;
  std::map<std::string, std::string> endpoint_of_agent_;
};

}  // namespace extvold::testing
