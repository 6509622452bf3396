// Resource (v1 mesos.proto): as it stands in an agent's total_resources (which of it is reserved, for whom,
// and the volumes), and the disks in what a task or executor has. And Labels, which both have.
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
  disk,
  provider_id
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
    {"provider_id", ResourceWord::provider_id},
    {"revocable", ResourceWord::ignored},
    {"shared", ResourceWord::ignored},
});

struct Resource {
  std::string_view name;
  std::string_view role;  // of the newest reservation, else the old field
  std::string_view old_role;
  DiskMention disk;
  std::string_view source_type, source_profile;
  std::string_view provider;  // the resource provider's id
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
    if (is_key(key, "vendor")) return walk.text(field, "vendor", out.disk.vendor);
    if (is_key(key, "id")) return walk.text(field, "id", out.disk.source_id);
    if (is_key(key, "profile")) return walk.text(field, "profile", out.source_profile);
    return is_key(key, "path") || is_key(key, "mount") || is_key(key, "metadata") || walk.unknown_field();
  });
}

bool read_disk(Walk& walk, JsonValue& value, Resource& out) {
  return walk.object(value, "disk", [&](std::string_view key, JsonValue& field) {
    if (is_key(key, "persistence")) {
      return walk.object(field, "persistence", [&](std::string_view inner, JsonValue& part) {
        return is_key(inner, "id") ? walk.text(part, "id", out.disk.persistence_id)
                                   : is_key(inner, "principal") || walk.unknown_field();
      });
    }
    if (is_key(key, "volume")) {
      return walk.object(field, "volume", [&](std::string_view inner, JsonValue& part) {
        if (is_key(inner, "mode")) return walk.text(part, "mode", out.disk.mode);
        return !is_key(inner, "container_path") || walk.text(part, "container_path", out.disk.container_path);
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
    case ResourceWord::provider_id:
      return walk.id(value, "provider_id", out.provider);
    case ResourceWord::ignored:
      return true;
    case ResourceWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

std::string disk_source_text(const Resource& resource) {
  std::string text(resource.source_type.substr(0, kMaxWordBytes));
  const auto add = [&](std::string_view word, std::string_view value) {
    if (!value.empty())
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", word, value.substr(0, kMaxNameBytes));
  };
  add("vendor", resource.disk.vendor);
  add("id", resource.disk.source_id);
  add("profile", resource.source_profile);
  add("provider", resource.provider);
  return text;
}

bool keep_reservation(Walk& walk, Resource& resource, std::vector<ReservationRecord>& out) {
  const bool old = resource.role.empty();
  const std::string_view role =
      old ? (resource.old_role == "*" ? std::string_view() : resource.old_role) : resource.role;
  if (!resource.scalar || (role.empty() && resource.disk.persistence_id.empty())) return true;
  constexpr double kMaxAmount = 9e12;  // so that thousandths fit
  if (!(resource.amount >= 0 && resource.amount <= kMaxAmount)) {
    return walk.refuse(fmt::format("total_resources: an amount of {}", resource.amount));
  }
  ReservationRecord& record = out.emplace_back();
  record.role.assign(role.substr(0, kMaxNameBytes));
  record.resource.assign(resource.name.substr(0, kMaxNameBytes));
  record.persistence_id.assign(resource.disk.persistence_id.substr(0, kMaxNameBytes));
  record.container_path.assign(resource.disk.container_path.substr(0, kMaxNameBytes));
  record.disk_source = disk_source_text(resource);
  record.amount_milli = std::llround(resource.amount * 1000);
  record.labels = std::move(old ? resource.old_labels : resource.labels);
  return true;
}

// Of the JSON as sent. Only ever compared with one made by this same function; the ledger keeps it, so
// whoever changes what is read of the same bytes also changes kReading.
std::uint64_t hash_text(std::string_view text) {
  constexpr std::uint64_t kReading = 2;
  constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15ULL;
  std::uint64_t hash = (text.size() + (kReading << 48U)) * kMultiplier;
  while (!text.empty()) {
    std::uint64_t word = 0;
    const std::size_t n = std::min<std::size_t>(sizeof word, text.size());
    std::memcpy(&word, text.data(), n);
    hash = (hash ^ word) * kMultiplier;
    hash ^= hash >> 29;
    text.remove_prefix(n);
  }
  return hash == 0 ? 1 : hash;
}

}  // namespace

bool read_total_resources(Walk& walk, JsonValue& value, AgentMemory* memory, AgentSeen& out) {
  std::string_view raw;
  if (!walk.raw(value, raw)) return false;
  const AgentId& agent = out.agent.agent;
  out.agent.resources_hash = hash_text(raw);
  if (memory != nullptr) out.reservations = memory->find(agent, out.agent.resources_hash);
  if (out.reservations) return true;
  std::vector<ReservationRecord> reservations;
  const bool read = walk.array(value, "total_resources", [&](JsonValue& one) {
    Resource resource;
    return walk.object(one, "resource", [&](std::string_view key, JsonValue& field) {
      return resource_field(walk, key, field, resource);
    }) && keep_reservation(walk, resource, reservations);
  });
  if (!read) return false;
  for (ReservationRecord& one : reservations) one.agent = agent;
  out.reservations = std::make_shared<const std::vector<ReservationRecord>>(std::move(reservations));
  if (memory != nullptr) memory->keep(agent, out.agent.resources_hash, out.reservations);
  return true;
}

bool read_used_resources(Reading& reading, JsonValue& value) {
  Walk& walk = reading.walk;
  return walk.array(value, "resources", [&](JsonValue& one) {
    return walk.object(one, "resource", [&](std::string_view key, JsonValue& field) {
      if (!is_key(key, "disk")) return true;
      Resource resource;
      if (!read_disk(walk, field, resource)) return false;
      const DiskMention& disk = resource.disk;
      if (!disk.persistence_id.empty() || !disk.source_id.empty()) reading.mentions.disks.push_back(disk);
      return true;
    });
  });
}

bool read_label_mentions(Reading& reading, JsonValue& value) {
  Walk& walk = reading.walk;
  return walk.object(value, "labels", [&](std::string_view key, JsonValue& field) {
    if (!is_key(key, "labels")) return walk.unknown_field();
    return walk.array(field, "labels", [&](JsonValue& one) {
      KeyValue label;
      const bool read = walk.object(one, "label", [&](std::string_view inner, JsonValue& part) {
        if (is_key(inner, "key")) return walk.text(part, "key", label.key);
        return is_key(inner, "value") ? walk.text(part, "value", label.value) : walk.unknown_field();
      });
      if (read && label.key.starts_with(kLabelPrefix)) reading.mentions.labels.push_back(label);
      return read;
    });
  });
}

}  // namespace extvold::ingest
