// Makes an image, under another name than its key: `rbd create` (or clone), then tag and limits, and last
// `rbd rename`. So an image that has its key is whole and tagged, whenever we are killed; what was left under
// the other name was never handed out, and the next try removes it and begins anew.
#include <algorithm>

#include "providers/rbd/change_steps.h"

namespace extvold::providers::rbd {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kSizeMbMax = std::int64_t{1} << 30;  // 2^50 bytes: less than an image can have

class CreateImage final : public ChangeSteps {
 public:
  using ChangeSteps::ChangeSteps;
  void begin();

 private:
  std::shared_ptr<CreateImage> self() { return std::static_pointer_cast<CreateImage>(shared_from_this()); }
  ImageRef wanted() const { return {call_.volume.pool.pool, call_.volume.key, ""}; }
  ImageRef fresh() const { return {call_.volume.pool.pool, fresh_name(call_.volume.key), ""}; }
  std::int64_t wanted_bytes() const { return call_.volume.size_mb * kMiB; }
  void refuse(Errc code, std::string why) { fail_with({code, std::move(why)}); }

  void look_into_pool(std::size_t at);
  void on_all_pools();
  void answer_existing(const std::optional<KnownImage>& image);
  void clear_leftover();
  void judge_leftover(const std::optional<KnownImage>& image);
  void make();
  void find_source();
  void on_source(const std::optional<KnownImage>& image);
  void protect_snapshot(const std::string& snapshot);
  void on_made();
  void on_fresh(const KnownImage& image);
  void put_tag(const KnownImage& image);
  void set_limit();
  void give_key();
  void read_back();

