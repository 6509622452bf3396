#include "tests/providers/gateway_double.h"

#include <algorithm>

#include "model/check.h"
#include "providers/scaleio/gateway_values.h"

namespace extvold::tests {
namespace {

using nlohmann::json;
using providers::scaleio::upper_case;

constexpr std::int64_t kStepKb = 8 << 20;
constexpr std::string_view kVolumes = "/api/types/Volume/instances";

HttpResponse error_response(int number, const std::string& message) {
  return json_response(500,
                       json{{"message", message}, {"httpStatusCode", 500}, {"errorCode", number}}.dump());
}

std::string path_of(const HttpRequest& request) {
  return request.url.substr(request.url.find('/', request.url.find("://") + 3));
}

bool all_texts(const json& value) {
  if (value.is_string()) return true;
  if (!value.is_object() && !value.is_array()) return false;
  return std::all_of(value.begin(), value.end(), [](const json& one) { return all_texts(one); });
}

bool is_hex(const std::string& id) {
  return !id.empty() &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isxdigit(c) != 0; });
}

bool is_number(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
}

HttpResponse unknown_volume() { return error_response(79, "Could not find the volume"); }

}  // namespace

GatewayDouble::GatewayDouble() {
  sdcs = {{"3c7a7c8b00000000", "b0e3bfb8-c20b-43bf-93c8-13339e85aa50"},
          {"3c7a7c8c00000001", "C1F4CFC9-D31C-54C0-A4D9-2444AF96BB61"}};
}

GatewayDouble::Volume* GatewayDouble::by_id(const std::string& id) {
  const auto found =
      std::find_if(volumes.begin(), volumes.end(), [&](const Volume& one) { return one.id == id; });
  return found == volumes.end() ? nullptr : &*found;
}

GatewayDouble::Volume* GatewayDouble::by_name(const std::string& name) {
  const auto found =
      std::find_if(volumes.begin(), volumes.end(), [&](const Volume& one) { return one.name == name; });
  return found == volumes.end() ? nullptr : &*found;
}

GatewayDouble::Volume& GatewayDouble::add(const std::string& name) {
  Volume volume;
  volume.id = fmt::format("{:016x}", next_id_++);
  volume.name = name;
  volumes.push_back(std::move(volume));
  return volumes.back();
}

json GatewayDouble::show(const Volume& volume) const {
  json out = {{"ancestorVolumeId", volume.ancestor_id.empty() ? json(nullptr) : json(volume.ancestor_id)},
              {"consistencyGroupId", nullptr},
              {"creationTime", 1427961975},
              {"id", volume.id},
              {"isObfuscated", false},
              {"mappedScsiInitiatorInfo", nullptr},
              {"mappedSdcInfo", nullptr},
              {"mappingToAllSdcsEnabled", volume.to_all},
              {"name", volume.name.empty() ? json(nullptr) : json(volume.name)},
              {"sizeInKb", volume.size_kb},
              {"storagePoolId", volume.pool_id},
              {"useRmcache", true},
              {"volumeType", "ThinProvisioned"},
              {"vtreeId", "db168d6300000000"}};
  if (volume.to_scsi) out["mappedScsiInitiatorInfo"] = json::array({json{{"scsiInitiatorId", "5f01"}}});
  for (const DoubleMapping& one : volume.mappings) {
    out["mappedSdcInfo"].push_back({{"limitBwInMbps", one.limit_mb},
                                    {"limitIops", one.limit_iops},
                                    {"sdcId", one.sdc_id},
                                    {"sdcIp", "192.168.50.11"},
                                    {"accessMode", one.access}});
  }
  if (!tells_mappings) out.erase("mappedSdcInfo");
  if (providers::scaleio::is_at_least(version, 3))
    out["accessModeLimit"] = volume.read_only ? "ReadOnly" : "ReadWrite";
  return out;
}

