// Looks at everything, or at one image: pool by pool their names and rows, then image by image its tag and
// its watchers, a few at a time.
#include <algorithm>
#include <memory>
#include <utility>

#include "providers/rbd/site.h"

namespace extvold::providers::rbd {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

// One observation under way; it lives in the callbacks of its calls.
class Look : public std::enable_shared_from_this<Look> {
 public:
  Look(const Site& site, ProviderObservation seen, std::function<void(ProviderObservation)> done)
      : site_(site),
        deadline_at_(seen.sent_at + site.config.observe_deadline),
        seen_(std::move(seen)),
        done_(std::move(done)) {}

  void everything() { list_pool(0); }
  void one_image();

 private:
  struct Found {
    ImageRef ref;
    std::int64_t size_bytes = 0;
  };

  void list_pool(std::size_t at);
  void on_pool(std::size_t at, const std::vector<std::string>& names, const std::vector<ImageRow>& rows);
  void on_no_rows(std::size_t at, const std::vector<std::string>& names, const Error& error);
  void look_at_left_out(std::size_t at, std::vector<std::string> names);
  void find_in_pool(std::size_t at, const std::string& name);
  void inspect_found();

  void look_at_images();
  void look_at_next();
  void look_at_tag(const Found& image);
  void look_at_watchers(const Found& image, const std::string& ledger_id);
  void on_watchers(const Found& image, const std::string& ledger_id, Instant since,
                   std::vector<ClientAddress> clients);
  // Removed between two looks, or broken: only a list that lacks it is proof.
  void on_unopened(const ImageRef& image, const std::function<void()>& then);
  void image_done();

  void look_at_pools();
  void on_pools(const std::vector<PoolUse>& uses);
  void look_at_fences();
  void complain(const std::string& why);
  void finish();

