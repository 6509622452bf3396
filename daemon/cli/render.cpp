#include "daemon/cli/render.h"

#include "daemon/cli/render_parts.h"
#include "daemon/units.h"

namespace extvold::daemon::cli {
namespace {

std::string line(std::string_view name, const std::string& text) {
  return fmt::format("{:<12}{}\n", name, text);
}

std::string blocked_words(const Json& rows) {
  std::string out;
  for (const Json& row : rows) {
    const std::string word = fmt::format("{} ({})", text_of(row, "reason"), text_of(row, "owner"));
    if (out.find(word) == std::string::npos) out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

std::string operation_words(const Json& volume) {
  const Json& operation = part(volume, "operation");
  return operation.is_null() ? std::string()
                             : fmt::format("{} {}", text_of(operation, "kind"), text_of(operation, "state"));
}

std::string mesos_text(const Json& status, Style style) {
  const Json& mesos = part(status, "mesos");
  const std::string subscription = text_of(mesos, "subscription");
  std::string out;
  if (subscription == "open") {
    out = fmt::format("subscribed to {} since {}", text_of(mesos, "master"),
                      short_time(text_of(mesos, "since")));
  } else if (!subscription.empty()) {
    out = painted(subscription == "none" ? "not subscribed" : "connecting", Paint::attention, style.colours);
    if (const std::string master = text_of(mesos, "master"); !master.empty()) out += " to " + master;
  }
  if (const std::string error = text_of(mesos, "error"); !error.empty()) out += fmt::format(" ({})", error);
  const bool complete = part(mesos, "view_complete") == true;
  out += fmt::format("{}view {}", out.empty() ? "" : "; ",
                     complete ? painted("complete", Paint::good, style.colours)
                              : painted("incomplete", Paint::attention, style.colours));
  if (!complete) out += ": " + text_of(mesos, "view_incomplete_why");
  out += fmt::format("; epoch {}", number_of(mesos, "epoch"));
  if (const std::string version = text_of(mesos, "master_version"); !version.empty())
    out += "; Mesos " + version;
  return out;
}

std::string calls_text(const Json& calls, Style style) {
  std::string answered;
  std::string failing;
  for (const Json& one : calls) {
    const std::string at = short_time(text_of(one, "answered_at"));
    if (const std::int64_t failures = number_of(one, "failures"); failures > 0) {
      failing +=
          line("", fmt::format("{}: {} ({} in a row; last answered: {})",
                               painted(text_of(one, "call") + " fails", Paint::attention, style.colours),
                               text_of(one, "error"), failures, at.empty() ? "never" : at));
    } else {
      answered += fmt::format("{}{} {}", answered.empty() ? "" : ", ", text_of(one, "call"), at);
    }
  }
  if (calls.empty()) return {};
  return line("polls", answered.empty() ? "none is answered" : "answered: " + answered) + failing;
}

// Of what came in, only what was not taken as it came: empty in a healthy cluster of this Mesos version.
std::string ingest_text(const Json& activity) {
  Json notable = Json::object();
  for (const char* name : {"streams_undecodable", "stream_pauses"}) notable[name] = part(activity, name);
  const Json& ingest = part(activity, "ingest");
  for (const char* name :
       {"unknown_types", "unknown_fields", "unknown_values", "replaced_bytes", "cut_texts"})
    notable[name] = part(ingest, name);
  const std::string counts = counts_text(notable);
  return counts == "none" ? std::string() : line("ingest", counts);
}

std::string zookeeper_text(const Json& zookeeper, Style style) {
  const std::string session = text_of(zookeeper, "session");
  std::string out =
      fmt::format("{}: {}", text_of(zookeeper, "address"),
                  painted(session, session == "connected" ? Paint::good : Paint::attention, style.colours));
  if (const std::string error = text_of(zookeeper, "session_error"); !error.empty())
    out += fmt::format(" ({})", error);
  const Json& leader = part(zookeeper, "leader");
  if (leader.is_object()) {
    const std::string id = text_of(leader, "id");
    out += fmt::format("; leader {} by {}{}{}", text_of(leader, "url"), text_of(leader, "node"),
                       id.empty() ? "" : ", id ", id);
  } else {
    out += "; no leader";
  }
  if (const std::string error = text_of(zookeeper, "leader_error"); !error.empty())
    out += fmt::format(" ({})", error);
  const Json& guard = part(zookeeper, "guard");
  if (part(guard, "held") == true) {
    out += fmt::format("; guard {} held, epoch {}{}", text_of(guard, "path"), number_of(guard, "epoch"),
                       part(guard, "takes_over") == true ? ", waits for the calls of the daemon before" : "");
  } else {
    out += fmt::format("; guard {} {}", text_of(guard, "path"),
                       painted("not held", Paint::attention, style.colours));
  }
  return out;
}

std::string mode_text(const Json& status, Style style) {
  const std::string mode = text_of(status, "mode");
  std::string out = painted(mode, paint_of(mode), style.colours);
  if (mode == "observe") out += ": plans and explains, changes nothing; `extvold release --all` lets it act";
  if (const std::string only = text_of(status, "observe_only"); !only.empty())
    out += fmt::format("; nothing is done: {}", only);
  if (part(status, "detach_storm") == true)
    out += "; " + painted("the storm guard has stopped all detaches", Paint::bad, style.colours) +
           ": `extvold release --all` if they are right";
  if (part(status, "fence_stop") == true)
    out += "; " + painted("no host is fenced", Paint::bad, style.colours) +
           ": `extvold fence release --all --reason ...` if they are to be";
  return out;
}

std::string hosts_text(const Json& hosts) {
  const Json& names = list_of(hosts, "names");
  constexpr std::size_t kShown = 20;
  std::string out = fmt::format("{}", number_of(hosts, "known"));
  for (std::size_t i = 0; i < names.size() && i < kShown; ++i)
    out += fmt::format("{}{}", i == 0 ? ": " : ", ", plain_text(names[i]));
  if (names.size() > kShown) out += ", ...";
  for (const char* state : {"quarantined", "held", "released"}) {
    const Json& list = list_of(hosts, state);
    if (!list.empty()) out += fmt::format("; {}: {}", state, joined(list));
  }
  if (const Json& list = list_of(hosts, "fence_held"); !list.empty())
    out += fmt::format("; not to be fenced: {}", joined(list));
  return out;
}

std::string providers_text(const Json& status, Style style) {
  if (list_of(status, "providers").empty()) return {};
  Table table({"PROVIDER", "STATE", ">VOLUMES", "LISTED", "DETACH", "POOLS"});
  for (const Json& one : list_of(status, "providers")) {
    const bool complete = part(one, "complete") == true;
    table.add({text_of(one, "name"),
               complete ? Cell("complete", Paint::good)
                        : Cell("incomplete: " + text_of(one, "why_incomplete"), Paint::attention),
               text_of(one, "volumes_listed"), short_time(text_of(one, "listed_at")),
               part(one, "detach_enforced") == true ? "enforced" : "not enforced",
               joined(list_of(one, "pools"))});
  }
  return "\n" + table.text(style.colours);
}

std::string unresolved_text(const Json& status, Style style) {
  if (list_of(status, "unresolved").empty()) return {};
  Table table({"UNRESOLVED", "HOST", "WHY", "DRIVER", "NAMED AS", "SPELLING"});
  for (const Json& one : list_of(status, "unresolved")) {
    table.add({text_of(one, "who"), text_of(one, "host"), Cell(text_of(one, "why"), Paint::attention),
               text_of(one, "driver"), text_of(one, "name"), text_of(one, "spelling")});
  }
  return "\n" + table.text(style.colours);
}

std::string drivers_text(const Json& status) {
  std::string out;
  for (const Json& one : list_of(status, "drivers")) {
    if (part(one, "enforced") == true) continue;
    const std::string after = text_of(one, "assumes_ended_after");
    out +=
        fmt::format("not enforced: driver {} ({})\n", text_of(one, "name"),
                    text_of(one, "attach_by") == "plugin"
                        ? std::string("the agents' own plugin attaches its volumes")
                        : fmt::format("a task is assumed to be gone {} after its executor said so", after));
  }
  return out.empty() ? out : "\n" + out;
}

}  // namespace

std::string render_status(const Json& status, Style style) {
  const std::string daemon = text_of(status, "daemon");
  std::string out = fmt::format("extvold {}: ", text_of(status, "version"));
  if (daemon == "none") {
    out += painted("no daemon runs", Paint::bad, style.colours);
  } else {
    out += painted(daemon, paint_of(daemon), style.colours);
    if (const std::string since = text_of(status, "started_at"); !since.empty())
      out += " since " + short_time(since);
  }
  if (const std::string why = text_of(status, "read_only_reason"); !why.empty()) out += ": " + why;
  out += "\n";
  out += line("mode", mode_text(status, style));
  out += line("mesos", mesos_text(status, style));
  if (const Json& zookeeper = part(part(status, "mesos"), "zookeeper"); zookeeper.is_object())
    out += line("zookeeper", zookeeper_text(zookeeper, style));
  out += calls_text(list_of(part(status, "mesos"), "calls"), style);
  out += ingest_text(part(status, "activity"));
  const Json& ledger = part(status, "ledger");
  std::string wal = text_of(ledger, "wal_bytes");
  if (!wal.empty()) wal = fmt::format(", WAL {} KiB", number_of(ledger, "wal_bytes") / 1024);
  out += line("ledger", fmt::format("{}, incarnation {}, sequence {}{}", text_of(ledger, "path"),
                                    number_of(ledger, "incarnation"), number_of(ledger, "sequence"), wal));
  if (const std::string warning = text_of(ledger, "wal_warning"); !warning.empty())
    out += line("", painted(warning, Paint::attention, style.colours));
  Json agents = part(status, "agents");
  const std::int64_t read = number_of(agents, "view_complete");
  if (agents.is_object()) agents.erase("view_complete");
  out += line("agents", fmt::format("{}; {} read by their own API", counts_text(agents), read));
  for (const Json& one : list_of(agents, "api_failing"))
    out += line(
        "", fmt::format("{} ({}): {}", text_of(one, "agent"), text_of(one, "host"), text_of(one, "error")));
  out += line("hosts", hosts_text(part(status, "hosts")));
  out += line("fences", counts_text(part(status, "fences")));
  out += line("volumes", counts_text(part(status, "volumes")));
  out += line("attachments", counts_text(part(status, "attachments")));
  out += line("claims", counts_text(part(status, "claims")));
  out += line("operations", counts_text(part(status, "operations")));
  const std::int64_t blocked = number_of(part(status, "blocked"), "volumes");
  out += line("blocked",
              blocked == 0 ? "none"
                           : fmt::format("{} {}; must act: {}", blocked, blocked == 1 ? "volume" : "volumes",
                                         counts_text(part(part(status, "blocked"), "by_owner"))));
  return out + providers_text(status, style) + unresolved_text(status, style) + drivers_text(status);
}

std::string render_volumes(const Json& volumes, Style style) {
  Table table(
      {"NAME", "STATE", ">SIZE", "POOL", "FS", "ACCESS", "ATTACHED TO", ">WANTED", "OPERATION", "BLOCKED"});
  for (const Json& one : list_of(volumes, "volumes")) {
    const std::string state = text_of(one, "state");
    table.add({text_of(one, "name"), Cell(state, paint_of(state)), size_text(number_of(one, "size_mb")),
               text_of(one, "pool"), text_of(one, "filesystem"), text_of(one, "access"),
               joined(list_of(one, "attached_to")), text_of(one, "claims_wanted"), operation_words(one),
               Cell(blocked_words(list_of(one, "blocked")), Paint::attention)});
  }
  return table.text(style.colours);
}

std::string render_foreign(const Json& volumes, Style style) {
  Table table({"PROVIDER", "KEY", "POOL", ">SIZE", "ATTACHED TO"});
  for (const Json& one : list_of(volumes, "volumes")) {
    const std::int64_t size = number_of(one, "size_mb");
    table.add({text_of(one, "provider"), text_of(one, "key"), text_of(one, "pool"),
               size == 0 ? std::string() : size_text(size), joined(list_of(one, "attached_to"))});
  }
  return table.text(style.colours);
}

std::string render_volume(const Json& volume, Style style) {
  const std::string state = text_of(volume, "state");
  std::string out = line("volume", fmt::format("{} ({})", text_of(volume, "name"), text_of(volume, "key")));
  out += line("state", painted(state, paint_of(state), style.colours));
  if (const std::string purge = text_of(volume, "purge_after"); !purge.empty())
    out += line("", fmt::format("in the trash until {}", short_time(purge)));
  out += line("pool", text_of(volume, "pool"));
  const std::int64_t wanted = number_of(volume, "wanted_size_mb");
  out += line("size",
              size_text(number_of(volume, "size_mb")) + (wanted == 0 ? "" : ", to be " + size_text(wanted)));
  if (const std::string iops = text_of(volume, "iops"); !iops.empty()) out += line("iops", iops);
  const std::string filesystem = text_of(volume, "filesystem");
  out += line("filesystem",
              filesystem.empty() ? "none" : fmt::format("{} ({})", filesystem, text_of(volume, "format")));
  out += line("access", text_of(volume, "access"));
  if (const std::string at = text_of(volume, "mount_point"); !at.empty()) out += line("mount point", at);
  if (const std::string profile = text_of(volume, "profile"); !profile.empty())
    out += line("profile", profile);
  const std::string from = text_of(volume, "from");
  out += line("origin", text_of(volume, "origin") + (from.empty() ? "" : " from " + from));
  if (const std::string hold = text_of(volume, "hold"); hold != "inherit")
    out += line("hold", painted(hold, Paint::attention, style.colours));
  if (const std::string ref = text_of(volume, "provider_ref"); !ref.empty()) out += line("provider", ref);
  out += line("created", short_time(text_of(volume, "created_at")));
  const Json& observed = part(volume, "observed");
  if (!observed.is_null()) {
    out += line("observed", fmt::format("{}: {}", short_time(text_of(observed, "at")),
                                        part(observed, "present") == true ? "the provider has it"
                                                                          : "the provider does not have it"));
  }
  if (const Json& operation = part(volume, "operation"); !operation.is_null()) {
    out += line("operation", fmt::format("{} {}: {}", text_of(operation, "text"), text_of(operation, "state"),
                                         text_of(operation, "cause")));
  }
  if (const Json& failure = part(volume, "last_failure"); !failure.is_null()) {
    out += line("last failure", fmt::format("{} at {}: {}: {}", text_of(failure, "text"),
                                            short_time(text_of(failure, "ended_at")),
                                            text_of(failure, "error_code"), text_of(failure, "error")));
  }
  out += "attachments\n" + render_attachments(list_of(volume, "attachments"), style);
  out += "claims\n" + render_claims(list_of(volume, "claims"), style);
  if (!list_of(volume, "blocked").empty())
    out += "blocked\n" + render_blocked(list_of(volume, "blocked"), style);
  return out;
}

// The plan's own text: the same that the log and the golden tests have.
std::string render_plan(const Json& plan, Style) {
  const auto at = plan.find("text");
  return at == plan.end() || !at->is_string() ? std::string() : at->get<std::string>();
}

std::string render_history(const Json& history, Style style) {
  Table table({"TIME", "WHAT", "VOLUME", "HOST", "BY", "WHY"});
  for (const Json& row : list_of(history, "history")) {
    const std::string user = text_of(row, "user_uid");
    table.add({Cell(short_time(text_of(row, "at")), Paint::faint), text_of(row, "kind"),
               text_of(row, "volume"), text_of(row, "host"),
               user.empty() ? text_of(row, "rule") : "uid " + user, text_of(row, "text")});
  }
  return table.empty() ? "no history\n" : table.text(style.colours);
}

std::string render_explanation(const Json& explanation, Style style) {
  const Json& volume = part(explanation, "volume");
  std::string out = text_of(explanation, "summary") + "\n";
  for (const Json& note : list_of(explanation, "notes")) out += fmt::format("note: {}\n", plain_text(note));
  out += "\nclaims: who wants it, and whether they may still use it\n" +
         render_claims(list_of(volume, "claims"), style);
  out += "\nattachments: where it is, and what proves that a host lets go\n" +
         render_attachments(list_of(volume, "attachments"), style);
  if (const Json& operation = part(volume, "operation"); !operation.is_null()) {
    out += fmt::format("\nunder way\n  {}: {} since {} ({})\n", text_of(operation, "text"),
                       text_of(operation, "state"), short_time(text_of(operation, "recorded_at")),
                       text_of(operation, "cause"));
    if (const std::string error = text_of(operation, "error"); !error.empty())
      out += fmt::format("      {}\n", error);
  }
  if (!list_of(explanation, "plan").empty()) {
    out += "\nnext\n";
    for (const Json& one : list_of(explanation, "plan")) {
      const std::string waits = text_of(one, "waits_for");
      out += fmt::format("  {} ({}){}{}\n", text_of(one, "text"), text_of(one, "cause"),
                         waits.empty() ? "" : ", waits for ", waits);
    }
  }
  if (!list_of(explanation, "blocked").empty())
    out += "\nblocked\n" + render_blocked(list_of(explanation, "blocked"), style);
  if (const std::string next = text_of(explanation, "next_look"); !next.empty())
    out += fmt::format("\nnext look {}\n", short_time(next));
  if (!list_of(explanation, "history").empty()) out += "\nlately\n" + render_history(explanation, style);
  return out;
}

}  // namespace extvold::daemon::cli