HttpResponse GatewayDouble::answer(const HttpRequest& request) {
  const std::string path = path_of(request);
  if (before) before(path);
  if (html) return html_response(200);
  HttpResponse response = answer_to(request, path);
  if (is_gateway_change(request) && response.status == 200) ++done;
  if (errors_as_pages && response.status >= 400) return html_response(response.status);
  if (!page_after.empty() && path.ends_with(page_after)) return html_response(200);
  return response;
}

HttpResponse GatewayDouble::answer_to(const HttpRequest& request, const std::string& path) {
  if (std::optional<HttpResponse> other = logins.answer(request, path)) return *std::move(other);
  if (path == "/api/version") return json_response(200, json(version).dump());
  if (!takes(header(request, "Accept"))) return html_response(version_refusal);
  if (request.method == "GET") return get(path);
  if (!takes(header(request, "Content-Type"))) return html_response(415);
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object() || !all_texts(body))
    return json_response(400, R"({"message":"Invalid JSON","httpStatusCode":400,"errorCode":0})");
  if (!forbids.empty() && path.ends_with(forbids))
    return json_response(403, R"({"message":"Permission denied","httpStatusCode":403,"errorCode":0})");
  if (is_gateway_change(request) && !change_error.empty() && path.ends_with(change_error_action))
    return error_response(change_error_number, change_error);
  if (path == std::string(kVolumes) + "/action/queryIdByKey") {
    const Volume* found = by_name(body.value("name", ""));
    return found == nullptr ? unknown_volume() : json_response(200, json(found->id).dump());
  }
  if (path == "/api/types/StoragePool/instances/action/querySelectedStatistics") {
    json out = json::object();
    const json ids = body.value("ids", json::array());
    const json properties = body.value("properties", json::array());
    for (const json& id : ids) {
      for (const json& property : properties) {
        const std::string name = property.get<std::string>();
        const bool is_of_3 = name.starts_with("net");
        if (is_of_3 != providers::scaleio::is_at_least(version, 3))
          return error_response(3000, "Unknown property " + name);
        out[id.get<std::string>()][name] = name == "spareCapacityInKb" ? 10 * kStepKb : 100 * kStepKb;
      }
    }
    return json_response(200, out.dump());
  }
  if (path == kVolumes) return create(body);
  if (path == "/api/instances/System::4267f11a3b9d8194/action/snapshotVolumes") return snapshot(body);
  const std::string prefix = "/api/instances/Volume::";
  const std::size_t action = path.find("/action/");
  if (!path.starts_with(prefix) || action == std::string::npos) return html_response(404);
  Volume* volume = by_id(path.substr(prefix.size(), action - prefix.size()));
  return volume == nullptr ? unknown_volume() : act(*volume, path.substr(action + 8), body);
}

// Of the version that it reports itself it takes no more than two numbers (rexray/rexray#602), and none
// since 4.
bool GatewayDouble::takes(const std::string& media_type) const {
  if (media_type == "application/json") return true;
  if (logins.kind != LoginKind::gateway) return false;
  const std::string two_numbers = version.substr(0, version.find('.', version.find('.') + 1));
  return takes_versions && media_type == "application/json;version=" + two_numbers;
}

