#include "tests/replay/recording.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <map>
#include <utility>

namespace extvold::replay {
namespace {

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return fail(Errc::not_found, "{}: cannot read it; is this a recording's folder?", path.string());
  return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

Result<std::vector<Json>> read_lines(const std::filesystem::path& path) {
  ASSIGN(const std::string text, read_file(path));
  std::vector<Json> lines;
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) end = text.size();
    Json line = parse_json(std::string_view(text).substr(begin, end - begin));
    if (!line.is_object() || !line.contains("t")) {
      return fail(Errc::invalid, "{}:{}: not a JSON object with a time `t`", path.string(), lines.size() + 1);
    }
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

Millis time_of(const Json& line) {
  const Json& t = line["t"];
  return t.is_number() ? std::llround(t.get<double>() * 1000.0) : 0;
}

int number_at(const Json& line, const char* key) {
  const Json* found = find_path(line, {key});
  return found != nullptr && found->is_number_integer() ? found->get<int>() : 0;
}

// The timeline names a plain GET after the file of its answer: "registrar1-registry".
std::string path_of(std::string call) {
  if (call == "registrar1-registry") return "/registrar(1)/registry";
  std::replace(call.begin(), call.end(), '-', '/');
  return "/" + call;
}

std::string argument_key(const std::string& call) {
  std::string key = call;
  std::transform(key.begin(), key.end(), key.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return key;
}

// An answer of an agent, by calls and fields that a master does not have.
bool from_agent(const Row& row) {
  if (row.call == "GET_CONTAINERS" || row.call == "GET_AGENT") return true;
  if (row.call == "GET_TASKS" || row.call == "GET_STATE") {
    return row.body.find("\"launched_tasks\"") != std::string::npos;
  }
  return row.call == "GET_EXECUTORS" && row.body.find("\"completed_executors\"") != std::string::npos;
}

Status load_body(const std::filesystem::path& folder, const Json& line, Row& row) {
  row.status = number_at(line, "status");
  row.source = text_at(line, {"file"});
  ASSIGN(row.body, read_file(folder / row.source));
  row.content_type = text_at(line, {"headers", "Content-Type"});
  row.www_authenticate = text_at(line, {"headers", "WWW-Authenticate"});
  if (row.content_type.empty() && !row.body.empty()) {
    row.content_type = row.status == 200 ? "application/json" : "text/plain; charset=utf-8";
  }
  return {};
}

Result<Row> poll_row(const std::filesystem::path& folder, const Json& line) {
  Row row;
  row.t = time_of(line);
  row.polled = true;
  row.endpoint = "m1";
  row.call = text_at(line, {"call"});
  const Json* request = find_path(line, {"request"});
  if (request == nullptr || request->is_null()) {
    row.call = path_of(row.call);
  } else if (const Json* arguments = find_path(*request, {argument_key(row.call).c_str()})) {
    row.arguments = *arguments;
  }
  TRY(load_body(folder, line, row));
  return row;
}

Status load_timeline(const std::filesystem::path& folder, Recording& recording) {
  ASSIGN(const std::vector<Json> lines, read_lines(folder / "timeline.jsonl"));
  for (const Json& line : lines) {
    const std::string action = text_at(line, {"action"});
    recording.end = std::max(recording.end, time_of(line));
    if (action == "scenario") {
      recording.name = text_at(line, {"name"});
      recording.about = text_at(line, {"about"});
    } else if (action == "poll") {
      ASSIGN(Row row, poll_row(folder, line));
      if (row.status == 401) {
        recording.unauthorized = std::move(row);
      } else {
        recording.rows.push_back(std::move(row));
      }
    } else {
      recording.actions.push_back({time_of(line), action, text_at(line, {"agent"})});
    }
  }
  return {};
}

Status load_watch(const std::filesystem::path& folder, Recording& recording) {
  ASSIGN(const std::vector<Json> lines, read_lines(folder / "watch.index"));
  std::map<std::string, std::string> addresses;
  for (const Json& line : lines) {
    Row row;
    row.t = time_of(line);
    row.endpoint = text_at(line, {"endpoint"});
    row.call = text_at(line, {"call"});
    addresses[row.endpoint] = text_at(line, {"address"});
    // The watch asked for nested and standalone containers; an answer to a call without that is another
    // answer.
    if (row.call == "GET_CONTAINERS") row.arguments = {{"show_nested", true}, {"show_standalone", true}};
    const std::string error = text_at(line, {"error"});
    if (error == "ConnectionRefusedError") {
      row.outcome = Outcome::refused;
    } else if (error == "TimeoutError") {
      row.outcome = Outcome::timed_out;
    } else if (!error.empty()) {
      return fail(Errc::invalid, "{}/watch.index: unknown error `{}` at t={} ms", folder.string(), error,
                  row.t);
    } else {
      TRY(load_body(folder, line, row));
    }
    recording.end = std::max(recording.end, row.t);
    recording.rows.push_back(std::move(row));
  }
  for (const auto& [name, address] : addresses) {
    const std::size_t colon = address.rfind(':');
    const int port = colon == std::string::npos ? 0 : std::atoi(address.c_str() + colon + 1);
    if (port <= 0 || port > 65535)
      return fail(Errc::invalid, "{}: `{}` is no address", folder.string(), address);
    Endpoint endpoint{name, address.substr(0, colon), static_cast<std::uint16_t>(port)};
    const auto where = endpoint.is_master() ? recording.endpoints.begin() : recording.endpoints.end();
    recording.endpoints.insert(where, std::move(endpoint));
  }
  if (recording.endpoints.empty() || !recording.endpoints.front().is_master()) {
    return fail(Errc::invalid, "{}/watch.index: no master `m1` in it", folder.string());
  }
  return {};
}

Status load_stream(const std::filesystem::path& folder, Recording& recording) {
  ASSIGN(const std::string bytes, read_file(folder / "stream.recordio"));
  ASSIGN(const std::vector<Json> lines, read_lines(folder / "stream.index"));
  std::map<int, Connection> connections;
  for (const Json& line : lines) {
    Connection& connection = connections[number_at(line, "connection")];
    const Millis t = time_of(line);
    recording.end = std::max(recording.end, t);
    if (line.contains("opened")) {
      connection.number = number_at(line, "connection");
      connection.opened = t;
      connection.content_type = text_at(line, {"headers", "Content-Type"});
    } else if (line.contains("closed")) {
      connection.closed = t;
    } else {
      const auto offset = static_cast<std::size_t>(number_at(line, "offset"));
      const auto length = static_cast<std::size_t>(number_at(line, "length"));
      if (offset > bytes.size() || length > bytes.size() - offset) {
        return fail(Errc::invalid, "{}/stream.index: a piece at {} beyond the end of the stream",
                    folder.string(), offset);
      }
      const std::size_t begin = connection.bytes.size();
      connection.bytes.append(bytes, offset, length);
      connection.pieces.push_back({t, begin, begin + length});
    }
  }
  for (auto& [number, connection] : connections) {
    auto records = split_records(connection.bytes, connection.pieces);
    if (!records) return wrap(records.error(), folder.string() + "/stream.recordio");
    connection.records = std::move(*records);
    if (connection.records.empty() || text_at(connection.records.front().value, {"type"}) != "SUBSCRIBED") {
      return fail(Errc::invalid, "{}: connection {} does not begin with SUBSCRIBED", folder.string(), number);
    }
    recording.connections.push_back(std::move(connection));
  }
  if (recording.connections.empty()) return fail(Errc::invalid, "{}: no connection in it", folder.string());
  return {};
}

// A poll of the timeline does not say whom it asked. What only an agent answers is given to the one agent
// that answered at all; with more of them it is left out: a wrong agent's answer would be an invented one.
void place_agent_polls(Recording& recording) {
  std::vector<std::string> agents;
  for (const Endpoint& endpoint : recording.endpoints) {
    const bool answers = std::any_of(recording.rows.begin(), recording.rows.end(), [&](const Row& row) {
      return row.endpoint == endpoint.name && row.outcome == Outcome::answered && row.status == 200;
    });
    if (!endpoint.is_master() && answers) agents.push_back(endpoint.name);
  }
  std::erase_if(recording.rows, [&](Row& row) {
    if (!row.polled || row.outcome != Outcome::answered || !from_agent(row)) return false;
    if (agents.size() == 1) {
      row.endpoint = agents.front();
      return false;
    }
    recording.remarks.push_back(row.source + ": left out, it does not say which of several agents answered");
    return true;
  });
}

}  // namespace

Result<std::vector<StreamRecord>> split_records(const std::string& bytes, const std::vector<Piece>& pieces) {
  std::vector<StreamRecord> records;
  std::size_t begin = 0;
  auto piece = pieces.begin();
  while (begin < bytes.size()) {
    const std::size_t newline = bytes.find('\n', begin);
    if (newline == std::string::npos) break;  // the connection broke inside a length
    std::size_t length = 0;
    for (std::size_t i = begin; i < newline; ++i) {
      if (bytes[i] < '0' || bytes[i] > '9' || length > bytes.size()) {
        return fail(Errc::invalid, "offset {}: no record length", begin);
      }
      length = length * 10 + static_cast<std::size_t>(bytes[i] - '0');
    }
    const std::size_t body = newline + 1;
    if (length > bytes.size() - body) break;  // the connection broke inside a record
    const std::size_t end = body + length;
    while (piece != pieces.end() && piece->end < end) ++piece;
    Json value = parse_json(std::string_view(bytes).substr(body, length));
    if (!value.is_object()) return fail(Errc::invalid, "offset {}: the record is no JSON object", begin);
    records.push_back({piece == pieces.end() ? 0 : piece->t, begin, end, std::move(value)});
    begin = end;
  }
  return records;
}

Result<Recording> load_recording(const std::filesystem::path& folder) {
  Recording recording;
  TRY(load_timeline(folder, recording));
  TRY(load_watch(folder, recording));
  TRY(load_stream(folder, recording));
  place_agent_polls(recording);
  std::stable_sort(recording.rows.begin(), recording.rows.end(),
                   [](const Row& a, const Row& b) { return a.t < b.t; });
  std::stable_sort(recording.actions.begin(), recording.actions.end(),
                   [](const Action& a, const Action& b) { return a.t < b.t; });
  return recording;
}

}  // namespace extvold::replay
