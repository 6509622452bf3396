// KeySet: which of the known words is this? A perfect hash made by the compiler, because a snapshot of
// 200,000 tasks asks eight million times.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

namespace extvold::ingest {

// Equal bytes, without a call: the words are short.
inline bool same_bytes(const char* a, const char* b, std::size_t n) {
  const auto differ = [](const char* x, const char* y, auto word) {
    auto other = word;
    std::memcpy(&word, x, sizeof word);
    std::memcpy(&other, y, sizeof other);
    return word != other;
  };
  if (n >= 8) {
    std::size_t i = 0;
    for (; i + 8 <= n; i += 8) {
      if (differ(a + i, b + i, std::uint64_t{})) return false;
    }
    return !differ(a + n - 8, b + n - 8, std::uint64_t{});
  }
  if (n >= 4) return !differ(a, b, std::uint32_t{}) && !differ(a + n - 4, b + n - 4, std::uint32_t{});
  for (std::size_t i = 0; i < n; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// key == "word", where N is known.
template <std::size_t N>
bool is_key(std::string_view key, const char (&word)[N]) {
  return key.size() == N - 1 && same_bytes(key.data(), word, N - 1);
}

// Word must be an enum whose zero means: none of them.
template <typename Word, std::size_t N>
class KeySet {
 public:
  using Row = std::pair<std::string_view, Word>;

  // Fails to compile if two words are equal or no hash is found.
  consteval explicit KeySet(const std::array<Row, N>& rows) : rows_(rows) {
    for (seed_ = 1; seed_ < 2000; ++seed_) {
      if (place_all()) return;
    }
    throw "no perfect hash found: are two words equal?";
  }

  Word find(std::string_view key) const {
    if (key.empty()) return Word{};
    const std::uint8_t at = slots_[slot(key)];
    if (at == kFree) return Word{};
    const Row& row = rows_[at];
    return row.first.size() == key.size() && same_bytes(row.first.data(), key.data(), key.size()) ? row.second
                                                                                                  : Word{};
  }

 private:
  static constexpr unsigned kBits = N <= 8 ? 5 : N <= 16 ? 6 : 7;
  static constexpr std::uint8_t kFree = 0xff;
  static_assert(N < 64);

  constexpr std::size_t slot(std::string_view key) const {
    const std::size_t n = key.size();
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(key[i]));
    };
    const std::uint32_t mix =
        (byte(0) | byte(n / 2) << 8 | byte(n - 1) << 16 | static_cast<std::uint32_t>(n) << 24);
    return (mix * (seed_ * 2654435761U | 1U)) >> (32 - kBits);
  }

  constexpr bool place_all() {
    slots_.fill(kFree);
    for (std::size_t i = 0; i < N; ++i) {
      std::uint8_t& at = slots_[slot(rows_[i].first)];
      if (at != kFree) return false;
      at = static_cast<std::uint8_t>(i);
    }
    return true;
  }

  std::array<Row, N> rows_;
  std::array<std::uint8_t, std::size_t{1} << kBits> slots_{};
  std::uint32_t seed_ = 0;
};

template <typename Word, std::size_t N>
consteval KeySet<Word, N> key_set(const std::pair<std::string_view, Word> (&rows)[N]) {
  return KeySet<Word, N>(std::to_array(rows));
}

}  // namespace extvold::ingest
