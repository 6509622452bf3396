#include "providers/scaleio/gateway_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "model/ascii.h"
#include "providers/json_answer.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

constexpr std::int64_t kKbMax = std::int64_t{1} << 50U;
constexpr std::int64_t kStepMb = 8192;
constexpr std::string_view kDigits = "0123456789";

const json* field(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(name);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::optional<bool> boolean_in(const json& object, const char* name) {
  const json* at = field(object, name);
  if (at == nullptr) return std::nullopt;
  if (at->is_boolean()) return at->get<bool>();
  const auto* text = at->get_ptr<const std::string*>();
  if (text == nullptr) return std::nullopt;
  const std::string lower = lower_case(*text);
  if (lower == "true") return true;
  return lower == "false" ? std::optional<bool>(false) : std::nullopt;
}

// An id is part of a URL and of the ledger.
std::string id_in(const json& object, const char* name) {
  std::string id = text_of(object, name);
  const bool plain = id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                     });
  return plain ? id : std::string();
}

bool is_empty(const json* value) {
  return value == nullptr || (value->is_array() && value->empty()) ||
         (value->is_string() && value->get_ref<const std::string&>().empty());
}

Result<std::vector<SdcMapping>> mappings_of(const json& volume) {
  std::vector<SdcMapping> out;
  const json* list = field(volume, "mappedSdcInfo");
  // null: to none. One that is not there says nothing of who can write.
  if (list == nullptr && volume.contains("mappedSdcInfo")) return out;
  if (list == nullptr) return fail(Errc::uncertain, "mappedSdcInfo is not there");
  if (!list->is_array()) return fail(Errc::uncertain, "mappedSdcInfo is no list");
  for (const json& one : *list) {
    SdcMapping mapping;
    mapping.sdc_id = id_in(one, "sdcId");
    if (mapping.sdc_id.empty()) return fail(Errc::uncertain, "mappedSdcInfo names no sdcId");
    mapping.limit_iops = number_in(one, "limitIops").value_or(0);
    mapping.limit_mb = number_in(one, "limitBwInMbps").value_or(0);
    const std::string access = text_of(one, "accessMode");
    if (access == "ReadOnly") mapping.access = MappedAs::read_only;
    if (access == "NoAccess") mapping.access = MappedAs::no_access;
    out.push_back(std::move(mapping));
  }
  return out;
}

template <typename T, typename Read>
Result<std::vector<T>> list_of(const json& value, std::string_view what, Read read) {
  std::vector<T> out;
  if (!value.is_array()) return fail(Errc::uncertain, "{}: the answer is no list", what);
  for (const json& one : value) {
    Result<T> item = read(one);
    if (!item) return wrap(item.error(), what);
    out.push_back(*std::move(item));
  }
  return out;
}

}  // namespace

std::optional<std::int64_t> number_in(const json& object, const char* name) {
  const json* at = field(object, name);
  if (at == nullptr) return std::nullopt;
  std::int64_t value = -1;
  if (at->is_number_unsigned()) {
    if (at->get<std::uint64_t>() > static_cast<std::uint64_t>(kKbMax)) return std::nullopt;
    value = at->get<std::int64_t>();
  } else if (at->is_number_integer()) {
    value = at->get<std::int64_t>();
  } else if (const auto* text = at->get_ptr<const std::string*>()) {
    const char* const end = text->data() + text->size();
    const auto [rest, error] = std::from_chars(text->data(), end, value);
    if (error != std::errc{} || rest != end) return std::nullopt;
  }
  if (value < 0 || value > kKbMax) return std::nullopt;
  return value;
}

Result<GatewayVolume> volume_of(const json& value) {
  GatewayVolume volume;
  volume.id = id_in(value, "id");
  if (volume.id.empty()) return fail(Errc::uncertain, "a volume without an id");
  volume.name = text_of(value, "name").substr(0, kTextBytesMax);
  volume.pool_id = id_in(value, "storagePoolId");
  volume.ancestor_id = id_in(value, "ancestorVolumeId");
  if (volume.ancestor_id.find_first_not_of('0') == std::string::npos) volume.ancestor_id.clear();
  volume.is_read_only = text_of(value, "accessModeLimit") == "ReadOnly";
  const std::optional<std::int64_t> size_kb = number_in(value, "sizeInKb");
  const std::optional<bool> to_all = boolean_in(value, "mappingToAllSdcsEnabled");
  if (!size_kb || (!to_all && field(value, "mappingToAllSdcsEnabled") != nullptr))
    return fail(Errc::uncertain, "volume {}: its sizeInKb or mappingToAllSdcsEnabled makes no sense",
                volume.id);
  volume.size_mb = *size_kb / 1024;
  volume.to_all_sdcs = to_all.value_or(false);
  volume.to_scsi_initiators = !is_empty(field(value, "mappedScsiInitiatorInfo"));
  Result<std::vector<SdcMapping>> mappings = mappings_of(value);
  if (!mappings) return wrap(mappings.error(), "volume " + volume.id);
  volume.mappings = *std::move(mappings);
  return volume;
}

