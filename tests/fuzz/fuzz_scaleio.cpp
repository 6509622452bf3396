// What a ScaleIO gateway answers: any bytes as the body of an answer. The first byte picks status and content
// type, each reader gets what was read.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "model/check.h"
#include "providers/scaleio/gateway_body.h"
#include "providers/scaleio/gateway_tokens.h"
#include "providers/scaleio/gateway_values.h"

namespace scaleio = extvold::providers::scaleio;

namespace {

void read_values(const nlohmann::json& body) {
  if (const auto volumes = scaleio::volumes_of(body)) {
    for (const scaleio::GatewayVolume& one : *volumes) EXTVOLD_CHECK(!one.id.empty() && one.size_mb >= 0);
  }
  if (const auto volume = scaleio::volume_of(body)) {
    for (const scaleio::SdcMapping& one : volume->mappings)
      EXTVOLD_CHECK(!one.sdc_id.empty() && one.limit_iops >= 0 && one.limit_mb >= 0);
  }
  static_cast<void>(scaleio::sdcs_of(body));
  static_cast<void>(scaleio::pools_of(body));
  static_cast<void>(scaleio::names_of(body));
  if (const auto text = scaleio::text_in(body, "text"))
    EXTVOLD_CHECK(text->find_first_of("\r\n") == std::string::npos);
  if (const auto tokens = scaleio::manager_tokens(body))
    EXTVOLD_CHECK(!tokens->access.empty() && tokens->access_for.ns >= 0 && tokens->refresh_for.ns >= 0);
  for (const std::string_view version : {"2.0", "3.6"}) {
    if (const auto capacity = scaleio::capacity_of(body, version))
      EXTVOLD_CHECK(capacity->total_mb >= 0 && capacity->free_mb >= 0);
  }
  if (const auto writes = scaleio::writes_in(body)) EXTVOLD_CHECK(writes->writes >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  extvold::HttpResponse response;
  response.status = data[0] % 2 == 0 ? 200 : 500;
  if (data[0] % 4 < 2) response.headers = {{"content-type", "application/json;version=3.6"}};
  response.body.assign(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto body = scaleio::gateway_body(response, "GET /x");
  if (body) {
    read_values(*body);
  } else {
    EXTVOLD_CHECK(body.error().message.size() < 1000 && body.error().message.find('\n') == std::string::npos);
  }
  return 0;
}