HttpResponse GatewayDouble::get(const std::string& path) {
  const std::string prefix = "/api/instances/Volume::";
  if (path == "/api/types/System/instances")
    return json_response(200, R"([{"id":"4267f11a3b9d8194","name":null}])");
  if (path == "/api/types/ProtectionDomain/instances")
    return json_response(
        200, R"([{"id":"ed5448c100000000","name":"pdomain"},{"id":"ed5448c200000001","name":"other"}])");
  if (path == "/api/types/StoragePool/instances") return pools();
  json out = json::array();
  if (path == "/api/types/Sdc/instances") {
    for (const Sdc& one : sdcs) {
      out.push_back({{"id", one.id},
                     {"name", nullptr},
                     {"sdcGuid", one.guid},
                     {"sdcIp", "192.168.50.11"},
                     {"sdcApproved", one.approved},
                     {"mdmConnectionState", "Connected"}});
    }
    return json_response(200, out.dump());
  }
  if (path == kVolumes) {
    for (const Volume& one : volumes) out.push_back(show(one));
    return json_response(200, out.dump());
  }
  if (!path.starts_with(prefix)) return html_response(404);
  const std::string rest = path.substr(prefix.size());
  const std::string id = rest.substr(0, rest.find('/'));
  if (!is_hex(id)) return error_response(0, "id must be a hexadecimal number");
  const Volume* volume = by_id(id);
  if (volume == nullptr) return unknown_volume();
  if (rest == id) return json_response(200, show(*volume).dump());
  if (rest != id + "/relationships/Statistics") return html_response(404);
  if (!tells_writes) return json_response(200, "{}");
  return json_response(
      200,
      json{{"userDataWriteBwc", {{"numSeconds", 5}, {"totalWeightInKb", 8}, {"numOccured", volume->writes}}}}
          .dump());
}

HttpResponse GatewayDouble::create(const json& body) {
  const std::string name = body.value("name", "");
  const std::string size = body.value("volumeSizeInKb", "");
  if (name.size() > 31)
    return error_response(0, "The given name exceeds the allowed length of 31 characters.");
  if (by_name(name) != nullptr)
    return error_response(6, "Volume name already in use. Please use a different name.");
  if (!is_number(size)) return error_response(0, "volumeSizeInKb must be a number");
  if (body.value("storagePoolId", "").empty() || body.value("volumeType", "") != "ThinProvisioned")
    return error_response(0, "A field is missing");
  Volume& volume = add(name);
  volume.pool_id = body.value("storagePoolId", "");
  volume.size_kb = (std::stoll(size) + kStepKb - 1) / kStepKb * kStepKb;
  return json_response(200, json{{"id", volume.id}}.dump());
}

HttpResponse GatewayDouble::snapshot(const json& body) {
  const json defs = body.value("snapshotDefs", json::array());
  EXTVOLD_CHECK(defs.size() == 1);
  const Volume* source = by_id(defs.front().value("volumeId", ""));
  const std::string name = defs.front().value("snapshotName", "");
  if (source == nullptr) return unknown_volume();
  if (by_name(name) != nullptr)
    return error_response(6, "Volume name already in use. Please use a different name.");
  const Volume copy = *source;
  Volume& made = add(name);
  made.ancestor_id = copy.id;
  made.size_kb = copy.size_kb;
  made.pool_id = copy.pool_id;
  made.read_only = snapshots_are_read_only;
  return json_response(200, json{{"volumeIdList", {made.id}}, {"snapshotGroupId", "5bd1"}}.dump());
}

HttpResponse GatewayDouble::add_mapping(Volume& volume, const json& body) {
  const std::string sdc_id = body.value("sdcId", "");
  const std::string many = body.value("allowMultipleMappings", "");
  if (many != "TRUE" && many != "FALSE")
    return error_response(0, "allowMultipleMappings must be TRUE or FALSE");
  const auto sdc = std::find_if(sdcs.begin(), sdcs.end(), [&](const Sdc& one) { return one.id == sdc_id; });
  if (sdc == sdcs.end()) return error_response(0, "Could not find the SDC");
  if (!sdc->approved) return error_response(0, "The SDC is not approved");
  for (const DoubleMapping& one : volume.mappings) {
    if (one.sdc_id == sdc_id) return error_response(81, "The volume is already mapped to this SDC");
  }
  const std::string access = body.value("accessMode", "ReadWrite");
  if (volume.read_only && access != "ReadOnly")
    return error_response(0, "The access mode is above the volume's limit");
  if (!volume.mappings.empty() && many == "FALSE")
    return error_response(0, "This volume is already mapped and may not be mapped to additional SDCs.");
  volume.mappings.push_back({sdc_id, 0, access});
  return json_response(200, "{}");
}

