#include "daemon/record/record.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <system_error>

namespace extvold::daemon::record {
namespace {

// A Snapshot as lists of rows.
struct Rows {
  Sequence sequence;
  LedgerIdentity ledger;
  Mode mode = Mode::observe;
  bool detach_storm = false;
  bool fence_stop = false;
  WallTime fence_released_at;
  MesosView view;
  Counters counters;
  std::vector<Host> hosts;
  std::vector<Agent> agents;
  std::vector<Framework> frameworks;
  std::vector<ReservationRecord> reservations;
  std::vector<Pool> pools;
  std::vector<Volume> volumes;
  std::vector<Attachment> attachments;
  std::vector<Mount> mounts;
  std::vector<Evidence> evidence;
  std::vector<Claim> claims;
  std::vector<Operation> operations;             // of each volume the open one, and the newest that failed
  std::vector<MesosOperation> mesos_operations;  // open ones
  std::vector<Fence> fences;                     // that did not end
  std::vector<BlockedRow> blocked;
};

}  // namespace

EXTVOLD_FIELDS(Rows, sequence, ledger, mode, detach_storm, fence_stop, fence_released_at, view, counters,
               hosts, agents, frameworks, reservations, pools, volumes, attachments, mounts, evidence, claims,
               operations, mesos_operations, fences, blocked);

namespace {

Rows rows_of(const Snapshot& snapshot) {
  Rows rows;
  rows.sequence = snapshot.sequence;
  rows.ledger = snapshot.ledger;
  rows.mode = snapshot.mode;
  rows.detach_storm = snapshot.detach_storm;
  rows.fence_stop = snapshot.fence_stop;
  rows.fence_released_at = snapshot.fence_released_at;
  rows.view = snapshot.view;
  rows.counters = snapshot.counters;
  for (const auto& [id, row] : snapshot.hosts()) rows.hosts.push_back(row);
  for (const auto& [id, row] : snapshot.agents()) rows.agents.push_back(row);
  for (const auto& [id, row] : snapshot.frameworks()) rows.frameworks.push_back(row);
  for (const auto& [agent, list] : snapshot.reservations())
    rows.reservations.insert(rows.reservations.end(), list.begin(), list.end());
  for (const auto& [name, row] : snapshot.pools()) rows.pools.push_back(row);
  for (const auto& [id, row] : snapshot.claims()) rows.claims.push_back(row);
  for (const auto& [id, row] : snapshot.evidence()) rows.evidence.push_back(row);
  for (const auto& [agent, row] : snapshot.mesos_operations()) rows.mesos_operations.push_back(row);
  for (const auto& [id, row] : snapshot.fences()) rows.fences.push_back(row);
  for (const auto& [id, entry] : snapshot.volumes()) {
    rows.volumes.push_back(entry.volume);
    rows.attachments.insert(rows.attachments.end(), entry.attachments.begin(), entry.attachments.end());
    rows.mounts.insert(rows.mounts.end(), entry.mounts.begin(), entry.mounts.end());
    rows.blocked.insert(rows.blocked.end(), entry.blocked.begin(), entry.blocked.end());
    if (entry.last_operation != nullptr) rows.operations.push_back(*entry.last_operation);
    if (entry.open_operation != nullptr) rows.operations.push_back(*entry.open_operation);
  }
  return rows;
}

// What Snapshot::apply takes for granted, because the ledger's constraints keep it.
class RowChecker {
 public:
  Status check(const Rows& rows) {
    for (const Host& one : rows.hosts) {
      TRY(number(one.id.value, "host", one.name));
      if (!hosts_.insert(one.id).second || !host_names_.insert(one.name).second)
        return fail(Errc::invalid, "hosts: \"{}\" (id {}) is there twice", one.name, one.id.value);
    }
    for (const Agent& one : rows.agents) TRY(known_host(one.host, "agents", one.id.value));
    for (const Volume& one : rows.volumes) TRY(volume(one));
    for (const Attachment& one : rows.attachments) {
      TRY(known(one.volume, one.host, "attachments"));
      if (!one.host)
        return fail(Errc::invalid, "attachments: one of volume {} has no host", one.volume.value);
    }
    for (const Mount& one : rows.mounts) TRY(known(one.volume, one.host, "mounts"));
    for (const Evidence& one : rows.evidence) {
      TRY(number(one.id.value, "evidence", one.detail));
      TRY(known(one.volume, one.host, "evidence"));
    }
    for (const Claim& one : rows.claims) {
      TRY(number(one.id.value, "claim", one.task.value));
      if (one.volume) TRY(known(one.volume, {}, "claims"));
      // Where a claim of Mesos is, its agent says.
      if (!is_of_mesos(one.kind)) TRY(known_host(one.host, "claims", fmt::format("{}", one.id.value)));
    }
    for (const Operation& one : rows.operations) TRY(operation(one));
    for (const MesosOperation& one : rows.mesos_operations) TRY(mesos_operation(one));
    for (const Fence& one : rows.fences) TRY(fence(one));
    for (const BlockedRow& one : rows.blocked) TRY(known(one.volume, one.host, "blocked"));
    return {};
  }

