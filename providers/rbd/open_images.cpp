// Who has which image of the pools open: the names of each pool, then image by image its watchers, a few at a
// time. Sizes, tags and what is free are not asked: whoever wants to know whether a host is cut off is not
// kept waiting by them.
#include <algorithm>
#include <memory>
#include <utility>

#include "providers/rbd/site.h"

namespace extvold::providers::rbd {
namespace {

// It lives in the callbacks of its calls.
class OpenLook : public std::enable_shared_from_this<OpenLook> {
 public:
  OpenLook(const Site& site, Instant deadline_at, std::function<void(const OpenImages&)> done)
      : site_(site), deadline_at_(deadline_at), done_(std::move(done)) {}
  void list_pool(std::size_t at);

 private:
  void look_at_images();
  void look_at_next();
  void on_unopened(const ImageRef& image);
  void image_done();
  void complain(const std::string& why) {
    if (seen_.why_incomplete.empty()) seen_.why_incomplete = why;
  }

  const Site site_;
  const Instant deadline_at_;
  std::function<void(const OpenImages&)> done_;
  OpenImages seen_;
  std::vector<ImageRef> images_;
  std::size_t next_ = 0;
  int under_way_ = 0;
};

void OpenLook::list_pool(std::size_t at) {
  if (at == site_.config.pools.size()) return look_at_images();
  const std::string& pool = site_.config.pools[at].name;
  site_.looks.names(pool, deadline_at_,
                    [self = shared_from_this(), at, pool](const Result<std::vector<std::string>>& names) {
                      if (!names) self->complain(names.error().message);
                      if (names) {
                        for (const std::string& name : *names) self->images_.push_back({pool, name, ""});
                      }
                      self->list_pool(at + 1);
                    });
}

void OpenLook::look_at_images() {
  if (images_.empty()) return done_(seen_);
  const int at_once = std::min(site_.config.looks_max, static_cast<int>(images_.size()));
  for (int i = 0; i < at_once; ++i) look_at_next();
}

void OpenLook::look_at_next() {
  const ImageRef& image = images_[next_++];
  ++under_way_;
  site_.looks.watchers(
      image, deadline_at_,
      [self = shared_from_this(), image](const Result<std::optional<std::vector<ClientAddress>>>& clients) {
        if (clients && !*clients) return self->on_unopened(image);
        if (!clients) self->complain(clients.error().message);
        if (clients) {
          for (const ClientAddress& client : **clients)
            self->seen_.clients.push_back({spec_of(image), client.address});
        }
        self->image_done();
      });
}

// What has no header nobody has open: a client watches the header.
void OpenLook::on_unopened(const ImageRef& image) {
  site_.looks.unopened(
      image.pool, image.image, deadline_at_, [self = shared_from_this(), image](const Result<Unopened>& why) {
        if (!why)
          self->complain(why.error().message);
        else if (*why != Unopened::no_header)
          self->complain(
              fmt::format("image {} is there under that name no more, or not yet", spec_of(image)));
        self->image_done();
      });
}

void OpenLook::image_done() {
  --under_way_;
  if (next_ < images_.size()) return look_at_next();
  if (under_way_ == 0) done_(seen_);
}

}  // namespace

void look_who_has_open(const Site& site, Instant deadline_at, std::function<void(const OpenImages&)> done) {
  std::make_shared<OpenLook>(site, deadline_at, std::move(done))->list_pool(0);
}

}  // namespace extvold::providers::rbd
