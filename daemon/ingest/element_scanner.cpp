#include "daemon/ingest/element_scanner.h"

#include <algorithm>
#include <utility>

#include "daemon/ingest/printable.h"

namespace extvold::ingest {

namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool is_atom(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' || c == 'E';
}

const Node* find_node(std::span<const Node> nodes, std::string_view key) {
  for (const Node& node : nodes) {
    if (node.key == key) return &node;
  }
  return nullptr;
}

}  // namespace

void ElementScanner::begin(std::span<const Node> root) {
  levels_.clear();
  levels_.push_back({nullptr, root, 0});
  state_ = State::root;
  node_ = nullptr;
  key_.clear();
  held_.clear();
  capture_ = dropping_ = false;
  cursor_ = piece_begin_ = piece_end_ = nullptr;
  offset_ = 0;
}

void ElementScanner::feed(std::string_view piece) {
  offset_ += static_cast<std::uint64_t>(piece_end_ - piece_begin_);
  piece_begin_ = cursor_ = value_begin_ = piece.data();
  piece_end_ = piece.data() + piece.size();
}

Result<ScanPart> ElementScanner::next() {
  ScanPart part;
  while (cursor_ != piece_end_) {
    TRY(advance(part));
    if (part.kind != ScanPart::Kind::need_more) return part;
  }
  if (capture_) TRY(hold());
  return part;
}

Status ElementScanner::advance(ScanPart& part) {
  if (state_ == State::in_key) return read_key(part);
  if (state_ >= State::nest && state_ <= State::atom) return read_value(part);
  while (is_space(*cursor_)) {
    if (++cursor_ == piece_end_) return {};
  }
  const char c = *cursor_;
  switch (state_) {
    case State::root:
      if (c != '{') return corrupt("an object was expected");
      state_ = State::first_key;
      break;
    case State::first_key:
      if (c == '}') {
        close_level();
        break;
      }
      [[fallthrough]];
    case State::key:
      if (c != '"') return corrupt("a key was expected");
      key_.clear();
      escaped_ = false;
      state_ = State::in_key;
      break;
    case State::colon:
      if (c != ':') return corrupt("':' was expected");
      state_ = State::value;
      break;
    case State::first_value:
      if (c == ']') {
        close_level();
        break;
      }
      [[fallthrough]];
    case State::value:
      return begin_value(c, part);
    case State::after_value:
      TRY(after_value(c));
      break;
    case State::done:
      return corrupt("more than one value");
    case State::in_key:
    case State::nest:
    case State::string:
    case State::atom:
      break;  // handled above
  }
  ++cursor_;
  return {};
}

Status ElementScanner::after_value(char c) {
  Level& level = levels_.back();
  const bool array = level.node != nullptr && level.node->shape == Node::Shape::array;
  if (c == ',') {
    ++level.index;
    state_ = array ? State::value : State::key;
  } else if (c == (array ? ']' : '}')) {
    close_level();
  } else {
    return corrupt(array ? "',' or ']' was expected" : "',' or '}' was expected");
  }
  return {};
}

void ElementScanner::close_level() {
  levels_.pop_back();
  state_ = levels_.empty() ? State::done : State::after_value;
  node_ = nullptr;
  key_.clear();
}

Status ElementScanner::read_key(ScanPart& part) {
  for (; cursor_ != piece_end_; ++cursor_) {
    const char c = *cursor_;
    if (!escaped_ && c == '"') {
      ++cursor_;
      return end_key(part);
    }
    escaped_ = !escaped_ && c == '\\';
    if (key_.size() < kMaxKeyBytes) key_.push_back(c);
  }
  return {};
}

Status ElementScanner::end_key(ScanPart& part) {
  state_ = State::colon;
  node_ = find_node(levels_.back().children, key_);
  if (node_ == nullptr) {
    part.kind = ScanPart::Kind::unknown;
    part.json = key_;
  }
  return {};
}

// A value of the wrong kind is an error, but `null` counts as absent (protobuf never writes it).
Status ElementScanner::begin_value(char c, ScanPart& part) {
  const Level& level = levels_.back();
  if (level.node != nullptr && level.node->shape == Node::Shape::array) {
    node_ = level.node;
    return begin_plain_value(c, true);
  }
  if (node_ == nullptr || c == 'n') return begin_plain_value(c, false);
  switch (node_->shape) {
    case Node::Shape::object:
      if (c != '{') return corrupt("an object was expected");
      state_ = State::first_key;
      part.kind = ScanPart::Kind::entered;
      part.place = node_->place;
      break;
    case Node::Shape::array:
      if (c != '[') return corrupt("an array was expected");
      state_ = State::first_value;
      break;
    case Node::Shape::value:
      return begin_plain_value(c, true);
  }
  levels_.push_back({node_, node_->children, 0});
  key_.clear();
  ++cursor_;
  return {};
}

