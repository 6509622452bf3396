#include "providers/scaleio/gateway_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "model/ascii.h"
#include "providers/foreign_text.h"
#include "providers/json_answer.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

constexpr std::int64_t kKbMax = std::int64_t{1} << 50U;
constexpr std::int64_t kStepMb = 8192;
constexpr std::size_t kTextBytesMax = 4096;
constexpr std::string_view kDigits = "0123456789";

struct Known {
  std::string_view text;  // in lower case
  Errc code;
};

// What these say is that nothing happened. A removal that is under way and a time-out are not among them.
constexpr std::array kKnownTexts = {
    Known{"could not find the volume", Errc::not_found},
    Known{"could not find the sdc", Errc::not_found},
    Known{"id must be a hexadecimal number", Errc::not_found},
    Known{"volume name already in use", Errc::conflict},
    Known{"is already mapped", Errc::conflict},
    Known{"is not mapped to sdc", Errc::conflict},
    Known{"volume is mapped", Errc::conflict},
    Known{"sdc is not approved", Errc::conflict},
    Known{"mapped to too many volumes", Errc::exhausted},
    Known{"exceeds the volume allocation limit", Errc::exhausted},
    Known{"reached critical capacity utilization", Errc::exhausted},
    Known{"total capacity of volumes per storage pool was exceeded", Errc::exhausted},
    Known{"exceeds the allowed length", Errc::invalid},
    Known{"do not have permission", Errc::permission},
    Known{"permission denied", Errc::permission}};

struct KnownNumber {
  std::int64_t number;
  Errc code;
};
constexpr std::array kKnownNumbers = {
    KnownNumber{78, Errc::not_found},  KnownNumber{79, Errc::not_found}, KnownNumber{81, Errc::conflict},
    KnownNumber{4037, Errc::conflict}, KnownNumber{84, Errc::conflict},  KnownNumber{4039, Errc::conflict},
    KnownNumber{182, Errc::exhausted}, KnownNumber{717, Errc::busy},     KnownNumber{718, Errc::busy}};

Errc code_of(std::int64_t number, std::string_view message) {
  for (const KnownNumber& one : kKnownNumbers) {
    if (one.number == number) return one.code;
  }
  const std::string lower = lower_case(message);
  for (const Known& one : kKnownTexts) {
    if (lower.find(one.text) != std::string::npos) return one.code;
  }
  return Errc::uncertain;
}

