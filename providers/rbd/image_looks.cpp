#include "providers/rbd/image_looks.h"

#include <utility>

namespace extvold::providers::rbd {
namespace {

// rados has one exit status for all: only its words tell a key that is not there from everything else. They
// come as output, errors do not.
bool says_no_such_key(const Result<ToolAnswer>& ended) {
  return ended && ended->exit_status == 1 && ended->output.rfind("No such key:", 0) == 0;
}

// That object is not there. A pool that is not there, or a program, is said in other words.
bool says_no_such_object(const Result<ToolAnswer>& ended, std::string_view what) {
  return ended && ended->connected && ended->exit_status == 1 &&
         ended->said.find(what) != std::string::npos && ended->said.find(": (2) ") != std::string::npos;
}

}  // namespace

std::string ledger_of(const std::optional<Tag>& tag, std::string_view image_id) {
  return tag && tag->image_id == image_id ? tag->ledger_id : std::string();
}

bool is_made_by(const KnownImage& image, std::string_view ledger_id) {
  return !ledger_id.empty() && ledger_of(image.tag, image.ref.id) == ledger_id;
}

template <typename T, typename Parse>
void ImageLooks::look(Program program, std::vector<std::string> words, std::string what, Instant deadline_at,
                      Parse parse, LookDone<T> done) {
  tools_.run({program, std::move(words), deadline_at},
             [parse, what = std::move(what), done = std::move(done)](const Result<ToolAnswer>& ended) {
               const Result<std::string> output = looked(ended, what);
               if (!output) return done(tl::make_unexpected(output.error()));
               auto value = parse(*output);
               if (!value) return done(wrap(value.error(), what));
               done(*std::move(value));
             });
}

void ImageLooks::names(const std::string& pool, Instant deadline_at,
                       LookDone<std::vector<std::string>> done) {
  look<std::vector<std::string>>(Program::rbd, {"ls", "--format", "json", "--pool", pool}, "rbd ls " + pool,
                                 deadline_at, &parse_names, std::move(done));
}

void ImageLooks::rows(const std::string& pool, Instant deadline_at, LookDone<std::vector<ImageRow>> done) {
  look<std::vector<ImageRow>>(Program::rbd, {"ls", "--long", "--format", "json", "--pool", pool},
                              "rbd ls -l " + pool, deadline_at, &parse_rows, std::move(done));
}

void ImageLooks::image(const std::string& pool, const std::string& name, Instant deadline_at,
                       LookDone<std::optional<KnownImage>> done) {
  const std::string spec = spec_of({pool, name, ""});
  const auto on_info = [this, pool, name, spec, deadline_at,
                        done = std::move(done)](const Result<ToolAnswer>& ended) {
    if (says_not_there(ended)) return done(std::optional<KnownImage>());
    const Result<std::string> output = looked(ended, "rbd info " + spec);
    if (!output) return done(tl::make_unexpected(output.error()));
    Result<ImageInfo> info = parse_info(*output);
    if (!info) return done(wrap(info.error(), spec));
    if (info->name != name) return done(fail(Errc::corrupt, "rbd info {}: it speaks of another image", spec));
    KnownImage image{{pool, name, info->id}, info->size_bytes, info->snapshots, std::move(info->parent), {}};
    tag(pool, image.ref.id, deadline_at, [image, done](Result<std::optional<Tag>> tag) mutable {
      if (!tag && tag.error().code == Errc::not_found) return done(std::optional<KnownImage>());
      if (!tag) return done(tl::make_unexpected(tag.error()));
      image.tag = *std::move(tag);
      done(std::optional<KnownImage>(std::move(image)));
    });
  };
  tools_.run({Program::rbd, {"info", "--format", "json", spec}, deadline_at}, on_info);
}

void ImageLooks::tag(const std::string& pool, const std::string& id, Instant deadline_at,
                     LookDone<std::optional<Tag>> done) {
  const std::string header = "rbd_header." + id;
  const std::string key = fmt::format("metadata_{}", kTagName);
  tools_.run({Program::rados, {"--pool", pool, "getomapval", header, key}, deadline_at},
             [header, done = std::move(done)](const Result<ToolAnswer>& ended) {
               if (says_no_such_key(ended)) return done(std::optional<Tag>());
               if (says_no_such_object(ended, "error getting omap value"))
                 return done(fail(Errc::not_found, "{} is not there", header));
               const Result<std::string> output = looked(ended, "rados getomapval " + header);
               if (!output) return done(tl::make_unexpected(output.error()));
               const Result<std::string> value = parse_omap_value(*output);
               if (!value) return done(wrap(value.error(), header));
               done(tag_from_text(*value));
             });
}

void ImageLooks::watchers(const ImageRef& ref, Instant deadline_at,
                          LookDone<std::optional<std::vector<ClientAddress>>> done) {
  const std::string spec = spec_of(ref);
  tools_.run({Program::rbd, {"status", "--format", "json", spec}, deadline_at},
             [spec, done = std::move(done)](const Result<ToolAnswer>& ended) {
               if (says_not_there(ended)) return done(std::optional<std::vector<ClientAddress>>());
               const Result<std::string> output = looked(ended, "rbd status " + spec);
               if (!output) return done(tl::make_unexpected(output.error()));
               Result<std::vector<ClientAddress>> clients = parse_watchers(*output);
               if (!clients) return done(wrap(clients.error(), spec));
               done(std::optional(*std::move(clients)));
             });
}

void ImageLooks::unopened(const std::string& pool, const std::string& name, Instant deadline_at,
                          LookDone<Unopened> done) {
  listed_id(pool, name, deadline_at,
            [this, pool, deadline_at, done = std::move(done)](const Result<std::optional<std::string>>& id) {
              if (!id) return done(tl::make_unexpected(id.error()));
              if (!*id) return done(Unopened::renamed_or_removed);
              has_header(pool, **id, deadline_at, [done](const Result<bool>& has) {
                if (!has) return done(tl::make_unexpected(has.error()));
                done(*has ? Unopened::has_header : Unopened::no_header);
              });
            });
}

void ImageLooks::listed_id(const std::string& pool, const std::string& name, Instant deadline_at,
                           LookDone<std::optional<std::string>> done) {
  const std::string spec = spec_of({pool, name, ""});
  tools_.run({Program::rados, {"--pool", pool, "getomapval", "rbd_directory", "name_" + name}, deadline_at},
             [spec, done = std::move(done)](const Result<ToolAnswer>& ended) {
               if (says_no_such_key(ended)) return done(std::optional<std::string>());
               const Result<std::string> output = looked(ended, "rados getomapval rbd_directory for " + spec);
               if (!output) return done(tl::make_unexpected(output.error()));
               const Result<std::string> id = parse_listed_id(*output);
               if (!id) return done(wrap(id.error(), spec));
               done(std::optional(*id));
             });
}

void ImageLooks::has_header(const std::string& pool, const std::string& id, Instant deadline_at,
                            LookDone<bool> done) {
  const std::string header = "rbd_header." + id;
  tools_.run({Program::rados, {"--pool", pool, "stat", header}, deadline_at},
             [header, done = std::move(done)](const Result<ToolAnswer>& ended) {
               if (says_no_such_object(ended, "error stat-ing")) return done(false);
               const Result<std::string> output = looked(ended, "rados stat " + header);
               if (!output) return done(tl::make_unexpected(output.error()));
               done(true);
             });
}

void ImageLooks::snapshots(const ImageRef& ref, Instant deadline_at, LookDone<std::vector<Snapshot>> done) {
  const std::string spec = spec_of(ref);
  look<std::vector<Snapshot>>(Program::rbd, {"snap", "ls", "--format", "json", spec}, "rbd snap ls " + spec,
                              deadline_at, &parse_snapshots, std::move(done));
}

void ImageLooks::clones(const std::string& snapshot, Instant deadline_at,
                        LookDone<std::vector<std::string>> done) {
  look<std::vector<std::string>>(Program::rbd, {"children", "--all", "--format", "json", snapshot},
                                 "rbd children " + snapshot, deadline_at, &parse_clones, std::move(done));
}

void ImageLooks::pools(Instant deadline_at, LookDone<std::vector<PoolUse>> done) {
  look<std::vector<PoolUse>>(Program::ceph, {"df", "--format", "json"}, "ceph df", deadline_at, &parse_df,
                             std::move(done));
}

void ImageLooks::blocklist(Instant deadline_at, LookDone<Blocklist> done) {
  look<Blocklist>(Program::ceph, {"osd", "dump", "--format", "json"}, "ceph osd dump", deadline_at,
                  &parse_osd_dump, std::move(done));
}

void ImageLooks::may_block(Instant deadline_at, std::function<void(const Status&)> done) {
  tools_.run({Program::ceph, {"osd", "blocklist", "range", "rm", "192.0.2.1/32"}, deadline_at},
             [done = std::move(done)](const Result<ToolAnswer>& ended) {
               const Result<std::string> output = looked(ended, "ceph osd blocklist range rm");
               if (output) return done({});
               done(tl::make_unexpected(output.error()));
             });
}

void ImageLooks::monitors(Instant deadline_at, LookDone<std::vector<AddressRange>> done) {
  look<std::vector<AddressRange>>(Program::ceph, {"mon", "dump", "--format", "json"}, "ceph mon dump",
                                  deadline_at, &parse_monitors, std::move(done));
}

}  // namespace extvold::providers::rbd
