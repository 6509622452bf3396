// SharedText: a text that never changes and that its copies share. For ids that thousands of rows repeat.
//
// A value of one pointer; the empty text takes no memory. Copies may be made, used and destroyed on different
// threads, as those of a std::shared_ptr may. Equal texts that were made apart are equal, they only do not
// share.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <compare>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace extvold {

class SharedText {
 public:
  SharedText() = default;
  explicit SharedText(std::string_view text) : block_(text.empty() ? nullptr : make(text)) {}
  SharedText(const SharedText& other) : block_(other.block_) {
    if (block_ != nullptr) block_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  SharedText(SharedText&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~SharedText() {
    if (block_ == nullptr || block_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    block_->~Block();
    ::operator delete(block_);
  }

  std::string_view view() const {
    return block_ == nullptr ? std::string_view() : std::string_view(block_->text(), block_->size);
  }
  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor): it is a text
  std::string str() const { return std::string(view()); }
  bool empty() const { return block_ == nullptr; }
  std::size_t size() const { return view().size(); }

  bool operator==(const SharedText& other) const { return block_ == other.block_ || view() == other.view(); }
  std::strong_ordering operator<=>(const SharedText& other) const {
    return block_ == other.block_ ? std::strong_ordering::equal : view() <=> other.view();
  }

 private:
  struct Block {
    std::atomic<std::uint32_t> owners{1};
    std::uint32_t size = 0;
    char* text() { return reinterpret_cast<char*>(this + 1); }
  };
  static Block* make(std::string_view text) {
    auto* block = new (::operator new(sizeof(Block) + text.size())) Block;
    block->size = static_cast<std::uint32_t>(text.size());
    std::memcpy(block->text(), text.data(), text.size());
    return block;
  }

  Block* block_ = nullptr;
};

inline bool operator==(const SharedText& a, std::string_view b) { return a.view() == b; }

}  // namespace extvold

template <>
struct fmt::formatter<extvold::SharedText> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const extvold::SharedText& text, Context& context) const {
    return fmt::formatter<std::string_view>::format(text.view(), context);
  }
};
