#include "providers/csi/csi_driver.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "providers/foreign_text.h"

namespace extvold::providers::csi {
namespace {

// No single question of a probe is worth more; a change has all the time of its operation.
constexpr Duration kProbeDeadline = seconds(15);

// These come from the network as well.
bool is_an_answer(const RpcProblem& problem) {
  constexpr int kCancelled = 1;
  constexpr int kDeadlineExceeded = 4;
  constexpr int kUnavailable = 14;
  return problem.code != kCancelled && problem.code != kDeadlineExceeded && problem.code != kUnavailable &&
         !problem.not_sent;
}

std::string rpc_of(const std::string& method) { return method.substr(method.rfind('/') + 1); }

}  // namespace

struct CsiDriver::Discovery {
  Instant until;
  DriverCapabilities can;
  std::function<void(Result<DriverCapabilities>)> done;

  void fail_with(const RpcProblem& problem) { done(tl::make_unexpected(error_of_look(problem))); }
};

CsiDriver::CsiDriver(const CsiConfig& config, const std::string& endpoint, CsiPorts ports)
    : config_(config), ports_(std::move(ports)), channel_(endpoint, ports_.post) {}

RpcProblem CsiDriver::unreadable(const std::string& method) {
  RpcProblem problem;
  problem.rpc = rpc_of(method);
  problem.unreadable = true;
  return problem;
}

void CsiDriver::hide(const SecretTexts& secrets, RpcProblem& problem) {
  for (const auto& [name, value] : secrets) {
    if (!value.empty() && problem.text.find(value) != std::string::npos)
      problem.text = "(its text is left out: it repeats a secret)";
  }
}

void CsiDriver::send(const std::string& method, const std::string& request, Instant until,
                     std::function<void(Replied<std::string>)> done) {
  const Duration left = until - now();
  if (left.ns <= 0) {
    RpcProblem problem;
    problem.rpc = rpc_of(method);
    problem.not_sent = true;
    return channel_.defer([problem, done = std::move(done)] { done(tl::make_unexpected(problem)); });
  }
  channel_.call(method, request, left, [this, method, done = std::move(done)](RpcAnswer answer) {
    if (answer.code == 0) return done(std::move(answer.body));
    RpcProblem problem;
    problem.rpc = rpc_of(method);
    problem.code = answer.code;
    problem.text = std::move(answer.text);
    problem.unreadable = answer.too_large;
    if (error_of_change(problem).code == Errc::uncertain) known_.reset();
    done(tl::make_unexpected(std::move(problem)));
  });
}

Result<SecretTexts> CsiDriver::secrets(const std::string& place) const {
  SecretTexts texts;
  if (place.empty()) return texts;
  ASSIGN(const std::string content, ports_.read_secret(place));
  const nlohmann::json value = nlohmann::json::parse(content, nullptr, false);
  if (!value.is_object()) return fail(Errc::invalid, "{}: must hold one JSON object of texts", place);
  for (const auto& [name, one] : value.items()) {
    const auto* text = one.get_ptr<const std::string*>();
    if (text == nullptr) return fail(Errc::invalid, "{}: must hold one JSON object of texts", place);
    texts[name] = *text;
  }
  return texts;
}

void CsiDriver::discover(Instant until, std::function<void(Result<DriverCapabilities>)> done) {
  if (known_) {
    return channel_.defer([can = *known_, done = std::move(done)] { done(can); });
  }
  const auto found = std::make_shared<Discovery>();
  found->until = std::min(until, now() + kProbeDeadline);
  found->done = std::move(done);
  probe(found);
}

void CsiDriver::probe(const std::shared_ptr<Discovery>& found) {
  call<pb::ProbeResponse>(
      "/csi.v1.Identity/Probe", pb::ProbeRequest(), found->until,
      [this, found](const Replied<pb::ProbeResponse>& reply) {
        if (!reply) return found->fail_with(reply.error());
        if (reply->has_ready() && !reply->ready().value())
          return found->done(fail(Errc::unavailable, "the driver says that it is not ready"));
        ask_name(found);
      });
}

// A driver of the field answers GetPluginInfo with UNAVAILABLE ("Driver is missing version"): its name is
// asked for where it is to be compared, and nothing else depends on it.
void CsiDriver::ask_name(const std::shared_ptr<Discovery>& found) {
  if (config_.driver.empty()) return ask_plugin(found);
  call<pb::GetPluginInfoResponse>(
      "/csi.v1.Identity/GetPluginInfo", pb::GetPluginInfoRequest(), found->until,
      [this, found](const Replied<pb::GetPluginInfoResponse>& reply) {
        if (!reply) {
          Error error = error_of_look(reply.error());
          error.message +=
              fmt::format("; without `driver = \"{}\"` its name is not asked for", config_.driver);
          return found->done(tl::make_unexpected(std::move(error)));
        }
        if (reply->name() != config_.driver) {
          return found->done(fail(Errc::conflict, "the driver at {} is \"{}\", not \"{}\"", config_.endpoint,
                                  in_one_line(reply->name(), 80), config_.driver));
        }
        ask_plugin(found);
      });
}

void CsiDriver::ask_plugin(const std::shared_ptr<Discovery>& found) {
  call<pb::GetPluginCapabilitiesResponse>(
      "/csi.v1.Identity/GetPluginCapabilities", pb::GetPluginCapabilitiesRequest(), found->until,
      [this, found](const Replied<pb::GetPluginCapabilitiesResponse>& reply) {
        if (!reply) return found->fail_with(reply.error());
        using Service = pb::PluginCapability::Service;
        const auto offers = [&](Service::Type type) {
          const auto& all = reply->capabilities();
          return std::any_of(all.begin(), all.end(),
                             [&](const auto& one) { return one.service().type() == type; });
        };
        if (!offers(Service::CONTROLLER_SERVICE))
          return found->done(
              fail(Errc::invalid, "the driver at {} has no controller service", config_.endpoint));
        const auto& plugin = reply->capabilities();
        const bool online = std::any_of(plugin.begin(), plugin.end(), [](const auto& one) {
          return one.volume_expansion().type() == pb::PluginCapability::VolumeExpansion::ONLINE;
        });
        if (config_.resize_attached && !online)
          return found->done(fail(Errc::invalid,
                                  "the driver does not offer VolumeExpansion ONLINE: set resize_attached = "
                                  "false for provider {}",
                                  config_.name.value));
        const auto& pools = config_.pools;
        const bool places =
            std::any_of(pools.begin(), pools.end(), [](const auto& one) { return !one.topology.empty(); });
        if (places && !offers(Service::VOLUME_ACCESSIBILITY_CONSTRAINTS))
          return found->done(fail(Errc::invalid,
                                  "the driver does not offer VOLUME_ACCESSIBILITY_CONSTRAINTS: take "
                                  "topology from the pools of provider {}",
                                  config_.name.value));
        ask_controller(found);
      });
}

void CsiDriver::ask_controller(const std::shared_ptr<Discovery>& found) {
  call<pb::ControllerGetCapabilitiesResponse>(
      "/csi.v1.Controller/ControllerGetCapabilities", pb::ControllerGetCapabilitiesRequest(), found->until,
      [this, found](const Replied<pb::ControllerGetCapabilitiesResponse>& reply) {
        if (!reply) return found->fail_with(reply.error());
        for (const pb::ControllerServiceCapability& one : reply->capabilities()) {
          if (one.has_rpc()) found->can.add(one.rpc().type());
        }
        if (Status status = check(found->can); !status)
          return found->done(tl::make_unexpected(status.error()));
        if (found->can.has(Rpc::GET_VOLUME) || !config_.create) return end(found);
        ask_about_nothing(found);
      });
}

// Whether it takes a volume that nobody made for one of its own. Then its word that one is there is none.
void CsiDriver::ask_about_nothing(const std::shared_ptr<Discovery>& found) {
  validate("extvold-no-such-volume", found->until, [this, found](const auto& asked) {
    if (!asked) return found->done(tl::make_unexpected(asked.error()));
    const auto& reply = *asked;
    if (!reply && !is_an_answer(reply.error())) return found->fail_with(reply.error());
    found->can.validates_anything = reply.has_value();
    end(found);
  });
}

void CsiDriver::validate(const std::string& id, Instant until,
                         std::function<void(Result<Replied<pb::ValidateVolumeCapabilitiesResponse>>)> done) {
  pb::ValidateVolumeCapabilitiesRequest request;
  request.set_volume_id(id);
  pb::VolumeCapability& wanted = *request.add_volume_capabilities();
  wanted.mutable_mount();
  wanted.mutable_access_mode()->set_mode(pb::VolumeCapability::AccessMode::SINGLE_NODE_WRITER);
  const Result<SecretTexts> texts = secrets(config_.create_secrets_file);
  if (!texts) return done(tl::make_unexpected(texts.error()));
  call<pb::ValidateVolumeCapabilitiesResponse>(
      "/csi.v1.Controller/ValidateVolumeCapabilities", request, *texts, until,
      [done = std::move(done)](Replied<pb::ValidateVolumeCapabilitiesResponse> reply) {
        done(std::move(reply));
      });
}

void CsiDriver::end(const std::shared_ptr<Discovery>& found) {
  known_ = found->can;
  found->done(found->can);
}

// A planner that counts on what the driver does not have would wait for what never comes.
Status CsiDriver::check(const DriverCapabilities& can) const {
  const auto expect = [&](bool wanted, Capability capability, const char* key) -> Status {
    if (!wanted || can.has(capability)) return {};
    return fail(Errc::invalid, "the driver does not offer {}: set {} = false for provider {}",
                Rpc::Type_Name(capability), key, config_.name.value);
  };
  TRY(expect(config_.create, Rpc::CREATE_DELETE_VOLUME, "create"));
  TRY(expect(config_.attach, Rpc::PUBLISH_UNPUBLISH_VOLUME, "attach"));
  TRY(expect(config_.resize, Rpc::EXPAND_VOLUME, "resize"));
  if (!can.has(Rpc::CREATE_DELETE_SNAPSHOT)) {
    TRY(expect(config_.clone, Rpc::CLONE_VOLUME, "clone"));
  }
  return expect(config_.list_attachments, Rpc::LIST_VOLUMES_PUBLISHED_NODES, "list_attachments");
}

}  // namespace extvold::providers::csi