 private:
  static Status number(std::int64_t id, std::string_view what, std::string_view which) {
    if (id >= 1) return {};
    return fail(Errc::invalid, "{} \"{}\": its id must be at least 1, not {}", what, which, id);
  }
  Status known_host(HostId host, std::string_view where, std::string_view which) const {
    if (!host || hosts_.contains(host)) return {};
    return fail(Errc::invalid, "{}: {} names host {}, which is not in hosts", where, which, host.value);
  }
  Status known(VolumeId volume, HostId host, std::string_view where) const {
    if (!volumes_.contains(volume))
      return fail(Errc::invalid, "{}: a row names volume {}, which is not in volumes", where, volume.value);
    return known_host(host, where, fmt::format("a row of volume {}", volume.value));
  }
  Status volume(const Volume& one) {
    TRY(number(one.id.value, "volume", one.name));
    const bool fresh = volumes_.insert(one.id).second && keys_.insert(one.key).second &&
                       (one.state == VolumeState::removed || volume_names_.insert(one.name).second);
    if (fresh) return {};
    return fail(Errc::invalid,
                "volumes: the id, the name or the key of \"{}\" (id {}, key \"{}\") is there twice", one.name,
                one.id.value, one.key);
  }
  Status operation(const Operation& one) {
    TRY(known(one.volume, one.host, "operations"));
    if (one.state == OperationState::done)
      return fail(Errc::invalid, "operations: {} is done; only open and failed ones belong to a snapshot",
                  one.id.value);
    if (!is_open(one.state) || open_.insert(one.volume).second) return {};
    return fail(Errc::invalid, "operations: volume {} has two open ones", one.volume.value);
  }

  Status mesos_operation(const MesosOperation& one) {
    if (one.agent.empty() || !is_open(one.state))
      return fail(Errc::invalid, "mesos_operations: {} has no agent or has ended", one.id.value);
    if (subjects_.insert(one.agent).second) return {};
    return fail(Errc::invalid, "mesos_operations: agent {} has two open ones", one.agent.value);
  }

  Status fence(const Fence& one) {
    TRY(number(one.id.value, "fence", one.cause));
    if (!hosts_.contains(one.host) || (one.volume && !volumes_.contains(one.volume)))
      return fail(Errc::invalid, "fences: {} names a host or a volume that is not there", one.id.value);
    if (one.state == FenceState::failed || one.state == FenceState::lifted)
      return fail(Errc::invalid, "fences: {} has ended; only those that may stand belong to a snapshot",
                  one.id.value);
    if (!is_under_way(one.state) || fenced_.insert(one.host).second) return {};
    return fail(Errc::invalid, "fences: host {} has two that are under way", one.host.value);
  }

