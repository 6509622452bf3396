// ElementScanner: one record or answer, split anywhere, into its elements: each task, agent, executor,
// framework or event by itself, with its place. What no table names is skipped and never held, so memory is
// one element plus the piece at hand. From an element of more than a sixteenth of the bound, what its node
// names to be left out is dropped as it comes; the bound then holds for the rest.
//
// It reads only the few levels that the table of places describes; the inside of an element is passed over by
// NestSkipper and checked when the element is parsed. The order of keys does not matter. Errc::corrupt: no
// JSON, or not of the shape that the table says, or an element beyond the bound; the message has the place
// and the offset in the record.
//
// Use: begin(), then for each piece feed() and next() until need_more, then finish(). Not thread safe; the
// views in a Part live until the next call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/ingest/nest_skipper.h"
#include "daemon/ingest/places.h"
#include "daemon/ingest/value_dropper.h"
#include "model/result.h"

namespace extvold::ingest {

struct ScanPart {
  enum class Kind : std::uint8_t {
    need_more,  // the piece is used up
    entered,    // an object of the table begins
    value,      // `json` is a value or an element of an array
    unknown,    // a key that is not in the table, in `json`; its value is skipped
  };
  Kind kind = Kind::need_more;
  Place place = Place::none;
  bool copied = false;  // the value lay across two pieces, or parts of it were left out
  std::string_view json;
};

class ElementScanner {
 public:
  static constexpr std::size_t kDefaultMaxElementBytes = std::size_t{16} << 20;

  explicit ElementScanner(std::size_t max_element_bytes = kDefaultMaxElementBytes)
      : max_element_bytes_(max_element_bytes), whole_bytes_(max_element_bytes / 16) {}

  void begin(std::span<const Node> root);
  void feed(std::string_view piece);
  Result<ScanPart> next();
  // The record is over: Errc::corrupt if its JSON is not.
  Status finish() const;

  // "get_tasks.tasks[17]", for error messages.
  std::string where() const;

 private:
  enum class State : std::uint8_t {
    root,       // '{' of the whole
    first_key,  // a key or '}'
    key,        // a key
    in_key,
    colon,
    value,
    first_value,  // a value or ']'
    after_value,  // ',' or the end of the level
    nest,         // inside a value, by its kind
    string,
    atom,
    done,
  };
  struct Level {
    const Node* node = nullptr;  // nullptr: the whole
    std::span<const Node> children;
    std::uint64_t index = 0;  // of the present element, in an array
  };

  Status advance(ScanPart& part);
  Status begin_value(char c, ScanPart& part);
  Status begin_plain_value(char c, bool capture);
  Status end_key(ScanPart& part);
  Status read_key(ScanPart& part);
  Status read_value(ScanPart& part);
  Status read_nest(bool& ended);
  void read_string(bool& ended);
  Status read_atom(bool& ended);
  Status end_value(ScanPart& part);
  Status after_value(char c);
  Status hold();
  Status hold_part(std::string_view bytes);
  tl::unexpected<Error> too_large() const;
  void close_level();
  tl::unexpected<Error> corrupt(std::string_view what) const;

  std::size_t max_element_bytes_;
  std::size_t whole_bytes_;  // a larger element loses what is to be left out
  NestSkipper nest_;
  ValueDropper dropper_;
  std::vector<Level> levels_;
  State state_ = State::done;
  bool escaped_ = false;        // in a key or string: the next byte follows a backslash
  bool capture_ = false;        // the present value is handed on
  bool dropping_ = false;       // and larger than whole_bytes_
  const Node* node_ = nullptr;  // of the present key
  std::string key_;             // the present key, cut to kMaxKeyBytes
  const char* cursor_ = nullptr;
  const char* piece_begin_ = nullptr;
  const char* piece_end_ = nullptr;
  const char* value_begin_ = nullptr;  // of what lies in this piece of the present value
  std::string held_;                   // what came of it in earlier pieces
  std::uint64_t offset_ = 0;           // of piece_begin_ in the record

  static constexpr std::size_t kMaxKeyBytes = 128;
  static constexpr std::size_t kKeepBytes = std::size_t{1} << 20;   // held_ is given back beyond this
  static constexpr std::size_t kStepBytes = std::size_t{64} << 10;  // that held_ may outgrow the bound
};

}  // namespace extvold::ingest
