// ImageLooks: what can be asked about pools and images without changing anything, and without being seen:
// none of these programs becomes a watcher of the image that it looks at (`rbd image-meta list` does, which
// is why the tag is read from the image's header by `rados`).
//
// Loop thread only. Keeps nothing but a reference: `tools` must outlive it, and it must outlive its calls.
// Errors are those of looked() (ceph_tools.h) and Errc::corrupt of what makes no sense: nothing happened.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "model/instant.h"
#include "model/result.h"
#include "providers/rbd/ceph_output.h"
#include "providers/rbd/ceph_tools.h"
#include "providers/rbd/image_ref.h"

namespace extvold::providers::rbd {

// An image whose header was read.
struct KnownImage {
  ImageRef ref;  // with its id
  std::int64_t size_bytes = 0;
  std::int64_t snapshots = 0;
  std::optional<ParentSnapshot> parent;
  std::optional<Tag> tag;  // as it stands there, perhaps inherited
};
// Made by that ledger as this very image. Empty tag, or one of another image: nobody says so.
bool is_made_by(const KnownImage& image, std::string_view ledger_id);
std::string ledger_of(const std::optional<Tag>& tag, std::string_view image_id);

// Why an image that a list named could not be opened. renamed_or_removed: no list names it any more.
// no_header: the list names it, and its header is not there: its making or its removal is under way or was
// broken off. has_header: something else is wrong with it.
enum class Unopened { renamed_or_removed, no_header, has_header };

template <typename T>
using LookDone = std::function<void(Result<T>)>;

class ImageLooks {
 public:
  explicit ImageLooks(CephTools& tools) : tools_(tools) {}

  void names(const std::string& pool, Instant deadline_at, LookDone<std::vector<std::string>> done);
  void rows(const std::string& pool, Instant deadline_at, LookDone<std::vector<ImageRow>> done);
  // None: rbd says that it is not there. Where a list names it, that is an image whose making or removal was
  // broken off: it has no header.
  void image(const std::string& pool, const std::string& name, Instant deadline_at,
             LookDone<std::optional<KnownImage>> done);
  // Errors: not_found besides, of an image that has no header any more.
  void tag(const std::string& pool, const std::string& id, Instant deadline_at,
           LookDone<std::optional<Tag>> done);
  // None: as for image().
  void watchers(const ImageRef& ref, Instant deadline_at,
                LookDone<std::optional<std::vector<ClientAddress>>> done);
  // Of a name that rbd says is not there.
  void unopened(const std::string& pool, const std::string& name, Instant deadline_at,
                LookDone<Unopened> done);
  // As which id the pool's list has that name; none: it has not.
  void listed_id(const std::string& pool, const std::string& name, Instant deadline_at,
                 LookDone<std::optional<std::string>> done);
  void snapshots(const ImageRef& ref, Instant deadline_at, LookDone<std::vector<Snapshot>> done);
  // "pool/image" of each, also of those in the trash.
  void clones(const std::string& snapshot, Instant deadline_at, LookDone<std::vector<std::string>> done);
  void pools(Instant deadline_at, LookDone<std::vector<PoolUse>> done);
  void blocklist(Instant deadline_at, LookDone<Blocklist> done);
  // Whether the user may change the blocklist, and this Ceph knows ranges there: an entry is taken back that
  // is not there, and by its address (of documentation, RFC 5737) never will be. That changes nothing: the
  // monitors make no new map for it.
  void may_block(Instant deadline_at, std::function<void(const Status&)> done);
  void monitors(Instant deadline_at, LookDone<std::vector<AddressRange>> done);

 private:
  void has_header(const std::string& pool, const std::string& id, Instant deadline_at, LookDone<bool> done);
  template <typename T, typename Parse>
  void look(Program program, std::vector<std::string> words, std::string what, Instant deadline_at,
            Parse parse, LookDone<T> done);

  CephTools& tools_;
};

}  // namespace extvold::providers::rbd