Status ElementScanner::begin_plain_value(char c, bool capture) {
  held_.clear();
  if (held_.capacity() > kKeepBytes) held_.shrink_to_fit();
  capture_ = capture;
  dropping_ = false;
  value_begin_ = cursor_;
  if (c == '{' || c == '[') {
    nest_.begin();
    state_ = State::nest;
  } else if (c == '"') {
    escaped_ = false;
    state_ = State::string;
    ++cursor_;
  } else if (is_atom(c)) {
    state_ = State::atom;
  } else {
    return corrupt("a value was expected");
  }
  return {};
}

Status ElementScanner::read_value(ScanPart& part) {
  bool ended = false;
  if (state_ == State::nest) {
    TRY(read_nest(ended));
  } else if (state_ == State::string) {
    read_string(ended);
  } else {
    TRY(read_atom(ended));
  }
  return ended ? end_value(part) : Status{};
}

Status ElementScanner::read_nest(bool& ended) {
  const auto left = static_cast<std::size_t>(piece_end_ - cursor_);
  const NestSkipper::Progress progress = nest_.feed({cursor_, left});
  cursor_ += progress.used;
  if (progress.end == NestSkipper::End::too_deep) return corrupt("nested too deep");
  ended = progress.end == NestSkipper::End::found;
  return {};
}

void ElementScanner::read_string(bool& ended) {
  for (; cursor_ != piece_end_ && !ended; ++cursor_) {
    ended = !escaped_ && *cursor_ == '"';
    escaped_ = !escaped_ && *cursor_ == '\\';
  }
}

Status ElementScanner::read_atom(bool& ended) {
  while (cursor_ != piece_end_ && is_atom(*cursor_)) ++cursor_;
  if (cursor_ == piece_end_) return {};
  const char c = *cursor_;
  if (c != ',' && c != '}' && c != ']' && !is_space(c)) return corrupt("a number or literal was expected");
  ended = true;
  return {};
}

Status ElementScanner::end_value(ScanPart& part) {
  state_ = State::after_value;
  if (!capture_) return {};
  part.kind = ScanPart::Kind::value;
  part.place = node_->place;
  const std::string_view text(value_begin_, static_cast<std::size_t>(cursor_ - value_begin_));
  const std::size_t bound = node_->left_out.empty() ? max_element_bytes_ : whole_bytes_;
  if (held_.empty() && text.size() <= bound) {
    part.json = text;
  } else {
    TRY(hold());
    part.copied = true;
    part.json = held_;
  }
  capture_ = false;
  return {};
}

// Keeps what this piece has of the present value. Whether something is left out depends on the value's whole
// size alone, so that it makes no difference how it was split.
Status ElementScanner::hold() {
  const std::string_view more(value_begin_, static_cast<std::size_t>(cursor_ - value_begin_));
  value_begin_ = cursor_;
  if (!dropping_ && (node_->left_out.empty() || held_.size() + more.size() <= whole_bytes_)) {
    if (more.size() > max_element_bytes_ || held_.size() + more.size() > max_element_bytes_)
      return too_large();
    held_.append(more);
    return {};
  }
  if (!dropping_) {
    dropping_ = true;
    dropper_.begin(node_->left_out);
    TRY(hold_part(std::exchange(held_, {})));
  }
  return hold_part(more);
}

Status ElementScanner::hold_part(std::string_view bytes) {
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), kStepBytes))) {
    dropper_.feed(bytes.substr(0, kStepBytes), held_);
    if (held_.size() > max_element_bytes_) return too_large();
  }
  return {};
}

tl::unexpected<Error> ElementScanner::too_large() const {
  return corrupt(fmt::format("an element of more than {} bytes, which is the bound for one element,",
                             max_element_bytes_));
}

Status ElementScanner::finish() const {
  if (state_ == State::done) return {};
  return corrupt("the record ends too early");
}

std::string ElementScanner::where() const {
  std::string path;
  for (const Level& level : levels_) {
    if (level.node == nullptr) continue;
    if (!path.empty()) path += '.';
    path += level.node->key;
    if (level.node->shape == Node::Shape::array) path += fmt::format("[{}]", level.index);
  }
  if (!key_.empty()) {
    if (!path.empty()) path += '.';
    path += printable(key_, 64);
  }
  return path.empty() ? "record" : path;
}

tl::unexpected<Error> ElementScanner::corrupt(std::string_view what) const {
  const std::uint64_t at = offset_ + static_cast<std::uint64_t>(cursor_ - piece_begin_);
  const bool more = cursor_ != piece_end_;
  return fail(Errc::corrupt, "{}: {} at byte {}{}{}{}", where(), what, at, more ? ", found \"" : "",
              more ? printable({cursor_, static_cast<std::size_t>(piece_end_ - cursor_)}, kShownBytes) : "",
              more ? "\"" : "");
}

}  // namespace extvold::ingest