HttpResponse GatewayDouble::act(Volume& volume, const std::string& action, const json& body) {
  if (action == "addMappedSdc") return add_mapping(volume, body);
  if (action == "removeVolume") {
    if (body.value("removeMode", "") != "ONLY_ME") return error_response(0, "removeMode is missing");
    if (!volume.mappings.empty() || volume.to_all || volume.to_scsi)
      return error_response(0, "Volume is mapped");
    volumes.erase(volumes.begin() + (&volume - volumes.data()));
    return json_response(200, "{}");
  }
  if (action == "setVolumeAccessModeLimit") {
    const std::string limit = body.value("accessModeLimit", "");
    if (limit != "ReadWrite" && limit != "ReadOnly") return error_response(0, "accessModeLimit is missing");
    volume.read_only = limit == "ReadOnly";
    return json_response(200, "{}");
  }
  if (action == "setVolumeSize") {
    const std::string size = body.value("sizeInGB", "");
    if (!is_number(size) || std::stoll(size) * 1024 * 1024 < volume.size_kb)
      return error_response(0, "The volume can only grow");
    volume.size_kb = (std::stoll(size) * 1024 * 1024 + kStepKb - 1) / kStepKb * kStepKb;
    return json_response(200, "{}");
  }
  const std::string sdc_id = body.value("sdcId", "");
  const auto mapping = std::find_if(volume.mappings.begin(), volume.mappings.end(),
                                    [&](const DoubleMapping& one) { return one.sdc_id == sdc_id; });
  if (mapping == volume.mappings.end()) return error_response(84, "The volume is not mapped to SDC");
  if (action == "removeMappedSdc") {
    if (unmaps) volume.mappings.erase(mapping);
    return json_response(200, "{}");
  }
  return action == "setMappedSdcLimits" ? set_limits(*mapping, body) : html_response(404);
}

HttpResponse GatewayDouble::set_limits(DoubleMapping& mapping, const json& body) {
  const std::string iops = body.value("iopsLimit", "0");
  const std::string kb = body.value("bandwidthLimitInKbps", "0");
  if (body.size() < 2 || !is_number(iops) || !is_number(kb)) return error_response(0, "No limit is given");
  if (std::stoll(iops) != 0 && std::stoll(iops) < 11)
    return error_response(0, "The IOPS limit is out of range");
  if (std::stoll(kb) % 1024 != 0) return error_response(0, "The bandwidth limit is no multiple of 1024");
  if (body.contains("iopsLimit")) mapping.limit_iops = std::stoll(iops);
  if (body.contains("bandwidthLimitInKbps")) mapping.limit_mb = std::stoll(kb) / 1024;
  return json_response(200, "{}");
}

HttpResponse GatewayDouble::pools() const {
  json out = json::array();
  const auto add = [&](const char* id, const char* name, const char* domain) {
    json one = {{"id", id}, {"name", name}, {"protectionDomainId", domain}};
    if (pools_are_erasure_coded) one["genType"] = "EC";
    out.push_back(std::move(one));
  };
  add("92fd353300000000", "pool-hdd", "ed5448c100000000");
  add("92fd353400000001", "pool-ssd", "ed5448c100000000");
  add("92fd353500000002", "pool-hdd", "ed5448c200000001");
  return json_response(200, out.dump());
}

bool is_gateway_change(const HttpRequest& request) {
  return request.method == "POST" && request.url.find("/action/query") == std::string::npos &&
         request.url.find("/rest/auth/") == std::string::npos;
}

HttpResponse gateway_refusal(conformance::Fault fault, const HttpRequest&) {
  if (fault == conformance::Fault::throttled) return json_response(429, "");
  if (fault == conformance::Fault::wrong_credentials)
    return json_response(401, R"({"message":"Unauthorized","httpStatusCode":401,"errorCode":0})");
  return error_response(0, "Storage Pool reached critical capacity utilization. The operation is refused.");
}

}  // namespace extvold::tests
