#include "providers/docker/plugin_client.h"

#include <algorithm>
#include <utility>

#include "providers/foreign_text.h"

namespace extvold::providers::docker {
namespace {

using nlohmann::json;

constexpr std::string_view kAccept = "application/vnd.docker.plugins.v1+json";
constexpr std::size_t kAnswerBytesMax = 32U << 20U;

json name_of(const std::string& name) { return {{"Name", name}}; }

}  // namespace

void PluginClient::open(Instant until, std::function<void(Result<OpenPlugin>)> done) {
  const Result<PluginPlace> place = find_plugin(config_);
  if (!place) {
    ports_.defer([done = std::move(done), error = place.error()] { done(tl::make_unexpected(error)); });
    return;
  }
  OpenPlugin plugin{*place, until};
  const auto activated = [this, plugin, done = std::move(done)](const Result<json>& answer) {
    if (!answer) return done(tl::make_unexpected(answer.error()));
    if (is_volume_driver(*answer)) return done(plugin);
    done(fail(Errc::invalid, "plugin {}: says that it is no volume driver", config_.plugin));
  };
  send(plugin, "/Plugin.Activate", "", Effect::reads, activated);
}

void PluginClient::call(const OpenPlugin& plugin, const std::string& method, const json& body, Effect effect,
                        std::function<void(Result<json>)> done) {
  send(plugin, "/VolumeDriver." + method, json_text(body), effect, std::move(done));
}

void PluginClient::send(const OpenPlugin& plugin, const std::string& path, std::string body, Effect effect,
                        std::function<void(Result<json>)> done) {
  const Duration left = plugin.until - ports_.clock();
  if (left.ns <= 0) {
    // Nothing of this call has left; what went before it is the caller's business.
    ports_.defer([done = std::move(done), path] {
      done(fail(Errc::unavailable, "{}: no time is left for it before the deadline", path));
    });
    return;
  }
  HttpRequest request;
  request.method = "POST";
  request.url = plugin.place.url + path;
  request.unix_socket = plugin.place.unix_socket;
  request.tls = plugin.place.tls;
  request.headers = {{"Accept", std::string(kAccept)}, {"Content-Type", "application/json"}};
  request.body = std::move(body);
  request.deadline = effect == Effect::reads ? std::min(left, config_.look_deadline) : left;
  request.response_bytes_max = kAnswerBytesMax;
  request.safe_to_repeat = effect == Effect::reads;
  ports_.http.request(std::move(request), [this, path, done = std::move(done)](Result<HttpResponse> ended) {
    const Result<JsonAnswer> answer = json_answer(ended, "plugin " + config_.plugin);
    if (!answer && answer.error().code == Errc::exhausted)
      return done(tl::make_unexpected(Error{Errc::uncertain, answer.error().message}));
    if (!answer) return done(tl::make_unexpected(answer.error()));
    done(answer_body(*answer, fmt::format("plugin {}: {}", config_.plugin, path)));
  });
}

void PluginClient::list(const OpenPlugin& plugin,
                        std::function<void(Result<std::vector<PluginVolume>>)> done) {
  call(plugin, "List", json::object(), Effect::reads,
       [this, done = std::move(done)](const Result<json>& answer) {
         if (!answer) return done(tl::make_unexpected(answer.error()));
         done(volumes_in(*answer, config_));
       });
}

void PluginClient::look(const OpenPlugin& plugin, const std::string& name, LookDone done) {
  list(plugin,
       [this, plugin, name, done = std::move(done)](Result<std::vector<PluginVolume>> listed) mutable {
         if (!listed) return done(tl::make_unexpected(listed.error()));
         std::optional<PluginVolume> found;
         for (PluginVolume& one : *listed) {
           if (one.name != name) continue;
           if (found) {
             return done(fail(Errc::conflict, "plugin {}: there are two volumes of the name {}",
                              config_.plugin, in_one_line(name, 100)));
           }
           found = std::move(one);
         }
         get(plugin, name, std::move(found), std::move(done));
       });
}

void PluginClient::get(const OpenPlugin& plugin, const std::string& name, std::optional<PluginVolume> listed,
                       LookDone done) {
  const auto got = [this, plugin, name, listed = std::move(listed),
                    done = std::move(done)](const Result<json>& answer) mutable {
    Result<PluginVolume> volume =
        answer ? volume_in(*answer, name, config_) : tl::make_unexpected(answer.error());
    if (!volume && volume.error().code == Errc::not_found && !listed) return done(std::nullopt);
    if (!volume && volume.error().code == Errc::not_found) {
      return done(fail(Errc::uncertain, "plugin {}: List shows volume {}, Get does not: {}", config_.plugin,
                       in_one_line(name, 100), volume.error().message));
    }
    if (!volume) return done(tl::make_unexpected(volume.error()));
    if (volume->size_mb == 0 && listed) volume->size_mb = listed->size_mb;
    if (volume->mountpoint.empty() && listed) volume->mountpoint = listed->mountpoint;
    if (volume->mountpoint.empty() && config_.shows_mounts)
      return path(plugin, *std::move(volume), std::move(done));
    done(*std::move(volume));
  };
  call(plugin, "Get", name_of(name), Effect::reads, got);
}

// Some show a mount there alone. Get has shown the volume: what Path does not find is a mount. (A REX-Ray
// looks for what is attached to its own host, and says "resource not found" of the rest.)
void PluginClient::path(const OpenPlugin& plugin, PluginVolume volume, LookDone done) {
  const json body = name_of(volume.name);
  call(plugin, "Path", body, Effect::reads,
       [volume = std::move(volume), done = std::move(done)](const Result<json>& answer) mutable {
         if (!answer && !is_not_mounted(answer.error())) return done(tl::make_unexpected(answer.error()));
         if (answer) {
           Result<std::string> mountpoint = mountpoint_in(*answer);
           if (!mountpoint) return done(tl::make_unexpected(mountpoint.error()));
           volume.mountpoint = *std::move(mountpoint);
         }
         done(std::move(volume));
       });
}

}  // namespace extvold::providers::docker
