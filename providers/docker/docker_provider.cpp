#include "providers/docker/docker_provider.h"

#include <algorithm>
#include <utility>

#include "providers/docker/docker_wish.h"
#include "providers/foreign_text.h"
#include "providers/results.h"

namespace extvold::providers::docker {
namespace {

constexpr std::int64_t kSizeMbMax = std::int64_t{1} << 40U;

// The plugin refused in its own words. Everything else says by itself whether something happened.
bool is_refusal(const Error& error) { return error.code == Errc::conflict || error.code == Errc::not_found; }

}  // namespace

// One operation, from its first look to its callback.
struct DockerProvider::Work {
  OperationCall call;
  std::function<void(OperationResult)> done;
  std::string name;
  OpenPlugin plugin;
  std::optional<Error> refusal;  // of the change
};

Status check_docker_config(const DockerConfig& config) {
  const auto wrong = [&](std::string_view what) {
    return fail(Errc::invalid, "provider {}: {}", config.name.value, what);
  };
  const auto is_plain = [](std::string_view name) {
    return !name.empty() && name.size() <= 100 && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                    c == '_' || c == '-';
           });
  };
  if (!is_plain(config.plugin)) return wrong("plugin: is no name of a plugin");
  if (!is_plain(config.pool)) return wrong("pool: is no name of a pool");
  if (!config.sockets_folder.starts_with('/')) return wrong("sockets_folder: must be an absolute path");
  for (const std::string& folder : config.specs_folders) {
    if (!folder.starts_with('/')) return wrong("specs_folders: must be absolute paths");
  }
  if (config.options.contains(config.size_option)) return wrong("size_option: is among the options too");
  if (config.size_option.empty() && !config.size_suffix.empty())
    return wrong("size_suffix: is there without size_option");
  return {};
}

DockerProvider::DockerProvider(DockerConfig config, DockerPorts ports)
    : config_(std::move(config)), ports_(std::move(ports)), client_(config_, ports_) {
  info_.name = config_.name;
  info_.capabilities.create = true;
  info_.capabilities.keeps_tags = false;
  info_.capabilities.formatting = Formatting::node_side;
  info_.capabilities.attach_to_named_host = !config_.host.empty() && config_.shows_mounts;
  info_.pools = {config_.pool};
  info_.reach_all = config_.reach_all;
  info_.settle_time = config_.settle_time;
  info_.calls_max = config_.calls_max;
  info_.calls_per_second = config_.calls_per_second;
  if (config_.size_unit == SizeUnit::GB && !config_.size_option.empty()) {
    info_.size_step_mb = 1024;
    info_.size_min_mb = 1024;
  }
}

void DockerProvider::execute(OperationCall call, std::function<void(OperationResult)> done) {
  auto work = std::make_shared<Work>();
  work->call = std::move(call);
  work->done = std::move(done);
  const Result<std::string> name = name_of(work->call.volume);
  Status wish = name ? check_wish(config_, info_, work->call) : tl::make_unexpected(name.error());
  if (wish && work->call.operation.kind == OperationKind::create &&
      (work->call.volume.size_mb < 1 || work->call.volume.size_mb > kSizeMbMax))
    wish =
        fail(Errc::invalid, "volume {}: {} MB is no size", work->call.volume.name, work->call.volume.size_mb);
  if (!wish) {
    ports_.defer([this, work, error = wish.error()] { finish_failed(work, error); });
    return;
  }
  work->name = *name;
  begin(work);
}

void DockerProvider::begin(const WorkPtr& work) {
  client_.open(ports_.clock() + work->call.deadline, [this, work](Result<OpenPlugin> plugin) {
    if (!plugin) return finish_failed(work, nothing_happened(plugin.error()));
    work->plugin = *std::move(plugin);
    if (work->call.operation.kind == OperationKind::create && config_.host.empty()) return check_scope(work);
    look_before(work);
  });
}

// Volumes of scope `local` exist on the plugin's host alone, whichever that is.
void DockerProvider::check_scope(const WorkPtr& work) {
  client_.call(
      work->plugin, "Capabilities", nlohmann::json::object(), Effect::reads,
      [this, work](const Result<nlohmann::json>& answer) {
        if (!answer && (answer.error().code == Errc::unavailable || answer.error().code == Errc::permission ||
                        answer.error().code == Errc::throttled))
          return finish_failed(work, answer.error());
        if (answer && is_global_scope(*answer)) return look_before(work);
        finish_failed(
            work,
            Error{Errc::invalid, fmt::format("the scope of plugin {} is local: its volumes exist on one host "
                                             "only; name that with host in the configuration of {}",
                                             config_.plugin, info_.name.value)});
      });
}

void DockerProvider::look_before(const WorkPtr& work) {
  client_.look(work->plugin, work->name, [this, work](const Seen& seen) {
    if (!seen) return finish_failed(work, nothing_happened(seen.error()));
    if (const Status fits = check_seen(config_, info_, work->call, *seen); !fits)
      return finish_failed(work, fits.error());
    const OperationKind kind = work->call.operation.kind;
    if (is_so(config_, kind, *seen)) {
      if (kind == OperationKind::detach) let_go_.erase(work->name);
      return finish_done(work, Outcome::unchanged, *seen);
    }
    if (kind == OperationKind::detach && let_go_.contains(work->name)) {
      return finish_failed(
          work,
          {Errc::conflict, fmt::format("extvold has undone its own Mount of it, and plugin {} shows it "
                                       "mounted yet: somebody else uses it there, or a Mount came twice",
                                       config_.plugin)});
    }
    change(work);
  });
}