  std::vector<std::string> pools_with_key_;
  bool leftover_ = false;
};

void CreateImage::begin() {
  const Volume& volume = call_.volume;
  const auto& pools = site_.config.pools;
  const bool known_pool = std::any_of(pools.begin(), pools.end(),
                                      [&](const RbdPool& pool) { return pool.name == volume.pool.pool; });
  std::string problem;
  if (!known_pool)
    problem = fmt::format("pool {} is none of this provider's", volume.pool.pool);
  else if (!is_own_key(volume.key))
    problem = fmt::format("\"{}\" is no name that extvold gives an image", volume.key);
  else if (volume.size_mb < 1 || volume.size_mb > kSizeMbMax)
    problem = fmt::format("{} MB is no size of an image", volume.size_mb);
  else if (!tag_from_text(to_text(Tag{call_.ledger_id, "1"})))
    problem = fmt::format("\"{}\" cannot be the tag of an image", call_.ledger_id);
  else if (!call_.source_ref.empty() && !image_ref_from_text(call_.source_ref))
    problem = fmt::format("\"{}\" is no image that could be cloned", call_.source_ref);
  if (problem.empty()) return look_into_pool(0);
  site_.defer([me = self(), problem] { me->refuse(Errc::invalid, problem); });
}

void CreateImage::look_into_pool(std::size_t at) {
  if (at == site_.config.pools.size()) return on_all_pools();
  const std::string& pool = site_.config.pools[at].name;
  const auto on_names = [me = self(), at, pool](const std::vector<std::string>& names) {
    const auto has = [&](const std::string& name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (has(me->call_.volume.key)) me->pools_with_key_.push_back(pool);
    if (pool == me->wanted().pool && has(me->fresh().image)) me->leftover_ = true;
    me->look_into_pool(at + 1);
  };
  site_.looks.names(pool, deadline_at_, or_end<std::vector<std::string>>(on_names));
}

void CreateImage::on_all_pools() {
  if (pools_with_key_.empty()) return clear_leftover();
  if (pools_with_key_.size() > 1) {
    return refuse(Errc::conflict, fmt::format("{} is there twice, in the pools {} and {}", call_.volume.key,
                                              pools_with_key_[0], pools_with_key_[1]));
  }
  if (pools_with_key_[0] != wanted().pool) {
    return refuse(Errc::conflict,
                  fmt::format("{} is in the pool {} already", call_.volume.key, pools_with_key_[0]));
  }
  site_.looks.image(wanted().pool, wanted().image, deadline_at_,
                    or_end<std::optional<KnownImage>>([me = self()](const std::optional<KnownImage>& image) {
                      me->answer_existing(image);
                    }));
}

void CreateImage::answer_existing(const std::optional<KnownImage>& image) {
  const std::string spec = spec_of(wanted());
  if (!image) return refuse(Errc::conflict, fmt::format("image {} is there, and cannot be opened", spec));
  if (!is_made_by(*image, call_.ledger_id))
    return refuse(Errc::conflict, fmt::format("image {} is in the way, and not of this ledger", spec));
  if (image->size_bytes != wanted_bytes()) {
    return refuse(Errc::conflict, fmt::format("image {} is there already and has {} MB, not {}", spec,
                                              image->size_bytes / kMiB, call_.volume.size_mb));
  }
  succeed(image->ref, image->size_bytes);
}

void CreateImage::clear_leftover() {
  if (!leftover_) return make();
  site_.looks.image(fresh().pool, fresh().image, deadline_at_,
                    or_end<std::optional<KnownImage>>([me = self()](const std::optional<KnownImage>& image) {
                      me->judge_leftover(image);
                    }));
}

// Without a header there is nothing that could be lost. `rbd rm` refuses one that somebody has open.
void CreateImage::judge_leftover(const std::optional<KnownImage>& image) {
  const bool foreign = image && image->tag && image->tag->ledger_id != call_.ledger_id;
  if (foreign) {
    return refuse(Errc::conflict,
                  fmt::format("image {} is in the way, and of another ledger", spec_of(fresh())));
  }
  change({"rm", "--no-progress", spec_of(fresh())}, [me = self()] { me->make(); });
}

void CreateImage::make() {
  if (!call_.source_ref.empty()) return find_source();
  change({"create", "--size", fmt::format("{}M", call_.volume.size_mb), spec_of(fresh())},
         [me = self()] { me->on_made(); });
}

void CreateImage::find_source() {
  const ImageRef source = *image_ref_from_text(call_.source_ref);
  site_.looks.image(source.pool, source.image, deadline_at_,
                    or_end<std::optional<KnownImage>>(
                        [me = self()](const std::optional<KnownImage>& image) { me->on_source(image); }));
}

void CreateImage::on_source(const std::optional<KnownImage>& image) {
  const ImageRef source = *image_ref_from_text(call_.source_ref);
  if (!image || image->ref.id != source.id) {
    return refuse(Errc::not_found, fmt::format("image {} with the id {} is not there to be cloned",
                                               spec_of(source), source.id));
  }
  if (image->size_bytes > wanted_bytes()) {
    return refuse(Errc::invalid,
                  fmt::format("image {} has {} bytes: a clone has at least its size, {} MB", spec_of(source),
                              image->size_bytes, (image->size_bytes + kMiB - 1) / kMiB));
  }
  // Named by our key: it is nobody else's, and one that an earlier try left is as good.
  const std::string snapshot = spec_of(source) + "@" + call_.volume.key;
  change(
      {"snap", "create", "--no-progress", snapshot},
      [me = self(), snapshot] { me->protect_snapshot(snapshot); },
      [me = self(), snapshot](const Error& error) {
        if (error.code == Errc::conflict) return me->protect_snapshot(snapshot);
        me->fail_with(error);
      });
}

void CreateImage::protect_snapshot(const std::string& snapshot) {
  const auto clone = [me = self(), snapshot] {
    me->change({"clone", snapshot, spec_of(me->fresh())}, [me] { me->on_made(); });
  };
  change({"snap", "protect", snapshot}, clone, [me = self(), clone](const Error& error) {
    if (error.code == Errc::conflict) return clone();  // it is already
    me->fail_with(error);
  });
}

void CreateImage::on_made() {
  const auto on_image = [me = self()](const std::optional<KnownImage>& image) {
    if (!image)
      return me->refuse(Errc::uncertain,
                        fmt::format("image {} was made, and is not there", spec_of(me->fresh())));
    me->on_fresh(*image);
  };
  site_.looks.image(fresh().pool, fresh().image, deadline_at_, or_end<std::optional<KnownImage>>(on_image));
}

void CreateImage::on_fresh(const KnownImage& image) {
  if (image.size_bytes == wanted_bytes()) return put_tag(image);
  if (call_.source_ref.empty()) {
    return refuse(Errc::uncertain,
                  fmt::format("image {} was made with {} bytes", spec_of(fresh()), image.size_bytes));
  }
  change({"resize", "--no-progress", "--size", fmt::format("{}M", call_.volume.size_mb), spec_of(fresh())},
         [me = self(), image] { me->put_tag(image); });
}

void CreateImage::put_tag(const KnownImage& image) {
  change({"image-meta", "set", spec_of(fresh()), std::string(kTagName),
          to_text(Tag{call_.ledger_id, image.ref.id})},
         [me = self()] { me->set_limit(); });
}

// A clone has inherited the limit of its source: 0 takes it away.
void CreateImage::set_limit() {
  if (call_.volume.iops <= 0 && call_.source_ref.empty()) return give_key();
  const std::int64_t limit = std::max<std::int64_t>(0, call_.volume.iops);
  change({"config", "image", "set", spec_of(fresh()), "rbd_qos_iops_limit", std::to_string(limit)},
         [me = self()] { me->give_key(); });
}

void CreateImage::give_key() {
  change({"rename", spec_of(fresh()), spec_of(wanted())}, [me = self()] { me->read_back(); });
}

void CreateImage::read_back() {
  const auto on_image = [me = self()](const std::optional<KnownImage>& image) {
    if (image && is_made_by(*image, me->call_.ledger_id) && image->size_bytes == me->wanted_bytes())
      return me->succeed(image->ref, image->size_bytes);
    me->refuse(Errc::uncertain,
               fmt::format("image {} was made, and a look does not show it so", spec_of(me->wanted())));
  };
  site_.looks.image(wanted().pool, wanted().image, deadline_at_, or_end<std::optional<KnownImage>>(on_image));
}

}  // namespace

void create_image(const Site& site, OperationCall call, CallDone done) {
  std::make_shared<CreateImage>(site, std::move(call), std::move(done))->begin();
}

}  // namespace extvold::providers::rbd
