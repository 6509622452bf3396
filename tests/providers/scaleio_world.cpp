#include "tests/providers/scaleio_world.h"

#include "model/check.h"

namespace extvold::tests {

ScaleioWorld::ScaleioWorld()
    : http({[this](const HttpRequest& request) { return gateway.answer(request); }, is_gateway_change,
            gateway_refusal}) {
  gateway.logins.clock = [this] { return now(); };
  config.name = ProviderName("scaleio~row8");
  config.gateway = "https://10.0.0.1";
  config.user = "admin";
  config.password_place = "/etc/extvold/scaleio.password";
  config.protection_domain = "pdomain";
  config.pools = {{"pool-hdd", 1000}, {"pool-ssd", 0}};
  config.sdcs = {{"a1", kGuidA1}, {"a2", kGuidA2}};
  restart();
}

void ScaleioWorld::restart() {
  http.forget();
  EXTVOLD_CHECK(providers::scaleio::check_scaleio_config(config));
  provider = std::make_unique<providers::scaleio::ScaleioProvider>(
      config, providers::scaleio::ScaleioPorts{
                  http, [this](const std::string&) -> Result<std::string> { return password; },
                  [this](std::function<void()> closure) { http.defer(std::move(closure)); },
                  [this] { return now(); }});
}

}  // namespace extvold::tests
