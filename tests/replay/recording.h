// One recorded scenario (a folder of tests/data/mesos), read whole into memory. Values; immutable once
// loaded, any thread.
//
// What the files mean is said in tests/replay/README.md. Times are milliseconds on the recording's own clock.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "model/result.h"
#include "tests/replay/json.h"

namespace extvold::replay {

using Millis = std::int64_t;

struct Endpoint {
  std::string name;  // "m1" is the master, all others are agents
  std::string ip;
  std::uint16_t port = 0;

  bool is_master() const { return name == "m1"; }
};

// A piece of a response body as it arrived: bytes [begin, end) of Connection::bytes.
struct Piece {
  Millis t = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// One RecordIO record: its length line and its JSON are bytes [begin, end); t is when its last byte arrived.
struct StreamRecord {
  Millis t = 0;
  std::size_t begin = 0;
  std::size_t end = 0;
  Json value;
};

// One recorded SUBSCRIBE response.
struct Connection {
  int number = 0;
  Millis opened = 0;
  std::optional<Millis> closed;  // absent: still open at the recording's end
  std::string content_type;
  std::string bytes;
  std::vector<Piece> pieces;
  std::vector<StreamRecord> records;  // whole ones only
};

enum class Outcome { answered, refused, timed_out };

// One call to one endpoint and what came of it, from `polls` or `watch`.
struct Row {
  Millis t = 0;
  std::string endpoint;
  std::string call;     // "GET_TASKS", or the path of a plain GET: "/metrics/snapshot"
  Json arguments;       // of a v1 call beside its type; null if there were none
  bool polled = false;  // from the timeline, not from the watch
  int view =
      0;  // of a master that asks for credentials: the connection whose credential asked; 0: all see the same
  Outcome outcome = Outcome::answered;
  int status = 0;
  std::string content_type;
  std::string www_authenticate;
  std::string body;
  std::string source;  // the file, for messages
};

struct Action {
  Millis t = 0;
  std::string name;      // "freeze", "master dies"
  std::string endpoint;  // the agent it happens to, if any
};

struct Recording {
  std::string name;
  std::string about;
  std::vector<Endpoint> endpoints;  // the master first
  std::vector<Connection> connections;
  std::vector<Row> rows;  // by time; without the refusals for want of credentials
  std::vector<Action> actions;
  std::optional<Row> unauthorized;  // how the master answers without credentials; absent: it asks for none
  Millis end = 0;
  std::vector<std::string> remarks;  // what was left out, and why
};

// Errors: not_found (no such folder or file), invalid (a file is not what README.md says; the message names
// file and line).
Result<Recording> load_recording(const std::filesystem::path& folder);

// The whole records of a body that arrived in `pieces`. Errors: invalid.
Result<std::vector<StreamRecord>> split_records(const std::string& bytes, const std::vector<Piece>& pieces);

}  // namespace extvold::replay
