// Framework of GET_FRAMEWORKS and FRAMEWORK_ADDED (v1 master.proto), FrameworkInfo (v1 mesos.proto).
#include "daemon/ingest/messages.h"

namespace extvold::ingest {

namespace {

enum class FrameworkWord : std::uint8_t { unknown, ignored, framework_info, active, connected };
constexpr auto kFrameworkFields = key_set<FrameworkWord>({
    {"framework_info", FrameworkWord::framework_info},
    {"active", FrameworkWord::active},
    {"connected", FrameworkWord::connected},
    {"recovered", FrameworkWord::ignored},
    {"registered_time", FrameworkWord::ignored},
    {"reregistered_time", FrameworkWord::ignored},
    {"unregistered_time", FrameworkWord::ignored},
    {"offers", FrameworkWord::ignored},
    {"inverse_offers", FrameworkWord::ignored},
    {"allocated_resources", FrameworkWord::ignored},
    {"offered_resources", FrameworkWord::ignored},
    {"offer_constraints", FrameworkWord::ignored},
});

enum class InfoWord : std::uint8_t { unknown, ignored, id, name, principal, checkpoint };
constexpr auto kInfoFields = key_set<InfoWord>({
    {"id", InfoWord::id},
    {"name", InfoWord::name},
    {"principal", InfoWord::principal},
    {"checkpoint", InfoWord::checkpoint},
    {"user", InfoWord::ignored},
    {"failover_timeout", InfoWord::ignored},
    {"role", InfoWord::ignored},
    {"roles", InfoWord::ignored},
    {"hostname", InfoWord::ignored},
    {"webui_url", InfoWord::ignored},
    {"capabilities", InfoWord::ignored},
    {"labels", InfoWord::ignored},
    {"offer_filters", InfoWord::ignored},
});

}  // namespace

bool framework_info_field(Reading& reading, std::string_view key, JsonValue& value, FrameworkRecord& out) {
  Walk& walk = reading.walk;
  switch (kInfoFields.find(key)) {
    case InfoWord::id:
      return read_id(walk, value, "id", out.framework);
    case InfoWord::name:
      return walk.text(value, "name", out.name, kMaxNameBytes);
    case InfoWord::principal:
      return walk.text(value, "principal", out.principal, kMaxNameBytes);
    case InfoWord::checkpoint:
      return walk.boolean(value, "checkpoint", out.checkpoint);
    case InfoWord::ignored:
      return true;
    case InfoWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

bool framework_field(Reading& reading, std::string_view key, JsonValue& value, FrameworkRecord& out) {
  Walk& walk = reading.walk;
  switch (kFrameworkFields.find(key)) {
    case FrameworkWord::framework_info:
      return walk.object(value, "framework_info", [&](std::string_view inner, JsonValue& part) {
        return framework_info_field(reading, inner, part, out);
      });
    case FrameworkWord::active:
      return walk.boolean(value, "active", out.active);
    case FrameworkWord::connected:
      return walk.boolean(value, "connected", out.connected);
    case FrameworkWord::ignored:
      return true;
    case FrameworkWord::unknown:
      return walk.unknown_field();
  }
  return true;
}

}  // namespace extvold::ingest