Result<std::vector<GatewayVolume>> volumes_of(const json& value) {
  return list_of<GatewayVolume>(value, "volumes", volume_of);
}

Result<std::vector<GatewaySdc>> sdcs_of(const json& value) {
  return list_of<GatewaySdc>(value, "SDCs", [](const json& one) -> Result<GatewaySdc> {
    GatewaySdc sdc{id_in(one, "id"), upper_case(text_of(one, "sdcGuid").substr(0, 100)),
                   text_of(one, "mdmConnectionState").substr(0, 100)};
    if (sdc.id.empty()) return fail(Errc::uncertain, "an SDC without an id");
    return sdc;
  });
}

Result<std::vector<GatewayPool>> pools_of(const json& value) {
  return list_of<GatewayPool>(value, "storage pools", [](const json& one) -> Result<GatewayPool> {
    GatewayPool pool{id_in(one, "id"), text_of(one, "name").substr(0, kTextBytesMax),
                     id_in(one, "protectionDomainId"), text_of(one, "genType") == "EC"};
    if (pool.id.empty()) return fail(Errc::uncertain, "a storage pool without an id");
    return pool;
  });
}

Result<std::map<std::string, std::string>> names_of(const json& value) {
  std::map<std::string, std::string> out;
  if (!value.is_array()) return fail(Errc::uncertain, "the answer is no list");
  for (const json& one : value) {
    const std::string id = id_in(one, "id");
    if (id.empty()) return fail(Errc::uncertain, "an entry without an id");
    out.emplace(id, text_of(one, "name").substr(0, kTextBytesMax));
  }
  return out;
}

Result<std::string> text_in(const json& value, std::string_view what, std::size_t bytes_max) {
  const auto* text = value.get_ptr<const std::string*>();
  const bool plain = text != nullptr && !text->empty() && text->size() <= bytes_max &&
                     std::all_of(text->begin(), text->end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!plain) return fail(Errc::uncertain, "{}: the answer is no text", what);
  return *text;
}

std::string api_version(std::string_view told) {
  const std::size_t dot = told.substr(0, 10).find_first_not_of(kDigits);
  if (dot == 0 || dot >= told.size() || told[dot] != '.') return {};
  const std::size_t rest = told.find_first_not_of(kDigits, dot + 1);
  const std::size_t end = std::min(rest, told.size());
  return end == dot + 1 || end > 20 ? std::string() : std::string(told.substr(0, end));
}

bool is_at_least(std::string_view version, int wanted) {
  int major = 0;
  const auto [rest, error] = std::from_chars(version.data(), version.data() + version.size(), major);
  return error == std::errc{} && major >= wanted;
}

std::vector<std::string> capacity_properties(std::string_view version) {
  if (is_at_least(version, 3)) return {"netCapacityInUseInKb", "netUnusedCapacityInKb"};
  return {"capacityLimitInKb", "spareCapacityInKb", "capacityAvailableForVolumeAllocationInKb"};
}

Result<Capacity> capacity_of(const json& statistics, std::string_view version) {
  std::vector<std::int64_t> mb;
  for (const std::string& property : capacity_properties(version)) {
    const std::optional<std::int64_t> kb = number_in(statistics, property.c_str());
    if (!kb) return fail(Errc::uncertain, "its statistics have no {}", property);
    mb.push_back(*kb / 1024);
  }
  if (is_at_least(version, 3)) return Capacity{mb[0] + mb[1], mb[1]};
  // Two copies of everything, in steps of 8 GiB.
  return Capacity{std::max<std::int64_t>(mb[0] - mb[1], 0) / 2 / kStepMb * kStepMb, mb[2]};
}

Result<WriteSample> writes_in(const json& statistics) {
  const json* writes = field(statistics, "userDataWriteBwc");
  const std::optional<std::int64_t> count =
      writes == nullptr ? std::nullopt : number_in(*writes, "numOccured");
  if (!count) return fail(Errc::uncertain, "the volume's statistics have no userDataWriteBwc.numOccured");
  return WriteSample{*count, number_in(*writes, "numSeconds")};
}

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

}  // namespace extvold::providers::scaleio
