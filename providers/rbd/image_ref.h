// ImageRef: which image of which pool, and which one of that name: the provider_ref of a volume. Plain value;
// pure functions, any thread.
//
// Text "pool/image#id". A name can be used again after an image was removed, its id never: an image of the
// same name with another id is another image.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace extvold::providers::rbd {

struct ImageRef {
  std::string pool;
  std::string image;
  std::string id;  // empty: not known
  bool operator==(const ImageRef&) const = default;
};

std::string to_text(const ImageRef& ref);
std::optional<ImageRef> image_ref_from_text(std::string_view text);

// "pool/image", as the programs want it and as people read it.
std::string spec_of(const ImageRef& ref);

// Letters, digits, '.', '_', '-'; not beginning with '-' or '.'.
bool is_plain_pool(std::string_view name);
// As extvold names volumes: "xv-" and letters, digits or '-'.
bool is_own_key(std::string_view name);
// The name under which an image of that key is made; it gets its key when nothing is missing any more.
std::string fresh_name(std::string_view key);

// What `extvold.ledger` of an image's metadata says: the ledger that made it, and the id that the image had
// then. A clone or a copy inherits the metadata of its source, and has another id: it is not ours.
struct Tag {
  std::string ledger_id;
  std::string image_id;
  bool operator==(const Tag&) const = default;
};
inline constexpr std::string_view kTagName = "extvold.ledger";
std::string to_text(const Tag& tag);
std::optional<Tag> tag_from_text(std::string_view text);

}  // namespace extvold::providers::rbd