const json* field(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(name);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

// Nothing: it is not there, or no whole number of at least 0.
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
  if (list == nullptr) return out;  // null: to none
  if (!list->is_array()) return fail(Errc::uncertain, "mappedSdcInfo is no list");
  for (const json& one : *list) {
    SdcMapping mapping;
    mapping.sdc_id = id_in(one, "sdcId");
    if (mapping.sdc_id.empty()) return fail(Errc::uncertain, "mappedSdcInfo names no sdcId");
    mapping.limit_iops = number_in(one, "limitIops").value_or(0);
    mapping.read_only = text_of(one, "accessMode") == "ReadOnly";
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

std::string content_type(const HttpResponse& answer) {
  for (const auto& [name, value] : answer.headers) {
    if (name == "content-type") return lower_case(value);
  }
  return {};
}

}  // namespace

Result<json> gateway_body(const HttpResponse& answer, std::string_view what) {
  const std::string type = content_type(answer);
  const bool is_json = type.empty() || type.find("json") != std::string::npos;
  json body;
  if (!answer.body.empty())
    body = is_json ? json::parse(answer.body, nullptr, false) : json(json::value_t::discarded);
  const std::string shown = in_one_line(answer.body, 200);
  if (answer.status == 429) {
    return tl::make_unexpected(
        Error{Errc::throttled, fmt::format("{}: status 429: {}", what, shown), retry_after(answer)});
  }
  if (answer.status == 401 || answer.status == 403)
    return fail(Errc::permission, "{}: status {}: {}", what, answer.status, shown);
  if (answer.status >= 200 && answer.status < 300) {
    if (!body.is_discarded()) return body;
    return fail(Errc::uncertain, "{}: status {}, but the answer is {}: {}", what, answer.status,
                is_json ? "no JSON"
                        : "\"" + in_one_line(type, 60) +
                              "\", as of a PowerFlex 4 gateway, whose login is another one",
                shown);
  }
  if (const std::string message = text_of(body, "message"); answer.status >= 400 && !message.empty()) {
    const std::int64_t number = number_in(body, "errorCode").value_or(-1);
    return fail(code_of(number, message), "{}: status {}, error {}: {}", what, answer.status, number,
                in_one_line(message));
  }
  // The web server's own: no such path in this API version.
  if (answer.status == 404) return fail(Errc::invalid, "{}: status 404: {}", what, shown);
  return fail(Errc::uncertain, "{}: status {}: {}", what, answer.status, shown);
}

Result<GatewayVolume> volume_of(const json& value) {
  GatewayVolume volume;
  volume.id = id_in(value, "id");
  if (volume.id.empty()) return fail(Errc::uncertain, "a volume without an id");
  volume.name = text_of(value, "name").substr(0, kTextBytesMax);
  volume.pool_id = id_in(value, "storagePoolId");
  volume.ancestor_id = id_in(value, "ancestorVolumeId");
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
    GatewaySdc sdc{id_in(one, "id"), upper_case(text_of(one, "sdcGuid").substr(0, 100))};
    if (sdc.id.empty()) return fail(Errc::uncertain, "an SDC without an id");
    return sdc;
  });
}

Result<std::vector<GatewayPool>> pools_of(const json& value) {
  return list_of<GatewayPool>(value, "storage pools", [](const json& one) -> Result<GatewayPool> {
    GatewayPool pool{id_in(one, "id"), text_of(one, "name").substr(0, kTextBytesMax),
                     id_in(one, "protectionDomainId")};
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

Result<std::string> text_in(const json& value, std::string_view what) {
  const auto* text = value.get_ptr<const std::string*>();
  const bool plain = text != nullptr && !text->empty() && text->size() <= kTextBytesMax &&
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

bool is_at_least_3(std::string_view version) {
  int major = 0;
  const auto [rest, error] = std::from_chars(version.data(), version.data() + version.size(), major);
  return error == std::errc{} && major >= 3;
}

std::vector<std::string> capacity_properties(std::string_view version) {
  if (is_at_least_3(version)) return {"netCapacityInUseInKb", "netUnusedCapacityInKb"};
  return {"capacityLimitInKb", "spareCapacityInKb", "capacityAvailableForVolumeAllocationInKb"};
}

Result<Capacity> capacity_of(const json& statistics, std::string_view version) {
  std::vector<std::int64_t> mb;
  for (const std::string& property : capacity_properties(version)) {
    const std::optional<std::int64_t> kb = number_in(statistics, property.c_str());
    if (!kb) return fail(Errc::uncertain, "its statistics have no {}", property);
    mb.push_back(*kb / 1024);
  }
  if (is_at_least_3(version)) return Capacity{mb[0] + mb[1], mb[1]};
  // Two copies of everything, in steps of 8 GiB.
  return Capacity{std::max<std::int64_t>(mb[0] - mb[1], 0) / 2 / kStepMb * kStepMb, mb[2]};
}

Result<std::int64_t> writes_in(const json& statistics) {
  const json* writes = field(statistics, "userDataWriteBwc");
  const std::optional<std::int64_t> count =
      writes == nullptr ? std::nullopt : number_in(*writes, "numOccured");
  if (!count) return fail(Errc::uncertain, "the volume's statistics have no userDataWriteBwc.numOccured");
  return *count;
}

std::string upper_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

}  // namespace extvold::providers::scaleio
