// What an endpoint answers to one HTTP request at a moment: the recorded row, or the error that Mesos' own
// checks give. Never an invented answer: what the recording has no row for is 501 or 404, with a note for the
// operator. Pure; the referenced parts must outlive it.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/replay/addresses.h"
#include "tests/replay/credentials.h"
#include "tests/replay/history.h"

namespace extvold::replay {

struct Ask {
  std::string endpoint;
  std::string method;
  std::string path;  // unescaped, without query
  std::optional<std::string> content_type;
  std::optional<std::string> accept;
  std::optional<std::string> authorization;
  std::string body;
  std::optional<std::string> slave_id{};  // of GET /slaves: only this agent
};

struct Reply {
  enum class Kind {
    text,    // status, headers, body
    stream,  // SUBSCRIBE: the stream of `view`
    hang,    // accepted and never answered
    cut,     // the connection is closed without an answer
  };
  Kind kind = Kind::text;
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  int view = 0;
  std::string source;  // the recorded file, for the log
  std::string note;    // not empty: what the recording lacks; belongs on stderr
};

class Answers {
 public:
  Answers(const History& history, const Addresses& addresses, const Credentials& credentials)
      : history_(history), addresses_(addresses), credentials_(credentials) {}

  Reply answer(const Ask& ask, Moment at) const;

 private:
  Reply call(const Ask& ask, int view, Moment at) const;
  Reply plain_get(const Ask& ask, int view, Moment at) const;
  Reply subscribe(int view, Moment at) const;
  Reply metrics(const Row& row, Moment at) const;
  Reply redirect() const;
  Reply from_row(const Row& row) const;

  const History& history_;
  const Addresses& addresses_;
  const Credentials& credentials_;
};

}  // namespace extvold::replay
