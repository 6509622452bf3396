// ScaleioConfig: what the operator says about one ScaleIO or PowerFlex gateway. Plain values, filled by the
// daemon's configuration; checked by check_scaleio_config().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/enum_text.h"
#include "model/ids.h"
#include "model/instant.h"
#include "model/ports.h"
#include "model/provider_info.h"
#include "model/result.h"

namespace extvold::providers::scaleio {

EXTVOLD_ENUM(Provisioning, thin, thick)
// GET /api/login, or POST /rest/auth/login of PowerFlex 4 (gateway_session.h).
EXTVOLD_ENUM(Login, detect, gateway, manager)

struct ScaleioPool {
  std::string name;               // of a storage pool, as the gateway has it
  std::int64_t iops = 0;          // declared: the storage declares none; counted by placement
  std::int64_t bandwidth_mb = 0;  // per second, of each mapping of its volumes; 0: without a limit
  bool operator==(const ScaleioPool&) const = default;
};

struct ScaleioConfig {
  ProviderName name;    // "scaleio~row8"
  std::string gateway;  // "https://10.0.0.1", without a path
  HttpTls tls;
  Login login = Login::detect;
  std::string user;
  std::string password_place;     // what ScaleioPorts::read_secret is asked for
  std::string protection_domain;  // by name; empty: no two pools of one name are there
  std::vector<ScaleioPool> pools;
  Provisioning provisioning = Provisioning::thin;
  bool reach_all = false;
  std::vector<HostIdentity> sdcs;        // each host's SDC by its GUID, in upper case
  Duration look_deadline = seconds(20);  // of one request that changes nothing
  Duration settle_time = seconds(60);    // how late the MDM may still do what was asked
  int calls_max = 4;
  int calls_per_second = 0;  // 0: as often as it lets us
  bool operator==(const ScaleioConfig&) const = default;
};

// https://HOST or https://HOST:PORT and no more (http:// too).
bool is_gateway_url(std::string_view text);

Status check_scaleio_config(const ScaleioConfig& config);

}  // namespace extvold::providers::scaleio
