// Fences for people.
#include "daemon/cli/render_parts.h"

namespace extvold::daemon::cli {
namespace {

Paint paint_of_fence(std::string_view state) {
  if (state == "held") return Paint::good;
  return state == "failed" || state == "lifted" ? Paint::faint : Paint::attention;
}

// What it takes away: "volume pgdata at san~one", "everything at san~one", "power".
std::string what_of(const Json& fence) {
  const std::string rung = text_of(fence, "rung");
  if (rung == "volume")
    return fmt::format("volume {} at {}", text_of(fence, "volume"), text_of(fence, "provider"));
  return rung == "host" ? fmt::format("everything at {}", text_of(fence, "provider")) : std::string("power");
}

std::string proof_words(const Json& fence) {
  std::string out;
  for (const Json& one : list_of(fence, "proves")) {
    out += fmt::format("{}{}{}", out.empty() ? "" : ", ", text_of(one, "volume"),
                       part(one, "counts") == true ? "" : " (does not count now)");
  }
  return out;
}

std::string stopped_text(const Json& answer, Style style) {
  if (part(answer, "stopped") != true) return {};
  return painted("fencing is stopped", Paint::bad, style.colours) +
         ": no host is fenced until `extvold fence release --all --reason ...`\n";
}

std::string due_text(const Json& clock) {
  const std::string due = text_of(clock, "due_at");
  if (part(clock, "runs") != true) return "it stands";
  if (due.empty()) return {};
  return (part(clock, "due") == true ? "since " : "at ") + short_time(due);
}

std::string clocks_text(const Json& answer, Style style) {
  if (list_of(answer, "clocks").empty()) return {};
  Table table({"CLOCK OF", "FOR VOLUME", "HAS RUN", "OF", "RUNS SINCE", "DUE"});
  for (const Json& one : list_of(answer, "clocks")) {
    table.add({text_of(one, "host"), text_of(one, "volume"), text_of(one, "ran"), text_of(one, "after"),
               short_time(text_of(one, "since")),
               Cell(due_text(one), part(one, "due") == true ? Paint::attention : Paint::plain)});
  }
  return "\n" + table.text(style.colours);
}

std::string host_words(const Json& host) {
  std::string out;
  if (part(host, "quarantined") == true) out = "quarantined";
  if (part(host, "fence_held") == true) out += out.empty() ? "not to be fenced" : ", not to be fenced";
  return out;
}

std::string agents_of(const Json& host) {
  std::string out;
  for (const Json& one : list_of(host, "agents"))
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", text_of(one, "id"), text_of(one, "state"));
  return out;
}

std::string detail(std::string_view name, const std::string& text) {
  return text.empty() ? std::string() : fmt::format("      {:<10}{}\n", name, text);
}

std::string standing_text(const Json& fence, Style style) {
  const std::string state = text_of(fence, "state");
  std::string out =
      fmt::format("  {} {}: {}{}\n", text_of(fence, "id"), text_of(fence, "text"),
                  painted(state, paint_of_fence(state), style.colours),
                  text_of(fence, "grade") == "cooperative" ? ", cooperative: the host's own help" : "");
  out += detail("cause", text_of(fence, "cause"));
  const std::string proves = proof_words(fence);
  out += detail("proves", proves.empty() ? "nothing" : proves);
  out += detail("seen", text_of(fence, "seen"));
  out += detail("error", text_of(fence, "error"));
  if (text_of(fence, "look_error") != text_of(fence, "error"))
    out += detail("look", text_of(fence, "look_error"));
  out += detail("recorded", short_time(text_of(fence, "recorded_at")));
  out += detail("held", short_time(text_of(fence, "held_at")));
  out += detail("checked", short_time(text_of(fence, "checked_at")));
  out += detail("expires", short_time(text_of(fence, "expires_at")));
  return out;
}

std::string tries_text(const Json& answer, Style style) {
  if (list_of(answer, "tries").empty()) return {};
  Table table({"FAILED", "AT", "VOLUME", ">TIMES", "AGAIN", "WHY"});
  for (const Json& one : list_of(answer, "tries")) {
    table.add({text_of(one, "rung"), text_of(one, "provider"), text_of(one, "volume"),
               text_of(one, "failures"), short_time(text_of(one, "again_at")), text_of(one, "why")});
  }
  return "\n" + table.text(style.colours);
}

std::string ended_text(const Json& answer, Style style) {
  if (list_of(answer, "ended").empty()) return {};
  Table table({">ENDED", "WHAT", "STATE", "GRADE", "RECORDED", "HELD", "END", "WHY"});
  for (const Json& one : list_of(answer, "ended")) {
    const std::string state = text_of(one, "state");
    const std::string error = text_of(one, "error");
    table.add({text_of(one, "id"), what_of(one), Cell(state, paint_of_fence(state)), text_of(one, "grade"),
               short_time(text_of(one, "recorded_at")), short_time(text_of(one, "held_at")),
               short_time(text_of(one, "ended_at")), error.empty() ? text_of(one, "cause") : error});
  }
  return "\n" + table.text(style.colours);
}

}  // namespace

std::string render_fences(const Json& fences, Style style) {
  std::string out = stopped_text(fences, style);
  Table table({">FENCE", "HOST", "TAKES AWAY", "STATE", "GRADE", "PROVES", "HELD", "EXPIRES"});
  for (const Json& one : list_of(fences, "fences")) {
    const std::string state = text_of(one, "state");
    table.add({text_of(one, "id"), text_of(one, "host"), what_of(one), Cell(state, paint_of_fence(state)),
               text_of(one, "grade"), proof_words(one), short_time(text_of(one, "held_at")),
               short_time(text_of(one, "expires_at"))});
  }
  out += table.empty() ? "no fence stands\n" : table.text(style.colours);
  if (!list_of(fences, "hosts").empty()) {
    Table hosts({"HOST", "STATE", "AGENTS", "WHY"});
    for (const Json& one : list_of(fences, "hosts")) {
      hosts.add({text_of(one, "name"), Cell(host_words(one), Paint::attention), agents_of(one),
                 text_of(one, "quarantine_reason")});
    }
    out += "\n" + hosts.text(style.colours);
  }
  return out + clocks_text(fences, style);
}

std::string render_fences_of_host(const Json& fences, Style style) {
  const Json& host = part(fences, "host");
  const std::string words = host_words(host);
  const std::string agents = agents_of(host);
  const std::string reason = text_of(host, "quarantine_reason");
  std::string out = stopped_text(fences, style);
  out += fmt::format("host {}: {}{}\n", text_of(host, "name"),
                     words.empty() ? "neither quarantined nor held" : words,
                     reason.empty() ? "" : fmt::format(" ({})", reason));
  out += fmt::format("agents: {}\n", agents.empty() ? "none" : agents);
  out += "\nfences that stand\n";
  if (list_of(fences, "fences").empty()) out += "  none\n";
  for (const Json& one : list_of(fences, "fences")) out += standing_text(one, style);
  return out + clocks_text(fences, style) + tries_text(fences, style) + ended_text(fences, style);
}

}  // namespace extvold::daemon::cli
