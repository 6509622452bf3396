#include "providers/rexray/format_helper.h"

#include <array>

#include "host/mkfs.h"
#include "providers/foreign_text.h"
#include "providers/json_answer.h"
#include "providers/json_fields.h"

namespace extvold::providers::rexray {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kVerb = "rexray.format";
constexpr std::int64_t kSizeMbMax = std::int64_t{1} << 40;
constexpr std::size_t kTextBytesMax = std::size_t{1} << 20U;

Json answer_json(const FormatAnswer& answer) {
  return {{"changed", answer.changed}, {"refused", answer.refused}, {"reason", answer.reason}};
}

Result<Json> run_format(const Json& request) {
  ASSIGN(const FormatOrder order, parse_format_order(request));
  host::FormatRequest wish;
  wish.device = order.device;
  wish.size_bytes = static_cast<std::uint64_t>(order.size_mb) << 20U;
  wish.filesystem = order.filesystem;
  wish.key = order.key;
  // The ledger has the intent already, and nothing but the volume's own name is at hand to keep one in.
  wish.before_mkfs = [] { return Status(); };
  ASSIGN(const host::FormatVerdict verdict, host::format_device(wish));
  FormatAnswer answer;
  answer.changed = verdict.outcome == host::FormatOutcome::formatted;
  answer.refused = verdict.outcome == host::FormatOutcome::refused;
  answer.reason = verdict.reason;
  return answer_json(answer);
}

tl::unexpected<Error> no_answer(std::string_view why) {
  return fail(Errc::uncertain, "the host helper gave no proper answer: {}", in_one_line(why));
}

}  // namespace

std::string format_request_text(const FormatOrder& order) {
  return json_text({{"protocol", host::kHelperProtocol},
                    {"verb", kVerb},
                    {"device", order.device},
                    {"size_mb", order.size_mb},
                    {"filesystem", to_text(order.filesystem)},
                    {"key", order.key}});
}

Result<FormatOrder> parse_format_order(const Json& request) {
  JsonFields in(request, "request");
  in.number("protocol", host::kHelperProtocol, host::kHelperProtocol);
  in.text("verb");
  FormatOrder order;
  order.device = in.text("device");
  order.size_mb = in.number("size_mb", 1, kSizeMbMax);
  order.filesystem = in.enumerator<Filesystem>("filesystem");
  order.key = in.text("key", 256);
  TRY(in.done());
  if (!order.device.starts_with("/dev/") || order.device.find("..") != std::string::npos)
    return fail(Errc::invalid, "\"{}\" is no device", in_one_line(order.device, 100));
  if (order.filesystem == Filesystem::none) return fail(Errc::invalid, "there is no filesystem to make");
  return order;
}

std::string format_answer_text(const FormatAnswer& answer) {
  Json value = answer_json(answer);
  value["ok"] = true;
  return json_text(value);
}

Result<FormatAnswer> parse_format_answer(std::string_view output) {
  const Json value = Json::parse(output, nullptr, false);
  if (!value.is_object()) return no_answer(output.empty() ? "nothing" : output);
  JsonFields in(value, "answer");
  if (!in.boolean("ok")) {
    const std::string code = in.text("code", 64);
    const std::string message = in.text("message", kTextBytesMax);
    if (const Status whole = in.done(); !whole) return no_answer(whole.error().message);
    const Errc errc = errc_from_text(code);
    if (to_text(errc) != code) return no_answer("unknown error code");
    return fail(errc, "{}", in_one_line(message));
  }
  FormatAnswer answer;
  answer.changed = in.boolean("changed");
  answer.refused = in.boolean("refused");
  answer.reason = in_one_line(in.text("reason", kTextBytesMax));
  if (const Status whole = in.done(); !whole) return no_answer(whole.error().message);
  return answer;
}

std::span<const host::HelperVerb> helper_verbs() {
  static const std::array<host::HelperVerb, 1> verbs = {{{kVerb, &run_format}}};
  return verbs;
}

}  // namespace extvold::providers::rexray
