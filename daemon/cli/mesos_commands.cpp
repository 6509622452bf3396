// Commands about Mesos' own things: agents, reservations, and what the master is asked to change of them.
#include <charconv>

#include "daemon/api/order_fields.h"
#include "daemon/cli/commands.h"
#include "daemon/units.h"

namespace extvold::daemon::cli {
namespace {

// "1024", "0.5": at most three decimals, as Mesos counts.
Result<std::int64_t> amount_of(const std::string& text) {
  const std::size_t point = text.find('.');
  std::string digits = text.substr(0, point);
  std::string decimals = point == std::string::npos ? "" : text.substr(point + 1);
  const bool dangling = point != std::string::npos && decimals.empty();
  if (!digits.empty() && digits.size() <= 15 && !dangling && decimals.size() <= 3) {
    decimals.resize(3, '0');
    digits += decimals;
    std::int64_t milli = 0;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), milli);
    if (error == std::errc{} && stop == digits.data() + digits.size() && milli > 0) return milli;
  }
  return fail(Errc::invalid, "amount {}: a number above 0 with at most three decimals is expected", text);
}

Result<MesosRequest> request_of(const ReservationArgs& args) {
  MesosRequest request = args.request;
  if (!args.amount.empty()) {
    ASSIGN(request.amount_milli, amount_of(args.amount));
  }
  if (!args.size.empty()) {
    const auto size = parse_size_mb(args.size);
    if (!size) return fail(Errc::invalid, "SIZE: {}", size.error().message);
    request.amount_milli = *size * 1000;
  }
  for (const std::string& one : args.labels) {
    const std::size_t sign = one.find('=');
    if (sign == std::string::npos || sign == 0)
      return fail(Errc::invalid, "--label {}: KEY=VALUE is expected", one);
    request.labels.emplace_back(one.substr(0, sign), one.substr(sign + 1));
  }
  return request;
}

// What every kind has; of AgentArgs or ReservationArgs.
template <typename Args>
AskMesos order_of(MesosOperationKind kind, const Args& args) {
  AskMesos order;
  order.kind = kind;
  order.agent = args.agent;
  order.reason = args.reason;
  order.dry_run = args.dry_run;
  return order;
}

Exit ask(Context& context, const AskMesos& order) {
  return context.order({"POST", {"mesos_operations"}, {}, record::to_json(order, record::Defaults::written)});
}

}  // namespace

Exit agent_list(Context& context) {
  return context.show(context.ask({"GET", {"agents"}, {}, nullptr}), render_agents);
}

Exit agent_ask(Context& context, MesosOperationKind kind, const AgentArgs& args) {
  AskMesos order = order_of(kind, args);
  order.request.mark_gone = args.mark_gone;
  if (!args.grace.empty()) {
    const auto grace = parse_duration(args.grace);
    if (!grace) return context.fail({Errc::invalid, fmt::format("--grace: {}", grace.error().message)});
    order.request.grace_seconds = grace->ns / 1'000'000'000;
  }
  if ((kind == MesosOperationKind::mark_agent_gone || args.mark_gone) && !args.dry_run) {
    const auto typed = context.typed(
        args.yes_i_mean, fmt::format("An agent that is marked gone never comes back under its id; its tasks "
                                     "count as gone.\nType the agent as you named it ({}): ",
                                     args.agent));
    if (!typed) return context.fail(typed.error());
    order.typed = *typed;
  }
  return ask(context, order);
}

Exit reservation_list(Context& context) {
  return context.show(context.ask({"GET", {"reservations"}, {}, nullptr}), render_reservations);
}

Exit reservation_ask(Context& context, MesosOperationKind kind, const ReservationArgs& args) {
  AskMesos order = order_of(kind, args);
  auto request = request_of(args);
  if (!request) return context.fail(request.error());
  order.request = *std::move(request);
  if (kind == MesosOperationKind::destroy_volumes && !args.dry_run) {
    const auto typed = context.typed(
        args.yes_i_mean,
        fmt::format("Its data will be gone. Type the volume's id ({}): ", order.request.persistence_id));
    if (!typed) return context.fail(typed.error());
    order.typed = *typed;
  }
  return ask(context, order);
}

}  // namespace extvold::daemon::cli
