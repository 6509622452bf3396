#include "daemon/api/views.h"
#include "daemon/cli/commands.h"
#include "daemon/cli/render_parts.h"
#include "daemon/reconcile_once.h"
#include "daemon/record/record.h"
#include "daemon/units.h"
#include "reconcilers/planner.h"

namespace extvold::daemon::cli {
namespace {

// A look and its plan, wherever they come from.
struct Planned {
  record::Recording state;
  Plan plan;
  WallTime as_of;
  std::vector<std::string> incomplete;
};

Result<Planned> from_daemon(Context& context) {
  if (!context.daemon_answers())
    return fail(Errc::unavailable,
                "--of-daemon: no daemon answers at {}; without it a look of its own is taken",
                context.config()->socket_path);
  ASSIGN(const Json answer, context.ask({"GET", {"recording"}, {}, nullptr}));
  for (const char* name : {"snapshot", "observed", "policy", "now", "as_of"}) {
    if (!answer.contains(name))
      return fail(Errc::internal, "the daemon's answer has no \"{}\"; is it of another version?", name);
  }
  Planned out;
  ASSIGN(out.state.snapshot, record::snapshot_from_json(answer["snapshot"]));
  ASSIGN(out.state.observed, record::value_from_json<Observed>(answer["observed"]));
  ASSIGN(out.state.policy, record::value_from_json<Policy>(answer["policy"]));
  TRY(record::from_json(answer["now"], out.state.now, record::Place()));
  TRY(record::from_json(answer["as_of"], out.as_of, record::Place()));
  out.plan = reconcilers::plan(out.state.snapshot, out.state.observed, out.state.now, out.state.policy);
  out.incomplete = not_seen(out.state.observed, out.state.policy.has_master);
  return out;
}

Planned from_once(OnceResult result) {
  Planned out;
  out.state = {std::move(result.snapshot), std::move(result.observed), std::move(result.policy),
               result.planned_at};
  out.plan = std::move(result.plan);
  out.as_of = result.as_of;
  out.incomplete = std::move(result.incomplete);
  return out;
}

Json plan_json(const Planned& planned) {
  Json json = api::plan_view(planned.state.snapshot, planned.plan, {planned.state.now, planned.as_of});
  json["as_of"] = record::to_text(planned.as_of);
  json["complete"] = planned.incomplete.empty();
  json["incomplete"] = planned.incomplete;
  return json;
}

std::string as_of_text(const Json& json) {
  std::string out = fmt::format("as of {}\n", short_time(json["as_of"].get<std::string>()));
  for (const Json& one : json["incomplete"]) out += fmt::format("not seen: {}\n", one.get<std::string>());
  return out;
}

// Of what was not seen whole nobody can say that there is nothing to do.
Exit exit_of(const Planned& planned, const ReconcileArgs& args) {
  if (!args.detailed_exitcode) return Exit::ok;
  if (!planned.plan.operations.empty() || !planned.plan.fences.empty()) return Exit::something_to_do;
  return planned.incomplete.empty() ? Exit::ok : Exit::error;
}

Exit show_plan(Context& context, const Planned& planned, const ReconcileArgs& args) {
  if (!args.record.empty()) {
    const record::Recording& state = planned.state;
    if (Status written = record::write_recording(args.record, state.snapshot, state.observed, state.policy,
                                                 state.now, planned.plan);
        !written)
      return context.fail(written.error());
    context.note(fmt::format("recorded in {}; put under tests/golden/ it is a test", args.record));
  }
  const Json json = plan_json(planned);
  context.print(json, as_of_text(json) + render_plan(json, context.style()));
  if (args.detailed_exitcode && !planned.incomplete.empty())
    context.note(fmt::format("not everything was seen: {}", planned.incomplete.front()));
  return exit_of(planned, args);
}

Exit act_once(Context& context, const ReconcileArgs& args, const OnceOptions& options) {
  Result<OnceResult> result = reconcile_and_act(*context.config(), options);
  if (!result) return context.fail(result.error());
  Json done = Json::array();
  std::string text;
  for (const HistoryEntry& entry : result->done) {
    done.push_back({{"kind", entry.kind}, {"rule", entry.rule}, {"text", entry.text}});
    if (entry.kind.starts_with("operation.") || entry.kind.starts_with("fence."))
      text += fmt::format("{}: {}\n", entry.kind, entry.text);
  }
  const Planned left = from_once(*std::move(result));
  Json json = plan_json(left);
  json["done"] = std::move(done);
  context.print(json, text + "left to do, " + as_of_text(json) + render_plan(json, context.style()));
  return exit_of(left, args);
}

}  // namespace

Exit reconcile(Context& context, const ReconcileArgs& args) {
  const Config* config = context.config();
  if (config == nullptr) return Exit::usage;
  const auto wait = parse_duration(args.wait);
  if (!wait) return context.fail({Errc::invalid, fmt::format("--wait: {}", wait.error().message)});
  if (!args.dry_run) {
    if (!args.record.empty()) return context.fail({Errc::invalid, "--record goes with --dry-run"});
    if (context.daemon_answers()) return context.order({"POST", {"reconcile"}, {}, nullptr});
    return act_once(context, args, {*wait});
  }
  if (args.of_daemon) {
    const auto planned = from_daemon(context);
    return planned ? show_plan(context, *planned, args) : context.fail(planned.error());
  }
  Result<OnceResult> result = reconcile_dry_run(*config, {*wait});
  if (!result) return context.fail(result.error());
  return show_plan(context, from_once(*std::move(result)), args);
}

}  // namespace extvold::daemon::cli
