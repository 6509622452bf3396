#include "providers/rbd/image_ref.h"

#include <algorithm>

namespace extvold::providers::rbd {
namespace {

constexpr std::size_t kNameMax = 200;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

}  // namespace

std::string to_text(const ImageRef& ref) { return ref.pool + "/" + ref.image + "#" + ref.id; }

std::string spec_of(const ImageRef& ref) { return ref.pool + "/" + ref.image; }

std::optional<ImageRef> image_ref_from_text(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::size_t hash = text.rfind('#');
  if (slash == std::string_view::npos || hash == std::string_view::npos || hash <= slash + 1)
    return std::nullopt;
  ImageRef ref{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1, hash - slash - 1)),
               std::string(text.substr(hash + 1))};
  const bool plain_id = std::all_of(ref.id.begin(), ref.id.end(), is_letter_or_digit);
  if (!is_plain_pool(ref.pool) || ref.id.empty() || !plain_id) return std::nullopt;
  if (ref.image.find_first_of("/@") != std::string::npos) return std::nullopt;
  return ref;
}

bool is_plain_pool(std::string_view name) {
  return !name.empty() && name.size() <= kNameMax && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_own_key(std::string_view name) {
  constexpr std::string_view kPrefix = "xv-";
  return name.size() > kPrefix.size() && name.size() <= kNameMax &&
         name.substr(0, kPrefix.size()) == kPrefix &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

std::string fresh_name(std::string_view key) { return std::string(key) + ".new"; }

std::string to_text(const Tag& tag) { return tag.ledger_id + " " + tag.image_id; }

std::optional<Tag> tag_from_text(std::string_view text) {
  const std::size_t blank = text.find(' ');
  if (blank == std::string_view::npos || blank == 0 || blank + 1 == text.size()) return std::nullopt;
  Tag tag{std::string(text.substr(0, blank)), std::string(text.substr(blank + 1))};
  const auto shown = [](char c) { return c > ' ' && c < '\x7f'; };
  if (!std::all_of(tag.ledger_id.begin(), tag.ledger_id.end(), shown) ||
      !std::all_of(tag.image_id.begin(), tag.image_id.end(), is_letter_or_digit))
    return std::nullopt;
  return tag;
}

}  // namespace extvold::providers::rbd
