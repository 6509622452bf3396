// Fingerprint: the name of a state. Two states get the same one if nothing that can happen from then on tells
// them apart (`--verify` tries that).
//
// A value that is filled once and read once. Numbers count as they are. Of ids, generations and sequences
// only their order counts, among those of their kind and volume, because nothing ever computes with them: the
// third claim of a volume is the third whether its number is 7 or 70. Instants are put in as what is asked of
// them: whether one is later than another, how long ago it was, in how long it will be.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/instant.h"

namespace extvold::small_world {

// Two are equal if their states are, but for the chance of 128 bits.
using StateName = std::array<std::uint64_t, 2>;

class Fingerprint {
 public:
  enum class Order : std::uint8_t { claim, evidence, fence, generation, sequence, due, count_ };

  explicit Fingerprint(Instant now) : now_(now) { tokens_.reserve(512); }
  Instant now() const { return now_; }

  void number(std::int64_t value) { tokens_.push_back({kNumber, value}); }
  void flag(bool value) { number(value ? 1 : 0); }
  template <typename E>
  void value(E one) {
    number(static_cast<std::int64_t>(one));
  }
  void text(std::string_view text);
  // Of this volume; 0: of none. Value 0: none, which stays apart from all others.
  void ordered(Order order, std::int64_t volume, std::int64_t value);
  void span(Duration span, Duration most);
  // How long ago, up to `most`; what lies ahead counts as that. 0: none.
  void ago(Instant at, Duration most);
  // In how long, up to "never" of these worlds; what is past is due.
  void due(Instant at);

  StateName name();

 private:
  static constexpr std::uint8_t kNumber = 100;
  static constexpr std::uint8_t kVolumesMax = 4;
  struct Token {
    std::uint8_t type;
    std::int64_t value;
  };
  struct Ranked {
    std::uint8_t type;
    std::int64_t value;
    std::uint32_t token;
  };

  void rank();

  Instant now_;
  std::vector<Token> tokens_;
  std::vector<Ranked> ranked_;
};

}  // namespace extvold::small_world
