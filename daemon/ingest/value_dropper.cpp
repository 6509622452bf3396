#include "daemon/ingest/value_dropper.h"

#include <algorithm>

namespace extvold::ingest {

namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

}  // namespace

void ValueDropper::begin(std::span<const LeftOut> left_out) {
  left_out_ = left_out;
  state_ = State::structure;
  depth_ = 0;
  escaped_ = false;
}

void ValueDropper::feed(std::string_view bytes, std::string& out) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  while (at != end) {
    const char* const from = at;
    switch (state_) {
      case State::structure:
        at = pass_structure(at, end, out);
        break;
      case State::string:
        at = pass_string(at, end);
        out.append(from, at);
        if (state_ == State::after_string) string_end_ = out.size() - 1;
        break;
      case State::after_string:  // a string that ':' follows is a key
        while (at != end && is_space(*at)) ++at;
        if (at != end) state_ = State::structure;
        if (at != end && *at == ':') {
          ++at;
          const std::string_view text(out);
          if (is_left_out(text.substr(string_at_, string_end_ - string_at_))) state_ = State::value;
        }
        out.append(from, at);
        break;
      case State::value:
        while (at != end && is_space(*at)) ++at;
        out.append(from, at);
        if (at != end) at = begin_value(at, out);
        break;
      case State::dropped_nest: {
        const NestSkipper::Progress progress = nest_.feed({at, static_cast<std::size_t>(end - at)});
        // Too deep it cannot be: the scanner counted the same brackets, from further out.
        at += progress.used;
        if (progress.end != NestSkipper::End::not_yet) state_ = State::structure;
        break;
      }
      case State::dropped_string:
        at = pass_string(at, end);
        break;
    }
  }
}

const char* ValueDropper::pass_structure(const char* at, const char* end, std::string& out) {
  const char* const from = at;
  while (at != end && state_ == State::structure) {
    const char c = *at++;
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    if (c == '"') state_ = State::string;
  }
  out.append(from, at);
  string_at_ = out.size();
  return at;
}

// To behind the closing quote, or to the end.
const char* ValueDropper::pass_string(const char* at, const char* end) {
  for (; at != end; ++at) {
    if (!escaped_ && *at == '"') {
      state_ = state_ == State::string ? State::after_string : State::structure;
      return at + 1;
    }
    escaped_ = !escaped_ && *at == '\\';
  }
  return at;
}

// A number or literal is small, and whatever is no value is for the parser to refuse: both are copied.
const char* ValueDropper::begin_value(const char* at, std::string& out) {
  state_ = State::structure;
  if (*at == '{' || *at == '[') {
    nest_.begin();
    state_ = State::dropped_nest;
  } else if (*at == '"') {
    state_ = State::dropped_string;
    ++at;
  }
  if (state_ != State::structure) out += "null";
  return at;
}

bool ValueDropper::is_left_out(std::string_view key) const {
  return std::any_of(left_out_.begin(), left_out_.end(),
                     [&](const LeftOut& one) { return one.depth == depth_ && one.key == key; });
}

}  // namespace extvold::ingest
