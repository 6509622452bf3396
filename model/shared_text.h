// SharedText: a text that never changes and that its copies share. For ids that thousands of rows repeat.
//
// The empty text takes no memory. Copies may be made, used and destroyed on different threads, as those of a
// std::shared_ptr may. Equal texts that were made apart are equal, they only do not share.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <memory>
#include <string>
#include <string_view>

namespace extvold {

class SharedText {
 public:
  SharedText() = default;
  explicit SharedText(std::string_view text)
      : text_(text.empty() ? nullptr : std::make_shared<const std::string>(text)) {}

  std::string_view view() const { return text_ == nullptr ? std::string_view() : std::string_view(*text_); }
  operator std::string_view() const { return view(); }  // NOLINT(google-explicit-constructor): it is a text
  std::string str() const { return std::string(view()); }
  bool empty() const { return text_ == nullptr; }
  std::size_t size() const { return view().size(); }

  bool operator==(const SharedText& other) const { return text_ == other.text_ || view() == other.view(); }
  std::strong_ordering operator<=>(const SharedText& other) const {
    return text_ == other.text_ ? std::strong_ordering::equal : view() <=> other.view();
  }

 private:
  std::shared_ptr<const std::string> text_;
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
