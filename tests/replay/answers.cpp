#include "tests/replay/answers.h"

#include <algorithm>

namespace extvold::replay {
namespace {

constexpr const char* kJson = "application/json";
constexpr const char* kProtobuf = "application/x-protobuf";
constexpr const char* kText = "text/plain; charset=utf-8";

// All errors of a master or agent are plain sentences (libprocess http.hpp); without one, the status line and
// a full stop.
Reply error(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", kText);
  reply.body = std::move(body);
  return reply;
}

Reply lacking(int status, std::string body, std::string note) {
  Reply reply = error(status, std::move(body));
  reply.note = std::move(note);
  return reply;
}

Reply not_allowed(const std::string& allowed, const std::string& method) {
  Reply reply = error(405, "Expecting one of { '" + allowed + "' }, but received '" + method + "'");
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

// The process id of a master is `master`, of an agent `slave(1)`; its routes are found with and without it.
std::string without_process(const Ask& ask) {
  const std::string prefix = ask.endpoint == "m1" ? "/master/" : "/slave(1)/";
  return ask.path.starts_with(prefix) ? ask.path.substr(prefix.size() - 1) : ask.path;
}

bool accepts(const std::optional<std::string>& accept, std::string_view type) {
  if (!accept) return true;
  return accept->find(type) != std::string::npos || accept->find("*/*") != std::string::npos ||
         accept->find("application/*") != std::string::npos;
}

// As a master answers /slaves?slave_id=ID: its list with at most that one.
void keep_agent(std::string& body, const std::string& id) {
  Json answer = parse_json(body);
  const Json* all = find_path(answer, {"slaves"});
  if (all == nullptr || !all->is_array()) return;
  Json kept = Json::array();
  for (const Json& one : *all) {
    if (text_at(one, {"id"}) == id) kept.push_back(one);
  }
  answer["slaves"] = std::move(kept);
  body = dump_json(answer);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

// The checks of a v1 call before it is looked at, in the order of the real ones (reference section 1.1).
std::optional<Reply> refused_envelope(const Ask& ask) {
  if (ask.method != "POST") return not_allowed("POST", ask.method);
  if (!ask.content_type) return error(400, "Expecting 'Content-Type' to be present");
  if (*ask.content_type == kProtobuf) {
    return lacking(501, "501 Not Implemented.", "asked in protobuf: the recordings hold JSON only");
  }
  if (*ask.content_type != kJson) {  // verbatim: a charset parameter is refused too
    return error(415, std::string("Expecting 'Content-Type' of ") + kJson + " or " + kProtobuf);
  }
  return std::nullopt;
}

}  // namespace

Reply Answers::answer(const Ask& ask, Moment at) const {
  const bool master = ask.endpoint == "m1";
  const std::string path = without_process(ask);
  if (master && path == "/redirect") return redirect();  // the only route without an authentication realm
  int view = 0;
  if (master && history_.has_views()) {
    const auto selected = credentials_.view(ask.authorization);
    if (!selected) {
      Reply reply = from_row(*history_.recording().unauthorized);
      if (path != "/api/v1") {
        reply.headers.front().second = "Basic realm=\"mesos-master-readonly\"";
      }
      return reply;
    }
    view = *selected;
  }
  if (path == "/api/v1") return call(ask, view, at);
  return plain_get(ask, view, at);
}

Reply Answers::call(const Ask& ask, int view, Moment at) const {
  if (auto refused = refused_envelope(ask)) return std::move(*refused);
  const std::string what = ask.endpoint == "m1" ? "master::Call" : "agent::Call";
  const Json call = parse_json(ask.body);
  if (!call.is_object()) return error(400, "Failed to parse body into JSON: syntax error");
  const Json* type = find_path(call, {"type"});
  if (type == nullptr) return error(400, "Failed to validate " + what + ": Expecting 'type' to be present");
  if (!type->is_string())
    return error(400, "Failed to parse body into " + what + ": Not expecting a JSON number");
  if (!accepts(ask.accept, kJson)) {
    if (accepts(ask.accept, kProtobuf)) {
      return lacking(501, "501 Not Implemented.", "asked for protobuf: the recordings hold JSON only");
    }
    return error(406, std::string("Expecting 'Accept' to allow ") + kJson + " or " + kProtobuf);
  }
  const std::string name = type->get<std::string>();
  if (ask.endpoint == "m1" && name == "SUBSCRIBE") return subscribe(view, at);
  Json arguments;
  if (const Json* found = find_path(call, {lower(name).c_str()})) {
    if (!found->empty()) arguments = *found;
  }
  if (const Row* row = history_.row(ask.endpoint, name, arguments, view, at)) return from_row(*row);
  return lacking(501, "501 Not Implemented.", "no recorded answer to " + name + " of " + dump_json(call));
}

Reply Answers::plain_get(const Ask& ask, int view, Moment at) const {
  std::string path = ask.path;
  const Row* row = history_.row(ask.endpoint, path, Json(), view, at);
  if (row == nullptr) {
    path = without_process(ask);
    row = history_.row(ask.endpoint, path, Json(), view, at);
  }
  if (row == nullptr) return lacking(404, "404 Not Found.", "no recorded answer to " + ask.path);
  if (ask.method != "GET" && ask.method != "HEAD") return not_allowed("GET", ask.method);
  if (ask.endpoint == "m1" && path == "/metrics/snapshot") return metrics(*row, at);
  Reply reply = from_row(*row);
  if (ask.slave_id && path == "/slaves") keep_agent(reply.body, *ask.slave_id);
  return reply;
}

Reply Answers::subscribe(int view, Moment at) const {
  const Connection* connection = history_.connection(view, at.value_or(history_.start(view)));
  if (connection == nullptr) {
    if (const Row* row = history_.row("m1", "SUBSCRIBE", Json(), view, at)) return from_row(*row);
    Reply reply;
    reply.kind = Reply::Kind::cut;
    reply.note = "SUBSCRIBE while the recording has no stream open";
    return reply;
  }
  Reply reply;
  reply.kind = Reply::Kind::stream;
  reply.headers.emplace_back("Content-Type", connection->content_type);
  reply.view = view;
  return reply;
}

// Metrics were recorded every few seconds; a check of counts must not fail for that, so the gauges that
// follow from the state are those of T. They are the whole cluster's, whatever the caller may see: that is
// how a missing permission is found. With views that is the first connection's.
Reply Answers::metrics(const Row& row, Moment at) const {
  Reply reply = from_row(row);
  if (!at || row.status != 200) return reply;
  const Connection* connection = history_.connection(history_.has_views() ? 1 : 0, *at);
  Json answer = parse_json(row.body);
  if (connection == nullptr || !answer.is_object()) return reply;
  for (const auto& [gauge, value] : history_.state(*connection, *at).gauges()) {
    if (answer.contains(gauge)) answer[gauge] = value;
  }
  reply.body = dump_json(answer);
  return reply;
}

// The leader redirects to itself, without a scheme.
Reply Answers::redirect() const {
  Reply reply;
  reply.status = 307;
  reply.headers.emplace_back("Location", "//" + addresses_.of("m1"));
  return reply;
}

Reply Answers::from_row(const Row& row) const {
  Reply reply;
  reply.source = row.source;
  if (row.outcome == Outcome::timed_out) {
    reply.kind = Reply::Kind::hang;
    return reply;
  }
  reply.status = row.status;
  if (!row.www_authenticate.empty()) reply.headers.emplace_back("WWW-Authenticate", row.www_authenticate);
  if (!row.content_type.empty()) reply.headers.emplace_back("Content-Type", row.content_type);
  reply.body = row.content_type == kJson ? addresses_.rewrite(row.body) : row.body;
  return reply;
}

}  // namespace extvold::replay
