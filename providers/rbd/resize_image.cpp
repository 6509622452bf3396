// Makes an image larger, also while somebody has it open: librbd tells whoever has. `rbd resize` refuses to
// make one smaller by itself (22 without --allow-shrink), which is never given.
#include "providers/rbd/change_steps.h"
#include "providers/rbd/target_image.h"

namespace extvold::providers::rbd {
namespace {

constexpr std::int64_t kMiB = 1 << 20;

class ResizeImage final : public ChangeSteps {
 public:
  using ChangeSteps::ChangeSteps;
  void begin();

 private:
  std::shared_ptr<ResizeImage> self() { return std::static_pointer_cast<ResizeImage>(shared_from_this()); }
  void refuse(Errc code, std::string why) { fail_with({code, std::move(why)}); }
  void look(void (ResizeImage::*then)(const KnownImage& image));
  void on_image(const KnownImage& image);
  void read_back(const KnownImage& image);
  std::int64_t wanted_bytes() const { return call_.volume.wanted_size_mb * kMiB; }

  ImageRef target_;
};

void ResizeImage::begin() {
  const Result<ImageRef> target = target_image(site_.config, call_.volume);
  if (!target) return site_.defer([me = self(), error = target.error()] { me->fail_with(error); });
  target_ = *target;
  look(&ResizeImage::on_image);
}

void ResizeImage::look(void (ResizeImage::*then)(const KnownImage& image)) {
  const auto on_look = [me = self(), then](const std::optional<KnownImage>& image) {
    if (!image)
      return me->refuse(Errc::not_found, fmt::format("image {} is not there", spec_of(me->target_)));
    if (const Status ours = check_target(*image, me->target_, me->call_); !ours)
      return me->fail_with(ours.error());
    ((*me).*then)(*image);
  };
  site_.looks.image(target_.pool, target_.image, deadline_at_, or_end<std::optional<KnownImage>>(on_look));
}

void ResizeImage::on_image(const KnownImage& image) {
  if (image.size_bytes >= wanted_bytes()) return succeed({}, image.size_bytes);
  change({"resize", "--no-progress", "--size", fmt::format("{}M", call_.volume.wanted_size_mb),
          spec_of(target_)},
         [me = self()] { me->look(&ResizeImage::read_back); });
}

void ResizeImage::read_back(const KnownImage& image) {
  if (image.size_bytes >= wanted_bytes()) return succeed({}, image.size_bytes);
  refuse(Errc::uncertain,
         fmt::format("image {} was made larger, and a look does not show it so", spec_of(target_)));
}

}  // namespace

void resize_image(const Site& site, OperationCall call, CallDone done) {
  std::make_shared<ResizeImage>(site, std::move(call), std::move(done))->begin();
}

}  // namespace extvold::providers::rbd
