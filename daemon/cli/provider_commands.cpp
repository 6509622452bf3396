// extvold provider list, check: what storage there is, what each can do, and whether it answers.
#include <algorithm>
#include <optional>
#include <set>

#include "daemon/cli/commands.h"
#include "daemon/cli/render_parts.h"
#include "daemon/machine.h"
#include "daemon/record/record.h"

namespace extvold::daemon::cli {
namespace {

constexpr std::size_t kForeignShown = 20;

std::string capabilities_text(const Json& capabilities, bool wanted) {
  std::string out;
  for (const auto& [name, can] : capabilities.items()) {
    if (can.is_boolean() && can == wanted) out += (out.empty() ? "" : ", ") + name;
  }
  return out.empty() ? "nothing" : out;
}

std::string sizes_text(const Json& pools, Style style) {
  if (pools.empty()) return {};
  Table table({"POOL", ">VOLUMES", ">ALLOCATED MB", ">CAPACITY MB", ">FREE MB", "DRIFT"});
  for (const Json& one : pools) {
    std::string drift = "the provider does not say";
    if (!part(one, "capacity_mb").is_null() && !part(one, "free_mb").is_null()) {
      const std::int64_t used = number_of(one, "capacity_mb") - number_of(one, "free_mb");
      const std::int64_t more = used - number_of(one, "allocated_mb");
      drift = more == 0 ? "none"
                        : fmt::format("{} MB {} in use there", std::abs(more), more > 0 ? "more" : "less");
    }
    table.add({text_of(one, "name"), text_of(one, "volumes"), text_of(one, "allocated_mb"),
               text_of(one, "capacity_mb"), text_of(one, "free_mb"), drift});
  }
  return table.text(style.colours);
}

// Nothing of one that is asked as often as there is something to ask.
std::string budget_text(const Json& budget) {
  if (part(budget, "calls_per_second").is_null()) return {};
  const std::string paused = text_of(budget, "paused_until");
  const std::string configured = text_of(budget, "configured");
  return fmt::format("  asked   {:.1f} times a second at most{}{}\n",
                     part(budget, "calls_per_second").get<double>(),
                     configured.empty() ? "; it said that more is too often" : ", of " + configured,
                     paused.empty() ? "" : ", not before " + short_time(paused));
}

// Who makes the filesystem of what it makes.
std::string formatting_text(const Json& capabilities) {
  const std::string who = text_of(capabilities, "formatting");
  if (who == to_text(Formatting::node_side)) return "its own half on the host that uses the volume";
  return who == to_text(Formatting::nobody) ? "nobody: --fs none" : "extvold, on format_host";
}

std::string abilities_text(const Json& capabilities) {
  return fmt::format("  can     {}\n  cannot  {}\n  formats {}\n", capabilities_text(capabilities, true),
                     capabilities_text(capabilities, false), formatting_text(capabilities));
}

std::string render_providers(const Json& answer, Style style) {
  std::string out;
  for (const Json& one : list_of(answer, "providers")) {
    const bool complete = part(one, "complete") == true;
    out +=
        fmt::format("{}: {}\n", text_of(one, "name"),
                    complete ? fmt::format("answers ({} volumes listed, {})", text_of(one, "volumes_listed"),
                                           short_time(text_of(one, "listed_at")))
                             : text_of(one, "why_incomplete"));
    out += budget_text(part(one, "budget"));
    out += abilities_text(part(one, "capabilities"));
  }
  if (out.empty()) return "no provider is configured\n";
  return out + "\n" + sizes_text(list_of(answer, "pools"), style);
}

// By its full name, or by that in [providers.NAME].
const ProviderConfig* configured(const Config& config, const std::string& name) {
  const auto found = std::find_if(config.providers.begin(), config.providers.end(), [&](const auto& one) {
    const std::string& full = name_of(one).value;
    return full == name || full.substr(full.find('~') + 1) == name;
  });
  return found == config.providers.end() ? nullptr : &*found;
}

struct Looked {
  ProviderInfo info;
  ProviderObservation seen;
  std::vector<Json> rows;  // of the ledger's volumes at this provider, if there is a ledger
  bool ledger_read = false;
};

// What the ledger has there; nothing where there is no ledger yet, or it cannot be read.
void read_rows(Context& context, const ProviderName& provider, Looked& looked) {
  Result<Json> known = all_of(context, "volumes", {});
  if (!known) return;
  looked.ledger_read = true;
  for (Json& one : *known) {
    if (text_of(one, "pool").starts_with(provider.value + "~")) looked.rows.push_back(std::move(one));
  }
}

std::vector<providers::KnownVolume> known_volumes(const std::vector<Json>& rows) {
  std::vector<providers::KnownVolume> known;
  for (const Json& one : rows) {
    const std::optional<PoolName> pool = pool_name_from_text(text_of(one, "pool"));
    known.push_back({text_of(one, "key"), text_of(one, "provider_ref"), pool ? pool->pool : std::string(),
                     number_of(one, "size_mb")});
  }
  return known;
}

Result<Looked> look_at(Context& context, const Config& config, const ProviderConfig& one) {
  Machine machine;
  Config alone = config;
  alone.providers = {one};
  ASSIGN(const std::string program, own_program());
  ASSIGN(const auto made, make_providers(alone, program, machine.provider_ports()));
  Looked looked;
  read_rows(context, name_of(one), looked);
  if (made.front()->wants_known_volumes()) made.front()->know_volumes(known_volumes(looked.rows));
  std::optional<ProviderObservation> seen;
  made.front()->observe("", [&](ProviderObservation answer) { seen = std::move(answer); });
  while (!seen && machine.loop.turn()) {
  }
  if (!seen) return fail(Errc::internal, "{}: it never answered", name_of(one).value);
  looked.info = made.front()->info();
  looked.seen = *std::move(seen);
  return looked;
}

// What stands in the ledger and not at the provider, and the other way round; null: there is no ledger.
Json drift_of(const Looked& looked) {
  if (!looked.ledger_read) return nullptr;
  std::set<std::string> there;
  for (const ObservedVolume& one : looked.seen.volumes) there.insert(one.key);
  std::set<std::string> rows;
  Json missing = Json::array();
  for (const Json& one : looked.rows) {
    const std::string key = text_of(one, "key");
    rows.insert(key);
    const std::string state = text_of(one, "state");
    if (!there.contains(key) && (state == "available" || state == "trashed"))
      missing.push_back(text_of(one, "name"));
  }
  Json unknown = Json::array();
  Json foreign = Json::array();
  for (const ObservedVolume& one : looked.seen.volumes) {
    if (!rows.contains(one.key)) (one.key.starts_with("xv-") ? unknown : foreign).push_back(one.key);
  }
  return {{"missing_at_provider", std::move(missing)},
          {"unknown_to_ledger", std::move(unknown)},
          {"foreign", std::move(foreign)}};
}

Json check_view(const ProviderObservation& seen, const ProviderInfo& info, Json drift) {
  const auto ours = std::count_if(seen.volumes.begin(), seen.volumes.end(),
                                  [](const ObservedVolume& one) { return one.key.starts_with("xv-"); });
  Json pools = Json::array();
  for (const Pool& pool : seen.pools) {
    pools.push_back({{"name", to_text(pool.name)},
                     {"capacity_mb", pool.capacity_mb > 0 ? Json(pool.capacity_mb) : Json(nullptr)},
                     {"free_mb", pool.free_mb >= 0 ? Json(pool.free_mb) : Json(nullptr)}});
  }
  return {{"name", seen.provider.value},
          {"complete", seen.complete},
          {"why_incomplete", seen.complete ? Json(nullptr) : Json(seen.why_incomplete)},
          {"took_ms", (seen.ended_at - seen.sent_at).ns / 1'000'000},
          {"volumes", seen.volumes.size()},
          {"volumes_of_extvold", ours},
          {"pools", std::move(pools)},
          {"drift", std::move(drift)},
          {"capabilities", record::to_json(info.capabilities, record::Defaults::written)}};
}

std::string render_check(const Json& answer, Style) {
  const bool complete = part(answer, "complete") == true;
  std::string out =
      fmt::format("{}: {}\n", text_of(answer, "name"),
                  complete ? fmt::format("answers in {} ms: {} volumes, {} of them by extvold's names",
                                         text_of(answer, "took_ms"), text_of(answer, "volumes"),
                                         text_of(answer, "volumes_of_extvold"))
                           : "not whole: " + text_of(answer, "why_incomplete"));
  for (const Json& pool : list_of(answer, "pools")) {
    const auto size_of = [&](const char* member, const char* untold) {
      return part(pool, member).is_null() ? std::string(untold) : text_of(pool, member) + " MB";
    };
    out += fmt::format("  pool    {}: {}, {} free\n", text_of(pool, "name"),
                       size_of("capacity_mb", "capacity not told"), size_of("free_mb", "not told what is"));
  }
  const Json& drift = part(answer, "drift");
  if (!list_of(drift, "missing_at_provider").empty())
    out += "  missing there: " + joined(list_of(drift, "missing_at_provider")) + "\n";
  if (!list_of(drift, "unknown_to_ledger").empty())
    out += "  in no ledger row: " + joined(list_of(drift, "unknown_to_ledger")) + "\n";
  if (const std::size_t foreign = list_of(drift, "foreign").size(); foreign > 0)
    out += fmt::format("  foreign: {}\n", foreign <= kForeignShown
                                              ? joined(list_of(drift, "foreign"))
                                              : fmt::format("{} volumes (--output json has them)", foreign));
  return out + abilities_text(part(answer, "capabilities"));
}

}  // namespace

Exit provider_list(Context& context) {
  const Result<Json> status = context.ask({"GET", {"status"}, {}, nullptr});
  if (!status) return context.fail(status.error());
  const Result<Json> pools = context.ask({"GET", {"pools"}, {}, nullptr});
  if (!pools) return context.fail(pools.error());
  return context.show(
      Result<Json>(Json{{"providers", list_of(*status, "providers")}, {"pools", list_of(*pools, "pools")}}),
      render_providers);
}

// A look like the daemon's own, made by this process: it proves that the configuration, the credentials and
// the tools do, and changes nothing.
Exit provider_check(Context& context, const std::string& name) {
  const Config* config = context.config();
  if (config == nullptr) return Exit::usage;
  const ProviderConfig* one = configured(*config, name);
  if (one == nullptr) {
    return context.fail(
        {Errc::not_found,
         fmt::format("provider {}: is not configured; `extvold provider list` shows which are", name)});
  }
  const Result<Looked> looked = look_at(context, *config, *one);
  if (!looked) return context.fail(looked.error());
  Json drift = looked->seen.complete ? drift_of(*looked) : Json(nullptr);
  const Exit shown =
      context.show(Result<Json>(check_view(looked->seen, looked->info, std::move(drift))), render_check);
  return looked->seen.complete ? shown : Exit::error;
}

}  // namespace extvold::daemon::cli
