// Resource (v1 mesos.proto) as it stands in an agent's total_resources: which of it is reserved, for whom,
// and the volumes.
//
// Two formats are in use (reference 2.8): `reservations` (a stack, the last one counts), and beside or
// instead of it the old `role` and `reservation`. Unreserved is no role, or "*".
#include <algorithm>
#include <cmath>
#include <cstring>

#include "daemon/ingest/messages.h"

namespace extvold::ingest {

namespace {

using Labels = std::vector<std::pair<std::string, std::string>>;

enum class ResourceWord : std::uint8_t {
  unknown,
  ignored,
  name,
  scalar,
  role,
  reservation,
  reservations,
  disk
};
constexpr auto kResourceFields = key_set<ResourceWord>({
    {"name", ResourceWord::name},
    {"scalar", ResourceWord::scalar},
    {"role", ResourceWord::role},
    {"reservation", ResourceWord::reservation},
    {"reservations", ResourceWord::reservations},
    {"disk", ResourceWord::disk},
    {"type", ResourceWord::ignored},
    {"ranges", ResourceWord::ignored},
    {"set", ResourceWord::ignored},
    {"allocation_info", ResourceWord::ignored},
    {"provider_id", ResourceWord::ignored},
    {"revocable", ResourceWord::ignored},
    {"shared", ResourceWord::ignored},
});

struct Resource {
  std::string_view name;
  std::string_view role;  // of the newest reservation, else the old field
  std::string_view old_role;
  std::string_view persistence_id;
  std::string_view container_path;
  std::string_view source_type, source_vendor, source_id, source_profile;
  Labels labels;
  Labels old_labels;
  double amount = 0;
  bool scalar = false;
};

bool read_labels(Walk& walk, JsonValue& value, Labels& out) {
  return walk.object(value, "labels", [&](std::string_view key, JsonValue& field) {
    if (!is_key(key, "labels")) return walk.unknown_field();
    return walk.array(field, "labels", [&](JsonValue& one) {
      auto& label = out.emplace_back();
      return walk.object(one, "label", [&](std::string_view inner, JsonValue& part) {
        if (is_key(inner, "key")) return walk.text(part, "key", label.first, kMaxNameBytes);
        return is_key(inner, "value") ? walk.text(part, "value", label.second, kMaxNameBytes)
                                      : walk.unknown_field();
      });
    });
  });
}

bool read_reservation(Walk& walk, JsonValue& value, std::string_view& role, Labels& labels) {
  return walk.object(value, "reservation", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "role")) return walk.text(field, "role", role);
    if (is_key(key, "labels")) return read_labels(walk, field, labels);
    return is_key(key, "type") || is_key(key, "principal") || walk.unknown_field();
  });
}

bool read_disk_source(Walk& walk, JsonValue& value, Resource& out) {
  return walk.object(value, "source", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "type")) return walk.text(field, "type", out.source_type);
    if (is_key(key, "vendor")) return walk.text(field, "vendor", out.source_vendor);
    if (is_key(key, "id")) return walk.text(field, "id", out.source_id);
    if (is_key(key, "profile")) return walk.text(field, "profile", out.source_profile);
    return is_key(key, "path") || is_key(key, "mount") || is_key(key, "metadata") || walk.unknown_field();
  });
}

bool read_disk(Walk& walk, JsonValue& value, Resource& out) {
  return walk.object(value, "disk", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "persistence")) {
      return walk.object(field, "persistence", [&](std::string_view inner, JsonValue& part) {
        return is_key(inner, "id") ? walk.text(part, "id", out.persistence_id)
                                   : is_key(inner, "principal") || walk.unknown_field();
      });
    }
    if (is_key(key, "volume")) {
      return walk.object(field, "volume", [&](std::string_view inner, JsonValue& part) {
        return !is_key(inner, "container_path") || walk.text(part, "container_path", out.container_path);
      });
    }
    return is_key(key, "source") ? read_disk_source(walk, field, out) : walk.unknown_field();
  });
}

bool resource_field(Walk& walk, std::string_view key, JsonValue& value, Resource& out) {
  switch (kResourceFields.find(key)) {
    case ResourceWord::name:
      return walk.text(value, "name", out.name);
    case ResourceWord::scalar:
      return walk.object(value, "scalar", [&](std::string_view inner, JsonValue& part) {
        if (!is_key(inner, "value")) return walk.unknown_field();
        out.scalar = true;
        return walk.number(part, "scalar.value", out.amount);
      });
    case ResourceWord::role:
      return walk.text(value, "role", out.old_role);
    case ResourceWord::reservation:
      return read_reservation(walk, value, out.old_role, out.old_labels);
    case ResourceWord::reservations:
      return walk.array(value, "reservations", [&](JsonValue& one) {
        out.labels.clear();
        return read_reservation(walk, one, out.role, out.labels);
      });
    case ResourceWord::disk:
      return read_disk(walk, value, out);
    case ResourceWord::ignored:
      return true;
    case ResourceWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

std::string disk_source_text(const Resource& resource) {
  std::string text;
  for (const std::string_view part :
       {resource.source_type, resource.source_vendor, resource.source_id, resource.source_profile}) {
    if (part.empty()) continue;
    if (!text.empty()) text += ' ';
    text += part.substr(0, kMaxNameBytes);
  }
  return text;
}

bool keep_reservation(Walk& walk, Resource& resource, std::vector<ReservationRecord>& out) {
  const bool old = resource.role.empty();
  const std::string_view role =
      old ? (resource.old_role == "*" ? std::string_view() : resource.old_role) : resource.role;
  if (!resource.scalar || (role.empty() && resource.persistence_id.empty())) return true;
  constexpr double kMaxAmount = 9e12;  // so that thousandths fit
  if (!(resource.amount >= 0 && resource.amount <= kMaxAmount)) {
    return walk.refuse(fmt::format("total_resources: an amount of {}", resource.amount));
  }
  ReservationRecord& record = out.emplace_back();
  record.role.assign(role.substr(0, kMaxNameBytes));
  record.resource.assign(resource.name.substr(0, kMaxNameBytes));
  record.persistence_id.assign(resource.persistence_id.substr(0, kMaxNameBytes));
  record.container_path.assign(resource.container_path.substr(0, kMaxNameBytes));
  record.disk_source = disk_source_text(resource);
  record.amount_milli = std::llround(resource.amount * 1000);
  record.labels = std::move(old ? resource.old_labels : resource.labels);
  return true;
}

// Of the JSON as sent. Only ever compared with one made by this same function.
std::uint64_t hash_text(std::string_view text) {
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15ULL;
  std::uint64_t hash = text.size() * kMultiplier;
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = std::min<std::size_t>(sizeof word, text.size());
    std::memcpy(&word, text.data(), n);
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 29;
    text.remove_prefix(n);
  }
  return hash;
}

}  // namespace

// The agent's id may stand behind total_resources: the caller fills it in.
bool read_total_resources(Walk& walk, JsonValue& value, bool with_reservations, AgentSeen& out) {
  std::string_view raw;
  if (!walk.raw(value, raw)) return false;
  out.agent.resources_hash = hash_text(raw);
  return walk.array(value, "total_resources", [&](JsonValue& one) {
    if (!with_reservations) return true;
    Resource resource;
    const bool read = walk.object(one, "resource", [&](std::string_view key, JsonValue& field) {
      return resource_field(walk, key, field, resource);
    });
    return read && keep_reservation(walk, resource, out.reservations);
  });
}

}  // namespace extvold::ingest
