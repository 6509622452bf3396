// What a gateway answers, read strictly; the first volume is as a real ScaleIO 1.31 showed it.
#include <catch2/catch.hpp>

#include "providers/scaleio/basic_auth.h"
#include "providers/scaleio/gateway_body.h"
#include "providers/scaleio/gateway_tokens.h"
#include "providers/scaleio/gateway_values.h"

using namespace extvold;
using namespace extvold::providers::scaleio;

namespace {

using nlohmann::json;

HttpResponse response_of(int status, const std::string& type, const std::string& body) {
  HttpResponse response;
  response.status = status;
  if (!type.empty()) response.headers = {{"content-type", type}};
  response.body = body;
  return response;
}

Result<json> read(int status, const std::string& type, const std::string& body) {
  return gateway_body(response_of(status, type, body), "GET /x");
}

Errc code_of_error(int number, const std::string& message) {
  const json body = {{"message", message}, {"httpStatusCode", 500}, {"errorCode", number}};
  return read(500, "application/json", body.dump()).error().code;
}

}  // namespace

TEST_CASE("scaleio values: a volume as a real gateway of 1.31 shows it") {
  const json value =
      json::parse(R"({"ancestorVolumeId":null,"consistencyGroupId":null,"creationTime":1427961975,
      "id":"2f93fa7700000000","isObfuscated":false,"mappedScsiInitiatorInfo":null,"mappedSdcInfo":[
      {"limitBwInMbps":0,"limitIops":0,"sdcId":"3c7a7c8b00000000","sdcIp":"192.168.50.11"},
      {"limitBwInMbps":3,"limitIops":7,"sdcId":"3c7a7c8d00000002","sdcIp":"192.168.50.13"}],
      "mappingToAllSdcsEnabled":false,"name":"vol1","sizeInKb":8388608,"storagePoolId":"92fd353300000000",
      "useRmcache":true,"volumeType":"ThickProvisioned","vtreeId":"db168d6300000000"})");
  const GatewayVolume volume = volume_of(value).value();
  CHECK(volume.name == "vol1");
  CHECK(volume.size_mb == 8192);
  CHECK_FALSE(volume.to_scsi_initiators);
  CHECK(volume.mappings == std::vector<SdcMapping>{{"3c7a7c8b00000000", 0, 0}, {"3c7a7c8d00000002", 7, 3}});
}

TEST_CASE("scaleio values: null lists, texts for numbers, and what makes no sense") {
  json value = {{"id", "2f93"},
                {"name", nullptr},
                {"sizeInKb", "8388608"},
                {"mappingToAllSdcsEnabled", "TRUE"},
                {"mappedSdcInfo", nullptr}};
  CHECK(volume_of(value).value().to_all_sdcs);
  CHECK(volume_of(value).value().size_mb == 8192);
  CHECK(volume_of(value).value().name.empty());
  const auto wrong = [&](const char* field, json with) {
    json changed = value;
    changed[field] = std::move(with);
    return !volume_of(changed);
  };
  CHECK(wrong("id", "../../x"));
  CHECK(wrong("id", 7));
  CHECK(wrong("sizeInKb", nullptr));
  CHECK(wrong("sizeInKb", -1));
  CHECK(wrong("sizeInKb", 1.5));
  CHECK(wrong("sizeInKb", "1e9"));
  CHECK(wrong("sizeInKb", 18446744073709551615ULL));
  CHECK(wrong("mappingToAllSdcsEnabled", "perhaps"));
  CHECK(wrong("mappedSdcInfo", "none"));
  json without = value;
  without.erase("mappedSdcInfo");
  CHECK_FALSE(volume_of(without));
  CHECK(wrong("mappedSdcInfo", json::array({json{{"sdcIp", "192.168.50.11"}}})));
  CHECK_FALSE(volumes_of(json::object()));
  CHECK_FALSE(volumes_of(nullptr));
  CHECK(volumes_of(json::array()).value().empty());
  value["mappedScsiInitiatorInfo"] = json::array();
  CHECK_FALSE(volume_of(value).value().to_scsi_initiators);
  value["mappedScsiInitiatorInfo"] = "iqn.x";
  CHECK(volume_of(value).value().to_scsi_initiators);
}

TEST_CASE("scaleio values: answers by status, content type and number") {
  CHECK(read(200, "application/json;version=3.6", R"("3.6")").value() == "3.6");
  CHECK(read(200, "application/json", "").value().is_null());
  CHECK(read(200, "", "{}").value().is_object());
  CHECK(read(200, "text/html", "<html></html>").error().code == Errc::uncertain);
  CHECK(read(200, "application/json", "<html>").error().code == Errc::uncertain);
  CHECK(read(204, "", "").value().is_null());
  CHECK(read(302, "", "").error().code == Errc::uncertain);
  CHECK(read(404, "text/html", "<html>").error().code == Errc::invalid);
  CHECK(read(401, "", "").error().code == Errc::permission);
  CHECK(read(429, "", "").error().code == Errc::throttled);
  CHECK(read(502, "text/html", "<html>").error().code == Errc::uncertain);
  CHECK(read(500, "application/json", R"({"message":7})").error().code == Errc::uncertain);
  for (const int number : {78, 79}) CHECK(code_of_error(number, "x") == Errc::not_found);
  for (const int number : {81, 4037, 84, 4039}) CHECK(code_of_error(number, "x") == Errc::conflict);
  CHECK(code_of_error(182, "x") == Errc::exhausted);
  CHECK(code_of_error(226, "x") == Errc::invalid);
  CHECK(code_of_error(142, "x") == Errc::not_found);
  CHECK(code_of_error(0, "Not Found") == Errc::uncertain);  // of a path, perhaps
  CHECK(code_of_error(0, "The helper was not found") == Errc::uncertain);
  CHECK(read(400, "application/json", R"({"message":"Request message is not valid: x","errorCode":0})")
            .error()
            .code == Errc::invalid);
  CHECK(code_of_error(0, "id must be a hexadecimal number") == Errc::not_found);
  CHECK(code_of_error(0, "A timeout occurred") == Errc::uncertain);
  CHECK(read(500, "application/json", R"({"message":"x","errorCode":"79"})").error().code == Errc::not_found);
  // Of a path, by the server around the gateway.
  CHECK(
      read(404, "application/json", R"({"status":404,"error":"Not Found","message":"Not Found","path":"/x"})")
          .error()
          .code == Errc::invalid);
  CHECK(read(200, "text/plain", R"("3.6")").value() == "3.6");
  CHECK(read(200, "application/json", "\n <html>").error().message.find("a page") != std::string::npos);
  const Error error = read(500, "application/json", R"({"message":"a\nb","errorCode":79})").error();
  CHECK(error.message == "GET /x: status 500, error 79: a b");
}

