#include "providers/json_fields.h"

namespace extvold::providers {
namespace {

const nlohmann::json& empty_array() {
  static const nlohmann::json empty = nlohmann::json::array();
  return empty;
}

}  // namespace

JsonFields::JsonFields(const nlohmann::json& value, std::string_view what) : value_(value), what_(what) {
  if (!value.is_object()) complaint_ = fmt::format("{}: not a JSON object", what_);
}

bool JsonFields::has(const char* name) const { return value_.is_object() && value_.contains(name); }

const nlohmann::json* JsonFields::find(const char* name) {
  read_.insert(name);
  if (!value_.is_object()) return nullptr;
  const auto at = value_.find(name);
  if (at != value_.end()) return &*at;
  complain(name, "missing");
  return nullptr;
}

void JsonFields::complain(std::string_view name, std::string_view why) {
  if (complaint_.empty()) complaint_ = fmt::format("{}: field {}: {}", what_, name, why);
}

std::string JsonFields::text(const char* name, std::size_t size_max) {
  const nlohmann::json* found = find(name);
  if (found == nullptr) return {};
  const std::string* value = found->get_ptr<const std::string*>();
  if (value != nullptr && value->size() <= size_max) return *value;
  complain(name, value == nullptr ? "not a text" : "too long");
  return {};
}

std::int64_t JsonFields::number(const char* name, std::int64_t min, std::int64_t max) {
  const nlohmann::json* found = find(name);
  if (found == nullptr) return min;
  if (!found->is_number_integer()) {
    complain(name, "not a whole number");
    return min;
  }
  const bool too_large =
      found->is_number_unsigned() && found->get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX);
  const std::int64_t value = too_large ? INT64_MAX : found->get<std::int64_t>();
  if (!too_large && value >= min && value <= max) return value;
  complain(name, "out of range");
  return min;
}

std::uint64_t JsonFields::number_unsigned(const char* name) {
  const nlohmann::json* found = find(name);
  if (found == nullptr) return 0;
  if (found->is_number_unsigned()) return found->get<std::uint64_t>();
  complain(name, "not a whole number of at least 0");
  return 0;
}

bool JsonFields::boolean(const char* name) {
  const nlohmann::json* found = find(name);
  if (found == nullptr) return false;
  if (!found->is_boolean()) complain(name, "not true or false");
  return found->is_boolean() && found->get<bool>();
}

const nlohmann::json& JsonFields::array(const char* name) {
  const nlohmann::json* found = find(name);
  if (found == nullptr) return empty_array();
  if (found->is_array()) return *found;
  complain(name, "not a list");
  return empty_array();
}

void JsonFields::adopt(const Status& status) {
  if (!status && complaint_.empty()) complaint_ = fmt::format("{}: {}", what_, status.error().message);
}

Status JsonFields::done() const {
  if (!complaint_.empty()) return fail(Errc::invalid, "{}", complaint_);
  for (const auto& item : value_.items()) {
    if (!read_.contains(item.key())) return fail(Errc::invalid, "{}: unexpected field {}", what_, item.key());
  }
  return {};
}

}  // namespace extvold::providers
