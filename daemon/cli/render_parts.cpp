#include "daemon/cli/render_parts.h"

#include <algorithm>
#include <array>

namespace extvold::daemon::cli {

std::string plain_text(const Json& json) {
  if (json.is_null()) return {};
  if (json.is_boolean()) return json.get<bool>() ? "yes" : "no";
  if (json.is_string()) return printable(json.get_ref<const std::string&>());
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& part(const Json& json, std::string_view name) {
  static const Json none;
  const auto at = json.is_object() ? json.find(std::string(name)) : json.end();
  return at == json.end() ? none : *at;
}

std::string text_of(const Json& json, std::string_view name) { return plain_text(part(json, name)); }

std::int64_t number_of(const Json& json, std::string_view name) {
  const Json& value = part(json, name);
  return value.is_number_integer() ? value.get<std::int64_t>() : 0;
}

const Json& list_of(const Json& json, std::string_view name) {
  static const Json none = Json::array();
  const Json& value = part(json, name);
  return value.is_array() ? value : none;
}

std::string joined(const Json& list, std::string_view between) {
  std::string out;
  for (const Json& one : list) {
    if (!out.empty()) out += between;
    out += plain_text(one);
  }
  return out;
}

std::string short_time(const std::string& time) {
  const std::size_t dot = time.find('.');
  return dot == std::string::npos ? time : time.substr(0, dot) + "Z";
}

Paint paint_of(std::string_view word) {
  constexpr std::array<std::string_view, 10> kGood = {"available",  "attached", "live", "active",
                                                      "open",       "running",  "done", "formatted",
                                                      "registered", "complete"};
  constexpr std::array<std::string_view, 15> kAttention = {
      "uncertain", "unknown",    "attaching", "detaching", "observe",     "held", "issued",      "recorded",
      "trashed",   "connecting", "absent",    "recovered", "unreachable", "gone", "disconnected"};
  constexpr std::array<std::string_view, 6> kBad = {"lost",      "failed",      "refused",
                                                    "read_only", "quarantined", "none"};
  const auto among = [&](const auto& list) {
    return std::find(list.begin(), list.end(), word) != list.end();
  };
  if (among(kGood)) return Paint::good;
  if (among(kAttention)) return Paint::attention;
  return among(kBad) ? Paint::bad : Paint::plain;
}

std::string counts_text(const Json& counts) {
  std::string out;
  for (const auto& [word, count] : counts.items()) {
    if (!count.is_number_integer() || count == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", count.get<std::int64_t>(), word);
  }
  return out.empty() ? "none" : out;
}

std::string render_claims(const Json& claims, Style style) {
  if (claims.empty()) return "  nobody claims it\n";
  std::string out;
  for (const Json& one : claims) {
    const std::string liveness = text_of(one, "liveness");
    out += fmt::format("  {} on {}: {}, {}", text_of(one, "who"),
                       part(one, "host").is_null() ? "?" : text_of(one, "host"),
                       part(one, "wanted") == true ? "wanted" : "not wanted",
                       painted(liveness, paint_of(liveness), style.colours));
    if (const std::string why = text_of(one, "why"); !why.empty()) out += fmt::format(" ({})", why);
    out += '\n';
    if (const std::string task_state = text_of(one, "task_state"); !task_state.empty()) {
      out += fmt::format("      {}; framework {}; agent {}; container {}\n", task_state,
                         text_of(one, "framework"), text_of(one, "agent"),
                         part(one, "container").is_null() ? "not named yet" : text_of(one, "container"));
    }
  }
  return out;
}

std::string render_attachments(const Json& attachments, Style style) {
  if (attachments.empty()) return "  none\n";
  std::string out;
  for (const Json& one : attachments) {
    const std::string state = text_of(one, "state");
    out += fmt::format("  {}: {}", text_of(one, "host"), painted(state, paint_of(state), style.colours));
    if (state == "detached") {
      out += part(one, "read_back") == true ? ", read back" : ", not read back";
    } else {
      out += fmt::format(" as {}{}", part(one, "device").is_null() ? "?" : text_of(one, "device"),
                         part(one, "read_only") == true ? ", read-only" : "");
      const std::string mounts = joined(list_of(one, "mounts"));
      if (!mounts.empty()) out += fmt::format(", mounted at {}", mounts);
      if (text_of(one, "origin") == "found") out += ", not by extvold";
    }
    out += fmt::format("; generation {}; since {}\n", text_of(one, "generation"),
                       short_time(text_of(one, "changed_at")));
    for (const Json& proof : list_of(one, "evidence")) {
      const std::string grade = text_of(proof, "grade");
      out += fmt::format("      {}{}: {}; permits {}\n", grade == "proven" ? "" : grade + " ",
                         text_of(proof, "kind"), text_of(proof, "detail"),
                         part(proof, "permits_attach_elsewhere") == true
                             ? "a detach, and an attach elsewhere after it"
                             : "a detach");
    }
  }
  return out;
}

std::string render_blocked(const Json& rows, Style style) {
  std::string out;
  for (const Json& row : rows) {
    const std::string host = text_of(row, "host");
    out += fmt::format("  {}{}{}; {} must act\n",
                       painted(text_of(row, "reason"), Paint::attention, style.colours),
                       host.empty() ? "" : " on ", host, text_of(row, "owner"));
    out += fmt::format("      {}\n", text_of(row, "text"));
    if (const std::string remedy = text_of(row, "remedy"); !remedy.empty())
      out += fmt::format("      What to do: {}\n", remedy);
    const std::string since = short_time(text_of(row, "since"));
    const std::string next = short_time(text_of(row, "next_look"));
    if (!since.empty() || !next.empty()) {
      out += fmt::format(
          "      {}{}\n", since.empty() ? "" : fmt::format("since {}; ", since),
          next.empty() ? "looked at again when something changes" : fmt::format("next look {}", next));
    }
  }
  return out;
}

}  // namespace extvold::daemon::cli