TEST_CASE("scaleio values: an error whose number is told in its one detail only") {
  const auto code = [](const char* details) {
    return read(500, "application/json",
                fmt::format(R"({{"message":"x","httpStatusCode":500,"errorCode":0,"details":{}}})", details))
        .error();
  };
  const Error full = code(R"([{"error":"y","rc":182,"errorMessage":"too many snapshots"}])");
  CHECK(full.code == Errc::exhausted);
  CHECK(full.message.find("182: too many snapshots") != std::string::npos);
  CHECK(code(R"([{"rc":"182"}])").code == Errc::exhausted);
  CHECK(code(R"([{"rc":5,"errorMessage":"Could not find the volume"}])").code == Errc::not_found);
  CHECK(code(R"([{"rc":5,"errorMessage":"A timeout occurred"}])").code == Errc::uncertain);
  CHECK(code(R"([{"rc":182},{"rc":0}])").code == Errc::uncertain);  // of which nobody knows what was done
  for (const char* odd : {"null", "[]", "{}", "[7]", "\"x\""}) CHECK(code(odd).code == Errc::uncertain);
}

TEST_CASE("scaleio values: errors of the manager, and what shows no secret") {
  const Error told =
      read(401, "application/json",
           R"({"http_status_code":401,"messages":[{"code":"A","severity":"E","message":"no"}]})")
          .error();
  CHECK(told.message == "GET /x: status 401: no");
  const HttpResponse cut = response_of(200, "application/json", "{\"access_token\":\"abc");
  CHECK(gateway_body(cut, "POST /x", true).error().message.find("abc") == std::string::npos);
}

TEST_CASE("scaleio values: tokens of the manager, with seconds as numbers and as texts") {
  const json whole = {{"access_token", "a.b.c"},
                      {"expires_in", "300"},
                      {"refresh_expires_in", 1800},
                      {"refresh_token", std::string(16000, 'r')}};
  const ManagerTokens tokens = manager_tokens(whole).value();
  CHECK(tokens.access == "a.b.c");
  CHECK(tokens.access_for == seconds(300));
  CHECK(tokens.refresh_for == seconds(1800));
  CHECK(manager_tokens(json{{"access_token", "a"}, {"refresh_token", nullptr}}).value().refresh.empty());
  for (const json& odd : {json(-1), json(1e300), json("x"), json(nullptr), json::array()})
    CHECK(manager_tokens(json{{"access_token", "a"}, {"expires_in", odd}}).value().access_for.ns == 0);
  for (const json& wrong : {json(nullptr), json(""), json("a b"), json(7), json(std::string(17000, 'x'))})
    CHECK_FALSE(manager_tokens(json{{"access_token", wrong}}));
  CHECK_FALSE(manager_tokens(json::array()));
  CHECK(manager_login("admin", "\xc3\xa4\"").value()["password"] == "\xc3\xa4\"");
  CHECK_FALSE(manager_login("admin", "\xff"));
}

TEST_CASE("scaleio values: of a version the API knows two numbers") {
  CHECK(api_version("2.0.1") == "2.0");
  CHECK(api_version("3.6") == "3.6");
  CHECK(api_version("4.5.1.2") == "4.5");
  CHECK(api_version("10.12-beta") == "10.12");
  for (const char* wrong : {"", "3", "3.", ".5", "R3_6", "v3.6"}) CHECK(api_version(wrong).empty());
  CHECK(api_version("3." + std::string(40, '1')).empty());
}

TEST_CASE("scaleio values: capacity before and since version 3.0") {
  const json of_2 = {{"capacityLimitInKb", 100 << 20},
                     {"spareCapacityInKb", 10 << 20},
                     {"capacityAvailableForVolumeAllocationInKb", 8 << 20}};
  CHECK(capacity_of(of_2, "2.0").value() == Capacity{40960, 8192});  // 45 GiB, in steps of 8
  const json of_3 = {{"netCapacityInUseInKb", 1 << 20}, {"netUnusedCapacityInKb", 3 << 20}};
  CHECK(capacity_of(of_3, "3.0").value() == Capacity{4096, 3072});
  CHECK_FALSE(capacity_of(of_2, "3.0"));
  CHECK_FALSE(capacity_of(nullptr, "3.0"));
  CHECK(is_at_least("10.0", 3));
  CHECK_FALSE(is_at_least("2.9", 3));
  CHECK_FALSE(is_at_least("", 3));
}

TEST_CASE("scaleio values: basic authorisation") {
  CHECK(basic_auth("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617
  CHECK(basic_auth("", "") == "Basic Og==");
  CHECK(basic_auth("a", "b") == "Basic YTpi");
  CHECK(basic_auth("", "abc") == "Basic OmFiYw==");
}