  const Site site_;
  const Instant deadline_at_;
  ProviderObservation seen_;
  std::function<void(ProviderObservation)> done_;
  std::vector<Found> found_;
  std::size_t next_ = 0;
  int under_way_ = 0;
};

void Look::complain(const std::string& why) {
  if (seen_.why_incomplete.empty()) seen_.why_incomplete = why;
}

void Look::list_pool(std::size_t at) {
  if (at == site_.config.pools.size()) return look_at_images();
  const std::string& pool = site_.config.pools[at].name;
  site_.looks.names(
      pool, deadline_at_, [self = shared_from_this(), at](Result<std::vector<std::string>> names) {
        if (!names) {
          self->complain(names.error().message);
          return self->list_pool(at + 1);
        }
        self->site_.looks.rows(self->site_.config.pools[at].name, self->deadline_at_,
                               [self, at, names = *std::move(names)](Result<std::vector<ImageRow>> rows) {
                                 if (!rows) return self->on_no_rows(at, names, rows.error());
                                 self->on_pool(at, names, *rows);
                               });
      });
}

void Look::on_pool(std::size_t at, const std::vector<std::string>& names, const std::vector<ImageRow>& rows) {
  const std::string& pool = site_.config.pools[at].name;
  for (const ImageRow& row : rows) found_.push_back({{pool, row.name, row.id}, row.size_bytes});
  std::vector<std::string> left_out;
  for (const std::string& name : names) {
    const bool read =
        std::any_of(rows.begin(), rows.end(), [&](const ImageRow& row) { return row.name == name; });
    if (!read) left_out.push_back(name);
  }
  look_at_left_out(at, std::move(left_out));
}

// One image without a header is enough for it to end so: then it names that one.
void Look::on_no_rows(std::size_t at, const std::vector<std::string>& names, const Error& error) {
  const std::string& pool = site_.config.pools[at].name;
  const auto go_on = [self = shared_from_this(), at, error] {
    self->complain(error.message);
    self->list_pool(at + 1);
  };
  for (const std::string& name : names) {
    if (error.message.find(fmt::format("error opening {}: (2) ", name)) != std::string::npos)
      return on_unopened({pool, name, ""}, go_on);
  }
  go_on();
}

// `rbd ls -l` passes over what it could not open, whatever the reason, and mostly ends well.
void Look::look_at_left_out(std::size_t at, std::vector<std::string> names) {
  if (names.empty()) return list_pool(at + 1);
  const std::string name = std::move(names.back());
  names.pop_back();
  const std::string& pool = site_.config.pools[at].name;
  site_.looks.image(pool, name, deadline_at_,
                    [self = shared_from_this(), at, name,
                     names = std::move(names)](Result<std::optional<KnownImage>> image) {
                      const auto go_on = [self, at, names] { self->look_at_left_out(at, names); };
                      if (image && !*image)
                        return self->on_unopened({self->site_.config.pools[at].name, name, ""}, go_on);
                      if (!image) self->complain(image.error().message);
                      if (image) self->found_.push_back({(*image)->ref, (*image)->size_bytes});
                      go_on();
                    });
}

void Look::on_unopened(const ImageRef& image, const std::function<void()>& then) {
  site_.looks.unopened(
      image.pool, image.image, deadline_at_,
      [self = shared_from_this(), spec = spec_of(image), then](const Result<Unopened>& why) {
        if (!why)
          self->complain(why.error().message);
        else if (*why == Unopened::no_header)
          self->complain(
              fmt::format("image {} has no header: its making or its removal was broken off, or is under "
                          "way; if nobody is at it, end it with `rbd rm {}`",
                          spec, spec));
        else if (*why == Unopened::has_header)
          self->complain(fmt::format("image {} has a header, and cannot be opened", spec));
        then();
      });
}

void Look::one_image() {
  const std::size_t slash = seen_.volume_key.find('/');
  if (slash == std::string::npos) return find_in_pool(0, seen_.volume_key);
  const std::string pool = seen_.volume_key.substr(0, slash);
  for (std::size_t at = 0; at < site_.config.pools.size(); ++at) {
    if (site_.config.pools[at].name == pool) return find_in_pool(at, seen_.volume_key.substr(slash + 1));
  }
  find_in_pool(0, seen_.volume_key);  // in none of the configured pools: no image has a '/' in its name
}

void Look::find_in_pool(std::size_t at, const std::string& name) {
  const bool one_pool = name != seen_.volume_key;
  const std::string& pool = site_.config.pools[at].name;
  site_.looks.names(pool, deadline_at_,
                    [self = shared_from_this(), at, name, one_pool](Result<std::vector<std::string>> names) {
                      const RbdConfig& config = self->site_.config;
                      if (!names)
                        self->complain(names.error().message);
                      else if (std::find(names->begin(), names->end(), name) != names->end())
                        self->found_.push_back({{config.pools[at].name, name, ""}, 0});
                      if (!one_pool && at + 1 < config.pools.size()) return self->find_in_pool(at + 1, name);
                      self->inspect_found();
                    });
}

void Look::inspect_found() {
  if (found_.empty() || !seen_.why_incomplete.empty()) return finish();
  if (found_.size() > 1) {
    complain(fmt::format("{} is there twice, in the pools {} and {}: it is not said which is meant",
                         seen_.volume_key, found_[0].ref.pool, found_[1].ref.pool));
    return finish();
  }
  const ImageRef& ref = found_.front().ref;
  const auto on_image = [self = shared_from_this()](Result<std::optional<KnownImage>> image) {
    Found& found = self->found_.front();
    if (!image) self->complain(image.error().message);
    if (image && !*image) return self->on_unopened(found.ref, [self] { self->finish(); });
    if (!image) return self->finish();
    found = {(*image)->ref, (*image)->size_bytes};
    ++self->under_way_;
    self->next_ = 1;
    self->look_at_watchers(found, ledger_of((*image)->tag, found.ref.id));
  };
  site_.looks.image(ref.pool, ref.image, deadline_at_, on_image);
}

void Look::look_at_images() {
  std::sort(found_.begin(), found_.end(),
            [](const Found& a, const Found& b) { return a.ref.image < b.ref.image; });
  for (std::size_t i = 1; i < found_.size(); ++i) {
    const Found& one = found_[i - 1];
    if (is_own_key(one.ref.image) && one.ref.image == found_[i].ref.image) {
      complain(fmt::format("{} is there twice, in the pools {} and {}", one.ref.image, one.ref.pool,
                           found_[i].ref.pool));
    }
  }
  if (found_.empty()) return look_at_pools();
  const int at_once = std::min(site_.config.looks_max, static_cast<int>(found_.size()));
  for (int i = 0; i < at_once; ++i) look_at_next();
}

void Look::look_at_next() {
  const Found& image = found_[next_++];
  ++under_way_;
  if (is_own_key(image.ref.image)) return look_at_tag(image);
  look_at_watchers(image, "");
}

void Look::look_at_tag(const Found& image) {
  site_.looks.tag(image.ref.pool, image.ref.id, deadline_at_,
                  [self = shared_from_this(), image](const Result<std::optional<Tag>>& tag) {
                    // One without a header is not there any more: the watchers tell.
                    if (!tag && tag.error().code != Errc::not_found) self->complain(tag.error().message);
                    self->look_at_watchers(image, tag ? ledger_of(*tag, image.ref.id) : "");
                  });
}

void Look::look_at_watchers(const Found& image, const std::string& ledger_id) {
  const auto on_clients = [self = shared_from_this(), image, ledger_id,
                           since = site_.clock()](Result<std::optional<std::vector<ClientAddress>>> clients) {
    if (clients && !*clients) return self->on_unopened(image.ref, [self] { self->image_done(); });
    if (!clients) self->complain(clients.error().message);
    self->on_watchers(image, ledger_id, since, clients ? **clients : std::vector<ClientAddress>());
  };
  site_.looks.watchers(image.ref, deadline_at_, on_clients);
}

// A program of ours that changes the image watches it too, and would be taken for a host that has it: while
// one is at work, the image is asked again after it.
void Look::on_watchers(const Found& image, const std::string& ledger_id, Instant since,
                       std::vector<ClientAddress> clients) {
  const std::string spec = spec_of(image.ref);
  if (!clients.empty() && site_.own.is_being_removed(spec)) clients.clear();
  if (!clients.empty() && site_.own.may_be_seen(spec, since)) {
    const auto again = [self = shared_from_this(), image, ledger_id] {
      self->look_at_watchers(image, ledger_id);
    };
    if (site_.own.is_running(spec)) return site_.own.when_ended(spec, again);
    if (!site_.own.may_be_seen(spec, site_.clock())) return again();
    complain(fmt::format("image {} has a client, perhaps a program of ours that was killed just now", spec));
    clients.clear();
  }
  ObservedVolume volume;
  volume.key = is_own_key(image.ref.image) ? image.ref.image : spec;
  volume.provider_ref = to_text(image.ref);
  volume.ledger_id = ledger_id;
  volume.pool = image.ref.pool;
  volume.size_mb = image.size_bytes / kMiB;
  for (std::string& identity : identities_of(site_.info, clients)) {
    ObservedAttachment attachment;
    attachment.host_identity = std::move(identity);
    volume.attachments.push_back(std::move(attachment));
  }
  seen_.volumes.push_back(std::move(volume));
  image_done();
}

void Look::image_done() {
  --under_way_;
  if (next_ < found_.size()) return look_at_next();
  if (under_way_ > 0) return;
  if (seen_.volume_key.empty()) return look_at_pools();
  finish();
}

void Look::look_at_pools() {
  site_.looks.pools(deadline_at_, [self = shared_from_this()](const Result<std::vector<PoolUse>>& uses) {
    if (!uses) self->complain(uses.error().message);
    if (uses) self->on_pools(*uses);
    self->look_at_fences();
  });
}

void Look::on_pools(const std::vector<PoolUse>& uses) {
  for (const RbdPool& pool : site_.config.pools) {
    const auto use =
        std::find_if(uses.begin(), uses.end(), [&](const PoolUse& one) { return one.name == pool.name; });
    if (use == uses.end()) {
      complain(fmt::format("ceph df does not know the pool {}", pool.name));
      continue;
    }
    seen_.pools.push_back({{seen_.provider, pool.name},
                           (use->stored_bytes + use->free_bytes) / kMiB,
                           use->free_bytes / kMiB,
                           pool.iops,
                           {}});
  }
}

// That a fence could not be set must not come out on the day when a host is lost.
void Look::look_at_fences() {
  site_.looks.blocklist(deadline_at_, [self = shared_from_this()](const Result<Blocklist>& list) {
    if (!list) self->complain("no fence could be seen: " + list.error().message);
    self->site_.looks.may_block(self->deadline_at_, [self](const Status& may) {
      if (!may) {
        self->complain(fmt::format("client.{} could not fence a host, its rights in docs/provider-rbd.md: {}",
                                   self->site_.config.user, may.error().message));
      }
      self->finish();
    });
  });
}

void Look::finish() {
  std::sort(seen_.volumes.begin(), seen_.volumes.end(),
            [](const ObservedVolume& a, const ObservedVolume& b) { return a.key < b.key; });
  seen_.complete = seen_.why_incomplete.empty();
  seen_.ended_at = site_.clock();
  done_(std::move(seen_));
}

}  // namespace

void observe_images(const Site& site, ProviderObservation seen,
                    std::function<void(ProviderObservation)> done) {
  const bool everything = seen.volume_key.empty();
  const auto look = std::make_shared<Look>(site, std::move(seen), std::move(done));
  if (everything)
    look->everything();
  else
    look->one_image();
}

}  // namespace extvold::providers::rbd
