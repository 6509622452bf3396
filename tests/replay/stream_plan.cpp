#include "tests/replay/stream_plan.h"

#include <algorithm>
#include <utility>

namespace extvold::replay {
namespace {

struct Framed {
  const StreamRecord* recorded;
  std::string bytes;
};

// Where byte `offset` of the recorded frame lies in the rewritten one: exactly there if its length is the
// same.
std::size_t scaled(const Framed& framed, std::size_t offset) {
  const std::size_t was = framed.recorded->end - framed.recorded->begin;
  return offset * framed.bytes.size() / was;
}

// The recorded pieces from byte `from` (a record's border) on, with the records' rewritten bytes.
std::vector<TimedPiece> recorded_pieces(const Connection& connection, const std::vector<Framed>& records,
                                        std::size_t from) {
  std::vector<TimedPiece> pieces;
  for (const Piece& piece : connection.pieces) {
    const std::size_t begin = std::max(piece.begin, from);
    if (begin >= piece.end) continue;
    TimedPiece timed{piece.t, {}, false, false};
    for (const Framed& framed : records) {
      const std::size_t first = std::max(begin, framed.recorded->begin);
      const std::size_t last = std::min(piece.end, framed.recorded->end);
      if (first >= last) continue;
      const std::size_t a = scaled(framed, first - framed.recorded->begin);
      const std::size_t b = scaled(framed, last - framed.recorded->begin);
      timed.bytes += framed.bytes.substr(a, b - a);
      timed.ends_record = last == framed.recorded->end;
      timed.is_heartbeat = timed.ends_record && text_at(framed.recorded->value, {"type"}) == "HEARTBEAT";
    }
    // What follows the last whole record: the recorded connection broke there.
    const std::size_t whole = connection.records.back().end;
    if (piece.end > whole) {
      timed.bytes += connection.bytes.substr(std::max(begin, whole), piece.end - std::max(begin, whole));
      timed.ends_record = false;
    }
    pieces.push_back(std::move(timed));
  }
  return pieces;
}

}  // namespace

const char* const kHeartbeat = "20\n{\"type\":\"HEARTBEAT\"}";

std::string frame(const std::string& record) { return std::to_string(record.size()) + "\n" + record; }

StreamPlan plan_stream(const History& history, const Addresses& addresses, const Connection& connection,
                       Millis at) {
  StreamPlan plan;
  plan.cut = connection.closed;
  std::vector<Framed> framed;
  std::size_t past = 0;  // where the records end that are in the state at `at`
  for (const StreamRecord& record : connection.records) {
    if (record.t <= at) past = record.end;
    const std::string recorded = connection.bytes.substr(record.begin, record.end - record.begin);
    if (addresses.rewrites()) {
      const std::size_t body = recorded.find('\n') + 1;
      framed.push_back({&record, frame(addresses.rewrite(std::string_view(recorded).substr(body)))});
    } else {
      framed.push_back({&record, recorded});
    }
  }
  if (past <= connection.records.front().end) {  // nothing but SUBSCRIBED by then: as recorded
    plan.pieces = recorded_pieces(connection, framed, 0);
    // A view that was recorded later than its subscriber comes answers at once, as at its first good row.
    if (at < connection.opened) {
      const Millis first = connection.records[std::min<std::size_t>(1, connection.records.size() - 1)].t;
      for (TimedPiece& piece : plan.pieces) {
        if (piece.t <= first) piece.t = at;
      }
    }
    return plan;
  }
  Json subscribed = history.state(connection, at).subscribed();
  if (addresses.rewrites()) addresses.rewrite(subscribed);
  plan.pieces.push_back({at, frame(dump_json(subscribed)), true, false});
  plan.pieces.push_back({at, kHeartbeat, true, true});
  for (TimedPiece& piece : recorded_pieces(connection, framed, past)) {
    piece.t = std::max(piece.t, at);
    plan.pieces.push_back(std::move(piece));
  }
  return plan;
}

}  // namespace extvold::replay
