#include <algorithm>

#include "daemon/api/order_fields.h"
#include "daemon/cli/commands.h"
#include "daemon/units.h"

namespace extvold::daemon::cli {
namespace {

template <typename T>
Json body_of(const T& order) {
  return record::to_json(order, record::Defaults::left_out);
}

template <typename E>
Result<E> word(std::string_view option, const std::string& text) {
  if (const auto value = from_text<E>(text)) return *value;
  return fail(Errc::invalid, "{} {}: one of {} is expected", option, text, fmt::join(enum_texts(E{}), ", "));
}

Result<PoolName> pool_of(const std::string& text) {
  if (auto pool = pool_name_from_text(text)) return *std::move(pool);
  return fail(Errc::invalid, "--pool {}: a pool is written type~instance~pool, as in local~laptop~hdd", text);
}

Result<std::int64_t> size_of(const std::string& text) {
  const auto size = parse_size_mb(text);
  if (!size) return fail(Errc::invalid, "--size: {}", size.error().message);
  return *size;
}

Result<CreateVolume> order_of(const VolumeCreateArgs& args) {
  CreateVolume order = args.order;
  ASSIGN(order.pool, pool_of(args.pool));
  if (args.size.empty() && order.from.empty())
    return fail(Errc::invalid, "--size is missing (--size 10GB): only a copy (--from) has one already");
  if (!args.size.empty()) {
    ASSIGN(order.size_mb, size_of(args.size));
  }
  if (!args.filesystem.empty()) {
    ASSIGN(order.filesystem, word<Filesystem>("--fs", args.filesystem));
  }
  ASSIGN(order.access, word<AccessMode>("--access", args.access));
  return order;
}

Result<AdoptVolume> order_of(const VolumeAdoptArgs& args) {
  AdoptVolume order = args.order;
  ASSIGN(order.pool, pool_of(args.pool));
  ASSIGN(order.filesystem, word<Filesystem>("--fs", args.filesystem));
  ASSIGN(order.access, word<AccessMode>("--access", args.access));
  return order;
}

}  // namespace

// The rows of a list that comes in parts.
Result<Json> all_of(Context& context, const std::string& list, std::map<std::string, std::string> query) {
  Json all = Json::array();
  query["after"] = "0";
  query["limit"] = "2000";
  while (true) {
    ASSIGN(Json part, context.ask({"GET", {list}, query, nullptr}));
    for (Json& one : part["volumes"]) all.push_back(std::move(one));
    const auto next = part.find("next");
    if (next == part.end() || !next->is_number()) return all;
    query["after"] = next->dump();
  }
}

Exit volume_create(Context& context, const VolumeCreateArgs& args) {
  const auto order = order_of(args);
  if (!order) return context.fail(order.error());
  return context.order({"POST", {"volumes"}, {}, body_of(*order)});
}

Exit volume_adopt(Context& context, const VolumeAdoptArgs& args) {
  const auto order = order_of(args);
  if (!order) return context.fail(order.error());
  return context.order({"POST", {"volumes", order->name, "adopt"}, {}, body_of(*order)});
}

Exit volume_list(Context& context, bool removed_too) {
  Result<Json> all = all_of(context, "volumes", {{"removed", removed_too ? "true" : "false"}});
  if (!all) return context.fail(all.error());
  std::stable_sort(all->begin(), all->end(),
                   [](const Json& a, const Json& b) { return a["name"] < b["name"]; });
  const Json list = {{"volumes", *std::move(all)}};
  return context.show(list, [](const Json& volumes, Style style) {
    return volumes["volumes"].empty() ? std::string("no volumes; `extvold volume create` makes one\n")
                                      : render_volumes(volumes, style);
  });
}

Exit volume_list_foreign(Context& context) {
  Result<Json> all = all_of(context, "foreign", {});
  if (!all) return context.fail(all.error());
  const Json list = {{"volumes", *std::move(all)}};
  return context.show(list, [](const Json& volumes, Style style) {
    return volumes["volumes"].empty()
               ? std::string("the daemon has seen no volume at its providers that is not in its ledger\n")
               : render_foreign(volumes, style);
  });
}

Exit volume_show(Context& context, const VolumeArgs& args) {
  return context.show(context.ask({"GET", {"volumes", args.name}, {}, nullptr}), render_volume);
}

Exit volume_attach(Context& context, const VolumeArgs& args) {
  return context.order({"POST", {"volumes", args.name, "attach"}, {}, {{"host", args.host}}});
}

Exit volume_detach(Context& context, const VolumeArgs& args) {
  return context.order({"POST", {"volumes", args.name, "detach"}, {}, {{"host", args.host}}});
}

Exit volume_remove(Context& context, const VolumeArgs& args) {
  const auto typed =
      context.typed(args.yes_i_mean, fmt::format("Type the name of the volume to remove ({}): ", args.name));
  if (!typed) return context.fail(typed.error());
  return context.order({"DELETE", {"volumes", args.name}, {}, {{"typed_name", *typed}}});
}

Exit volume_restore(Context& context, const VolumeArgs& args) {
  return context.order({"POST", {"volumes", args.name, "restore"}, {}, nullptr});
}

Exit volume_purge(Context& context, const VolumeArgs& args) {
  const auto typed = context.typed(
      args.yes_i_mean, fmt::format("Its data will be gone. Type the name of the volume ({}): ", args.name));
  if (!typed) return context.fail(typed.error());
  return context.order(
      {"POST", {"volumes", args.name, "purge"}, {}, {{"typed_name", *typed}, {"now", args.now}}});
}

Exit volume_resize(Context& context, const VolumeArgs& args) {
  const auto size = size_of(args.size);
  if (!size) return context.fail(size.error());
  return context.order({"POST", {"volumes", args.name, "resize"}, {}, {{"size_mb", *size}}});
}

Exit volume_format(Context& context, const VolumeArgs& args) {
  const auto typed =
      context.typed(args.yes_i_mean,
                    fmt::format("What is on it may be lost. Type the name of the volume ({}): ", args.name));
  if (!typed) return context.fail(typed.error());
  return context.order(
      {"POST", {"volumes", args.name, "format"}, {}, {{"typed_name", *typed}, {"reason", args.reason}}});
}

}  // namespace extvold::daemon::cli
