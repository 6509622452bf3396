#include "providers/scaleio/gateway_look.h"

#include <algorithm>
#include <utility>

#include "providers/foreign_text.h"
#include "providers/json_answer.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

// Of what was asked for by its id, nobody answers with something else.
Result<GatewayVolume> volume_with_id(const json& value, const std::string& id) {
  ASSIGN(GatewayVolume volume, volume_of(value));
  if (volume.id == id) return volume;
  return fail(Errc::uncertain, "asked for volume {}, it answered with {}", in_one_line(id, 64), volume.id);
}

// A volume without a name is known by its id.
bool looks_like_id(std::string_view key) {
  return key.size() == 16 && std::all_of(key.begin(), key.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

struct Looking : std::enable_shared_from_this<Looking> {
  GatewayClient* client = nullptr;
  const ScaleioConfig* config = nullptr;
  LookFor what;
  Instant until;
  std::function<void(Result<GatewayLook>)> done;
  GatewayLook look;
  bool by_nameless_id = false;

  void failed(const Error& error) { done(tl::make_unexpected(error)); }

  void get(const std::string& path, std::function<void(const Result<json>&)> then) {
    client->call(
        {"GET", path, nullptr, Effect::reads, until},
        [self = shared_from_this(), then = std::move(then)](const Result<json>& answer) { then(answer); });
  }

  void begin() {
    client->open(until, [self = shared_from_this()](const Result<Session>& session) {
      if (!session) return self->failed(session.error());
      self->look.system_id = session->system_id;
      self->look.version = session->version;
      if (!self->what.id.empty()) return self->get_volume(self->what.id);
      if (!self->what.name.empty()) return self->find_volume();
      self->list_volumes();
    });
  }

  void find_volume() {
    GatewayRequest request{"POST",
                           "/api/types/Volume/instances/action/queryIdByKey",
                           {{"name", what.name}},
                           Effect::reads,
                           until};
    client->call(std::move(request), [self = shared_from_this()](const Result<json>& answer) {
      if (!answer && answer.error().code == Errc::not_found) return self->is_no_name();
      if (!answer) return self->failed(answer.error());
      const Result<std::string> id = text_in(*answer, "queryIdByKey");
      if (!id) return self->failed(id.error());
      self->get_volume(*id);
    });
  }

  void is_no_name() {
    if (!looks_like_id(what.name)) return list_sdcs();
    by_nameless_id = true;
    get_volume(what.name);
  }

  void get_volume(const std::string& id) {
    get("/api/instances/Volume::" + path_segment(id), [self = this, id](const Result<json>& answer) {
      if (!answer && answer.error().code == Errc::not_found) return self->list_sdcs();
      if (!answer) return self->failed(answer.error());
      Result<GatewayVolume> volume = volume_with_id(*answer, id);
      if (!volume) return self->failed(volume.error());
      if (!self->by_nameless_id || volume->name.empty()) self->look.volumes.push_back(*std::move(volume));
      self->list_sdcs();
    });
  }

  void list_volumes() {
    get("/api/types/Volume/instances", [self = this](const Result<json>& answer) {
      if (!answer) return self->failed(answer.error());
      Result<std::vector<GatewayVolume>> volumes = volumes_of(*answer);
      if (!volumes) return self->failed(volumes.error());
      self->look.volumes = *std::move(volumes);
      self->list_sdcs();
    });
  }

  void list_sdcs() {
    get("/api/types/Sdc/instances", [self = this](const Result<json>& answer) {
      if (!answer) return self->failed(answer.error());
      Result<std::vector<GatewaySdc>> sdcs = sdcs_of(*answer);
      if (!sdcs) return self->failed(sdcs.error());
      self->look.sdcs = *std::move(sdcs);
      self->list_pools();
    });
  }

  void list_pools() {
    get("/api/types/StoragePool/instances", [self = this](const Result<json>& answer) {
      if (!answer) return self->failed(answer.error());
      Result<std::vector<GatewayPool>> pools = pools_of(*answer);
      if (!pools) return self->failed(pools.error());
      self->look.pools = *std::move(pools);
      if (self->config->protection_domain.empty()) return self->done(std::move(self->look));
      self->list_domains();
    });
  }

  void list_domains() {
    get("/api/types/ProtectionDomain/instances", [self = this](const Result<json>& answer) {
      if (!answer) return self->failed(answer.error());
      auto domains = names_of(*answer);
      if (!domains) return self->failed(domains.error());
      self->look.domains = *std::move(domains);
      self->done(std::move(self->look));
    });
  }
};

bool is_in_domain(const GatewayLook& look, const GatewayPool& pool, const ScaleioConfig& config) {
  if (config.protection_domain.empty()) return true;
  const auto domain = look.domains.find(pool.domain_id);
  return domain != look.domains.end() && domain->second == config.protection_domain;
}

}  // namespace

std::string GatewayLook::guid_of(const std::string& sdc_id) const {
  const auto found =
      std::find_if(sdcs.begin(), sdcs.end(), [&](const GatewaySdc& one) { return one.id == sdc_id; });
  return found == sdcs.end() ? std::string() : found->guid;
}

Result<std::string> GatewayLook::sdc_of(std::string_view guid) const {
  std::string found;
  for (const GatewaySdc& one : sdcs) {
    if (one.guid != guid) continue;
    if (!found.empty()) return fail(Errc::conflict, "two SDCs have the GUID {}", guid);
    found = one.id;
  }
  if (found.empty())
    return fail(Errc::not_found, "the gateway knows no SDC of GUID {}", in_one_line(guid, 100));
  return found;
}

std::string GatewayLook::pool_name(const std::string& pool_id, const ScaleioConfig& config) const {
  const auto found =
      std::find_if(pools.begin(), pools.end(), [&](const GatewayPool& one) { return one.id == pool_id; });
  if (found == pools.end()) return pool_id;
  return is_in_domain(*this, *found, config) ? found->name : found->name + "@" + found->domain_id;
}

Result<GatewayPool> GatewayLook::pool_of(std::string_view name, const ScaleioConfig& config) const {
  const GatewayPool* found = nullptr;
  for (const GatewayPool& one : pools) {
    if (one.name != name || !is_in_domain(*this, one, config)) continue;
    if (found != nullptr) {
      return fail(Errc::invalid,
                  "there are two storage pools {}; name their protection_domain in the configuration", name);
    }
    found = &one;
  }
  if (found == nullptr) {
    return fail(Errc::not_found, "the gateway shows no storage pool {}{}{}; mend pools in the configuration",
                name, config.protection_domain.empty() ? "" : " in protection domain ",
                config.protection_domain);
  }
  if (found->is_erasure_coded) {
    return fail(Errc::invalid,
                "storage pool {} is erasure coded (generation 2), whose volumes and statistics are other "
                "ones; extvold does not serve it: name another pool",
                name);
  }
  return *found;
}

std::string device_of(const GatewayLook& look, const GatewayVolume& volume) {
  return "/dev/disk/by-id/emc-vol-" + look.system_id + "-" + volume.id;
}

ObservedVolume observed(const GatewayLook& look, const GatewayVolume& volume, const ScaleioConfig& config) {
  ObservedVolume out;
  out.key = volume.name.empty() ? volume.id : volume.name;
  out.provider_ref = volume.id;
  out.pool = look.pool_name(volume.pool_id, config);
  out.size_mb = volume.size_mb;
  const auto add = [&](std::string identity, bool read_only) {
    ObservedAttachment attachment;
    attachment.host_identity = std::move(identity);
    attachment.device = device_of(look, volume);
    attachment.read_only = read_only;
    out.attachments.push_back(std::move(attachment));
  };
  for (const SdcMapping& one : volume.mappings)
    add(look.guid_of(one.sdc_id), one.access == MappedAs::read_only);
  if (volume.to_all_sdcs || volume.to_scsi_initiators) add("", false);
  return out;
}

void look_at(GatewayClient& client, const ScaleioConfig& config, LookFor what, Instant until,
             std::function<void(Result<GatewayLook>)> done) {
  const auto looking = std::make_shared<Looking>();
  looking->client = &client;
  looking->config = &config;
  looking->what = std::move(what);
  looking->until = until;
  looking->done = std::move(done);
  looking->begin();
}

}  // namespace extvold::providers::scaleio
