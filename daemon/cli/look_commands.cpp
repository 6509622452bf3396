#include "daemon/cli/commands.h"
#include "daemon/record/time_text.h"
#include "daemon/units.h"

namespace extvold::daemon::cli {
namespace {

// "2h": that long ago; else a time.
Result<WallTime> since_of(const std::string& text) {
  if (const auto ago = parse_duration(text)) return WallTime{SystemClock().wall().ns - ago->ns};
  if (const auto time = record::wall_time_from_text(text)) return *time;
  return fail(
      Errc::invalid,
      "--since {}: a time (\"2026-01-31T12:00:00Z\", UTC) or how long ago (\"2h\", \"3d\") is expected",
      text);
}

}  // namespace

Exit status(Context& context) {
  return context.show(context.ask({"GET", {"status"}, {}, nullptr}), render_status);
}

Exit history(Context& context, const HistoryArgs& args) {
  Ask ask{"GET", {"history"}, {}, nullptr};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) ask.query[name] = value;
  };
  add("volume", args.volume);
  add("host", args.host);
  add("framework", args.framework);
  add("task", args.task);
  if (!args.since.empty()) {
    const auto since = since_of(args.since);
    if (!since) return context.fail(since.error());
    add("since", record::to_text(*since));
  }
  add("limit", fmt::format("{}", args.limit));
  const Result<Json> answer = context.ask(ask);
  const Exit exit = context.show(answer, render_history);
  if (answer && static_cast<int>((*answer)["history"].size()) >= args.limit)
    context.note(fmt::format("these are the newest {}; --limit shows more, --since less", args.limit));
  return exit;
}

Exit explain(Context& context, const std::string& volume) {
  return context.show(context.ask({"GET", {"explain", volume}, {}, nullptr}), render_explanation);
}

Exit hold(Context& context, const std::string& target) {
  return context.order({"POST", {"hold"}, {}, {{"target", target}}});
}

Exit release(Context& context, const std::string& target) {
  return context.order({"POST", {"release"}, {}, {{"target", target}}});
}

}  // namespace extvold::daemon::cli
