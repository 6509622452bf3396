// FrameReader: RecordIO bytes, split anywhere, into records, without ever holding one.
//
// RecordIO (reference: Mesos stout recordio.hpp, docs/recordio.md): a decimal ASCII length, '\n', that many
// bytes, repeated. Empty lines before a length are skipped, as the pseudo code of the Mesos documentation
// does. A record is handed on piece by piece: a SUBSCRIBED record can be hundreds of megabytes. The chunked
// HTTP coding is gone before bytes come here.
//
// One reader per connection; a plain value, no thread of its own. After an error the reader is dead: the
// stream has no way to find the next record, so the connection must be dropped.
#pragma once

#include <cstdint>
#include <string_view>

#include "model/result.h"

namespace extvold::ingest {

struct FramePart {
  enum class Kind : std::uint8_t {
    need_more,  // the input is used up
    began,      // `length` bytes of a record follow
    bytes,      // `bytes`: the next piece of it, never empty, a view of the input
    ended,      // the record is complete
  };
  Kind kind = Kind::need_more;
  std::uint64_t length = 0;
  std::string_view bytes;
};

class FrameReader {
 public:
  // `max_record_bytes` bounds what a length line may say; memory is bounded by the element scanner, not here.
  explicit FrameReader(std::uint64_t max_record_bytes = kDefaultMaxRecordBytes)
      : max_record_bytes_(max_record_bytes) {}

  // The next part; what it covers is removed from the front of `input`. Call until need_more. Errc::corrupt:
  // not RecordIO; the message has the offset in the stream and what stood there.
  Result<FramePart> next(std::string_view& input);

  // True between records, where a connection may end without loss.
  bool at_boundary() const { return state_ == State::length && digits_ == 0; }
  std::uint64_t offset() const { return offset_; }

  static constexpr std::uint64_t kDefaultMaxRecordBytes = std::uint64_t{4} << 30;

 private:
  enum class State : std::uint8_t { length, body, end, dead };

  Result<FramePart> read_length(std::string_view& input);
  tl::unexpected<Error> corrupt(std::string_view found);

  std::uint64_t max_record_bytes_;
  std::uint64_t offset_ = 0;  // bytes of this stream so far
  std::uint64_t left_ = 0;    // of the present record, or the length read so far
  int digits_ = 0;
  State state_ = State::length;
};

}  // namespace extvold::ingest
