#include "daemon/ingest/frame_reader.h"

#include <algorithm>

#include "daemon/ingest/printable.h"
#include "model/check.h"

namespace extvold::ingest {

namespace {

constexpr int kMaxDigits = 19;  // 10^19 - 1 still fits 64 bits

}  // namespace

Result<FramePart> FrameReader::next(std::string_view& input) {
  switch (state_) {
    case State::length:
      return read_length(input);
    case State::body: {
      if (input.empty()) return FramePart{};
      const std::size_t n = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      FramePart part{FramePart::Kind::bytes, 0, input.substr(0, n)};
      input.remove_prefix(n);
      offset_ += n;
      left_ -= n;
      if (left_ == 0) state_ = State::end;
      return part;
    }
    case State::end:
      state_ = State::length;
      return FramePart{FramePart::Kind::ended, 0, {}};
    case State::dead:
      return fail(Errc::corrupt, "stream: read again after a broken frame; drop the connection");
  }
  EXTVOLD_UNREACHABLE();
}

Result<FramePart> FrameReader::read_length(std::string_view& input) {
  while (!input.empty()) {
    const char c = input.front();
    if (c >= '0' && c <= '9') {
      if (digits_ == kMaxDigits) return corrupt(input);
      left_ = left_ * 10 + static_cast<std::uint64_t>(c - '0');
      ++digits_;
    } else if (c == '\n') {
      if (digits_ > 0) {
        if (left_ > max_record_bytes_) {
          state_ = State::dead;
          return fail(Errc::corrupt,
                      "stream: at byte {} a record of {} bytes is announced; the bound is {} bytes", offset_,
                      left_, max_record_bytes_);
        }
        input.remove_prefix(1);
        ++offset_;
        digits_ = 0;
        const std::uint64_t length = left_;
        state_ = length == 0 ? State::end : State::body;
        return FramePart{FramePart::Kind::began, length, {}};
      }
    } else {
      return corrupt(input);
    }
    input.remove_prefix(1);
    ++offset_;
  }
  return FramePart{};
}

tl::unexpected<Error> FrameReader::corrupt(std::string_view found) {
  state_ = State::dead;
  return fail(Errc::corrupt,
              "stream: at byte {} a record's length (decimal digits, newline) was expected, found \"{}\"",
              offset_, printable(found, kShownBytes));
}

}  // namespace extvold::ingest