  std::set<HostId> fenced_;
  std::set<HostId> hosts_;
  std::set<std::string> host_names_;
  std::set<VolumeId> volumes_;
  std::set<std::string> volume_names_;
  std::set<std::string> keys_;
  std::set<VolumeId> open_;
  std::set<AgentId> subjects_;
};

Status io_error(Errc code, std::string_view verb, const std::string& path) {
  return fail(code, "{}: cannot {}: {}", path, verb, std::strerror(errno));
}

Status make_empty_folder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return fail(Errc::permission, "{}: cannot be made: {}", folder, error.message());
  const bool empty = std::filesystem::is_empty(folder, error);
  if (error) return fail(Errc::permission, "{}: cannot be read: {}", folder, error.message());
  if (!empty) return fail(Errc::conflict, "{}: not empty; a recording needs a folder of its own", folder);
  return {};
}

std::string document(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Json> read_document(const std::string& path) {
  ASSIGN(const std::string text, read_file(path));
  Result<Json> json = parse_json(text);
  if (!json) return wrap(json.error(), path);
  return json;
}

}  // namespace

Json snapshot_to_json(const Snapshot& snapshot) { return to_json(rows_of(snapshot), Defaults::left_out); }

Result<Snapshot> snapshot_from_json(const Json& json) {
  ASSIGN(Rows rows, value_from_json<Rows>(json));
  TRY(RowChecker().check(rows));
  // Ended operations before open ones, because an end closes the open one of its id.
  std::stable_partition(rows.operations.begin(), rows.operations.end(),
                        [](const Operation& one) { return !is_open(one.state); });
  Snapshot out;
  const auto put = [&](const auto& list) {
    for (const auto& row : list) out.apply(Change(row));
  };
  put(rows.hosts);
  put(rows.agents);
  put(rows.frameworks);
  put(rows.reservations);
  put(rows.pools);
  put(rows.volumes);
  put(rows.attachments);
  put(rows.mounts);
  put(rows.evidence);
  put(rows.claims);
  put(rows.operations);
  put(rows.mesos_operations);
  put(rows.fences);
  put(rows.blocked);
  out.sequence = rows.sequence;
  out.ledger = rows.ledger;
  out.mode = rows.mode;
  out.detach_storm = rows.detach_storm;
  out.fence_stop = rows.fence_stop;
  out.fence_released_at = rows.fence_released_at;
  out.view = rows.view;
  out.counters = rows.counters;
  return out;
}

Result<Json> parse_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_discarded()) return json;
  // Only where it is known to fail: what nlohmann says, for the place.
  try {
    const Json again = Json::parse(text);
  } catch (const std::exception& error) {
    return fail(Errc::invalid, "not JSON: {}", error.what());
  }
  return fail(Errc::invalid, "not JSON");
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return fail(errno == ENOENT ? Errc::not_found : Errc::permission, "{}: cannot open: {}", path,
                std::strerror(errno));
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return fail(Errc::unavailable, "{}: cannot read: {}", path, std::strerror(errno));
  return text;
}

Status write_file(const std::string& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  if (!file) return io_error(Errc::permission, "write", path);
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  file.close();
  if (!file) return io_error(Errc::exhausted, "write", path);
  return {};
}

Status write_recording(const std::string& folder, const Snapshot& snapshot, const Observed& observed,
                       const Policy& policy, Instant now, const Plan& plan) {
  TRY(make_empty_folder(folder));
  TRY(write_file(folder + "/snapshot.json", document(snapshot_to_json(snapshot))));
  TRY(write_file(folder + "/observed.json", document(to_json(observed, Defaults::left_out))));
  // Written whole: a default that changes in a later version must not change what was decided here.
  TRY(write_file(folder + "/policy.json", document(to_json(policy, Defaults::written))));
  TRY(write_file(folder + "/now", to_text(now) + "\n"));
  return write_file(folder + "/" + std::string(kPlanFile), extvold::to_text(plan, snapshot, now));
}

Result<Recording> read_recording(const std::string& folder) {
  const auto of = [&](std::string_view name) { return folder + "/" + std::string(name); };
  Recording out;
  ASSIGN(const Json snapshot, read_document(of("snapshot.json")));
  auto built = snapshot_from_json(snapshot);
  if (!built) return wrap(built.error(), of("snapshot.json"));
  out.snapshot = *std::move(built);
  ASSIGN(const Json observed, read_document(of("observed.json")));
  if (Status status = from_json(observed, out.observed, Place()); !status)
    return wrap(status.error(), of("observed.json"));
  ASSIGN(const Json policy, read_document(of("policy.json")));
  if (Status status = from_json(policy, out.policy, Place()); !status)
    return wrap(status.error(), of("policy.json"));
  ASSIGN(std::string now, read_file(of("now")));
  while (!now.empty() && (now.back() == '\n' || now.back() == ' ')) now.pop_back();
  Result<Instant> instant = instant_from_text(now);
  if (!instant) return wrap(instant.error(), of("now"));
  out.now = *instant;
  return out;
}

}  // namespace extvold::daemon::record