void DockerProvider::change(const WorkPtr& work) {
  const PluginCall plugin_call = call_for(config_, work->call, work->name);
  let_go_.erase(work->name);
  client_.call(work->plugin, plugin_call.method, plugin_call.body, Effect::changes,
               [this, work](const Result<nlohmann::json>& answer) {
                 if (!answer) {
                   Error error = answer.error();
                   if (is_refusal(error) && may_go_on(error)) error.code = Errc::uncertain;
                   if (!is_refusal(error)) return finish_failed(work, error);
                   work->refusal = std::move(error);
                 } else if (work->call.operation.kind == OperationKind::detach) {
                   let_go_.insert(work->name);
                 }
                 look_after(work);
               });
}

void DockerProvider::look_after(const WorkPtr& work) {
  client_.look(work->plugin, work->name, [this, work](const Seen& seen) { judge(work, seen); });
}

// A refused change is `failed` only if a look shows that nothing came of it.
void DockerProvider::judge(const WorkPtr& work, const Seen& seen) {
  const OperationKind kind = work->call.operation.kind;
  if (!seen) {
    return finish_failed(
        work, {Errc::uncertain, fmt::format("{}; and then a look: {}",
                                            work->refusal ? work->refusal->message : "it was said to be done",
                                            seen.error().message)});
  }
  const bool so = is_so(config_, kind, *seen);
  const bool takes_away = kind == OperationKind::remove || kind == OperationKind::detach;
  if (so && kind == OperationKind::detach) let_go_.erase(work->name);
  if (so && (!work->refusal || takes_away)) return finish_done(work, Outcome::changed, *seen);
  if (!so && work->refusal) return finish_failed(work, *work->refusal);
  if (so) {
    return finish_failed(work, {Errc::uncertain, work->refusal->message + "; yet a look shows it"});
  }
  finish_failed(work, {Errc::uncertain, kind == OperationKind::detach
                                            ? "the plugin said that it was done, and shows it mounted yet: "
                                              "somebody else uses it there"
                                            : "the plugin said that it was done, a look does not show it"});
}

void DockerProvider::finish_failed(const WorkPtr& work, const Error& error) {
  const std::string prefix = fmt::format("volume {}: ", work->call.volume.name);
  Error told = error;
  if (!told.message.starts_with(prefix)) told.message = prefix + told.message;
  work->done(failed_call(work->call, std::move(told), ports_.clock()));
}

void DockerProvider::finish_done(const WorkPtr& work, Outcome outcome,
                                 const std::optional<PluginVolume>& seen) {
  OperationResult result = done_call(work->call, outcome, ports_.clock());
  if (work->call.operation.kind == OperationKind::create) {
    result.provider_ref = work->name;
    result.granted_size_mb =
        seen && seen->size_mb > 0 ? seen->size_mb : granted_mb(config_, work->call.volume.size_mb);
  }
  if (work->call.operation.kind == OperationKind::attach) {
    result.host_identity = config_.host;
    result.device = seen->mountpoint;
  }
  work->done(std::move(result));
}

ObservedVolume DockerProvider::observed(const PluginVolume& volume) const {
  ObservedVolume out;
  out.key = volume.name;
  out.provider_ref = volume.name;
  out.pool = config_.pool;
  out.size_mb = volume.size_mb;
  if (is_mounted(config_, volume)) {
    ObservedAttachment attachment;
    attachment.host_identity = config_.host;
    attachment.device = volume.mountpoint;
    out.attachments.push_back(std::move(attachment));
  }
  return out;
}

void DockerProvider::observe(std::string volume_key, std::function<void(ProviderObservation)> done) {
  auto seen = std::make_shared<ProviderObservation>();
  seen->provider = info_.name;
  seen->volume_key = volume_key;
  seen->sent_at = ports_.clock();
  const auto end = [this, seen, done = std::move(done)](const Status& status) {
    seen->complete = status.has_value();
    if (!status) note_incomplete(*seen, status.error());
    seen->ended_at = ports_.clock();
    done(std::move(*seen));
  };
  client_.open(seen->sent_at + config_.look_deadline * 4,
               [this, seen, end](const Result<OpenPlugin>& plugin) {
                 if (!plugin) return end(tl::make_unexpected(plugin.error()));
                 if (!seen->volume_key.empty()) {
                   return client_.look(*plugin, seen->volume_key, [this, seen, end](const Seen& found) {
                     if (!found) return end(tl::make_unexpected(found.error()));
                     if (*found) seen->volumes.push_back(observed(**found));
                     end({});
                   });
                 }
                 client_.list(*plugin, [this, seen, end](const Result<std::vector<PluginVolume>>& listed) {
                   if (!listed) return end(tl::make_unexpected(listed.error()));
                   for (const PluginVolume& one : *listed) seen->volumes.push_back(observed(one));
                   for (std::size_t i = 1; i < listed->size(); ++i) {
                     const std::string& name = (*listed)[i].name;
                     if (name != (*listed)[i - 1].name || !is_own_name(name)) continue;
                     return end(fail(Errc::conflict, "plugin {}: there are two volumes of the name {}",
                                     config_.plugin, name));
                   }
                   Pool pool;
                   pool.name = {info_.name, config_.pool};
                   seen->pools.push_back(std::move(pool));
                   end({});
                 });
               });
}

void DockerProvider::change_fence(FenceCall call, std::function<void(FenceResult)> done) {
  ports_.defer([this, call = std::move(call), done = std::move(done)] {
    const Instant now = ports_.clock();
    done(failed_call(call, {Errc::invalid, "the protocol of Docker volume plugins has no fence"}, now, now));
  });
}

}  // namespace extvold::providers::docker
