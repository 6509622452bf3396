// Attach and detach: ControllerPublishVolume and ControllerUnpublishVolume, for one node each. An empty node
// id would mean every node: it is never sent.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/check.h"
#include "providers/csi/csi_operation.h"
#include "providers/json_answer.h"

namespace extvold::providers::csi {
namespace {

constexpr int kCodeNotFound = 5;
constexpr std::size_t kContextBytesMax = 4096;  // as the specification bounds it

bool lists_nodes(const CsiOperation& op) { return op.can.has(Rpc::LIST_VOLUMES_PUBLISHED_NODES); }

bool is_at(const SeenVolume& seen, const std::string& node) {
  return std::find(seen.nodes.begin(), seen.nodes.end(), node) != seen.nodes.end();
}

std::vector<std::string> others(const SeenVolume& seen, const std::string& node) {
  std::vector<std::string> nodes = seen.nodes;
  std::erase(nodes, node);
  return nodes;
}

// What NodeStageVolume needs of the publish (a device path, a LUN), as one JSON object: for whoever stages
// it.
std::string device_text(const google::protobuf::Map<std::string, std::string>& context) {
  if (context.empty()) return {};
  nlohmann::json object = nlohmann::json::object();
  for (const auto& [key, value] : context) object[key] = value;
  std::string text = json_text(object);
  return text.size() <= kContextBytesMax ? text : std::string();
}

// --- attach

void read_publish(const CsiOperation& op, bool was_there, const std::optional<SeenVolume>& seen) {
  if (!seen || !is_at(*seen, op.node_id))
    return op.refuse(Errc::uncertain,
                     "ControllerPublishVolume was answered with OK, and the driver does not "
                     "show it published at " +
                         op.hosts_text({op.node_id}));
  const std::vector<std::string> more = others(*seen, op.node_id);
  if (is_single_writer(op.call.volume.access) && !more.empty())
    return op.refuse(Errc::uncertain, "was published meanwhile at " + op.hosts_text(more) + ", too");
  op.finish(was_there ? Outcome::unchanged : Outcome::changed);
}

void publish(CsiOperation op, const SeenVolume& before) {
  const Result<SecretTexts> secrets = op.driver.secrets(op.driver.config().publish_secrets_file);
  if (!secrets) return op.fail(secrets.error());
  EXTVOLD_CHECK(!op.node_id.empty());
  pb::ControllerPublishVolumeRequest request;
  request.set_volume_id(op.call.volume.provider_ref);
  request.set_node_id(op.node_id);
  // Without the capability it must be false; of a volume that is only read, its access mode says so.
  request.set_readonly(op.call.read_only && op.can.has(Rpc::PUBLISH_READONLY));
  *request.mutable_volume_capability() = capability_of(op.call.volume);
  request.mutable_volume_context()->insert(before.context.begin(), before.context.end());
  const bool was_there = is_at(before, op.node_id);
  op.driver.call<pb::ControllerPublishVolumeResponse>(
      "/csi.v1.Controller/ControllerPublishVolume", request, *secrets, op.until,
      [op, was_there](const Replied<pb::ControllerPublishVolumeResponse>& reply) mutable {
        if (!reply) return op.fail(error_of_change(reply.error()));
        op.call.device = device_text(reply->publish_context());
        // Where published nodes are not listed, its word is all there is.
        if (!lists_nodes(op)) return op.finish(Outcome::changed);
        op.read_back(
            [op, was_there](const std::optional<SeenVolume>& seen) { read_publish(op, was_there, seen); });
      });
}

// --- detach

void read_unpublish(const CsiOperation& op, bool was_there, const std::optional<SeenVolume>& seen) {
  if (seen && is_at(*seen, op.node_id))
    return op.refuse(Errc::uncertain,
                     "ControllerUnpublishVolume was answered with OK, and the driver still shows "
                     "it published at " +
                         op.hosts_text({op.node_id}));
  op.finish(was_there ? Outcome::changed : Outcome::unchanged);
}

// Sent also where a look shows it nowhere: a publish that is still at work is undone by nothing else.
void unpublish(const CsiOperation& op, const SeenVolume& before) {
  const Result<SecretTexts> secrets = op.driver.secrets(op.driver.config().publish_secrets_file);
  if (!secrets) return op.fail(secrets.error());
  EXTVOLD_CHECK(!op.node_id.empty());
  pb::ControllerUnpublishVolumeRequest request;
  request.set_volume_id(op.call.volume.provider_ref);
  request.set_node_id(op.node_id);
  const bool was_there = !lists_nodes(op) || is_at(before, op.node_id);
  op.driver.call<pb::ControllerUnpublishVolumeResponse>(
      "/csi.v1.Controller/ControllerUnpublishVolume", request, *secrets, op.until,
      [op, was_there](const Replied<pb::ControllerUnpublishVolumeResponse>& reply) {
        // A node that the driver does not know has nothing, if a look says so too.
        const bool no_node = !reply && reply.error().code == kCodeNotFound && lists_nodes(op);
        if (!reply && !no_node) return op.fail(error_of_change(reply.error()));
        if (!lists_nodes(op)) return op.finish(Outcome::changed);
        op.read_back(
            [op, was_there](const std::optional<SeenVolume>& seen) { read_unpublish(op, was_there, seen); });
      });
}

}  // namespace

void publish_volume(CsiOperation operation) {
  const CsiOperation op = std::move(operation);
  if (op.call.read_only && op.call.volume.access != AccessMode::ro && !op.can.has(Rpc::PUBLISH_READONLY))
    return op.refuse(Errc::invalid, "the driver cannot publish it read-only (PUBLISH_READONLY)");
  op.look([op](const std::optional<SeenVolume>& seen) {
    if (!seen)
      return op.refuse(Errc::not_found,
                       fmt::format("the driver has no volume {}", op.call.volume.provider_ref));
    const std::vector<std::string> holders = others(*seen, op.node_id);
    if (is_single_writer(op.call.volume.access) && !holders.empty())
      return op.refuse(Errc::conflict, "is published at " + op.hosts_text(holders));
    publish(op, *seen);
  });
}

void unpublish_volume(CsiOperation operation) {
  const CsiOperation op = std::move(operation);
  op.look([op](const std::optional<SeenVolume>& seen) {
    if (!seen) return op.finish(Outcome::unchanged);  // what does not exist is published nowhere
    unpublish(op, *seen);
  });
}

}  // namespace extvold::providers::csi
