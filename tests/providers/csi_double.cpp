#include "tests/providers/csi_double.h"

#include <csi_proto/csi.pb.h>
#include <csi_proto/fence.pb.h>
#include <csi_proto/identity.pb.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>

#include "model/check.h"

namespace extvold::tests {

namespace pb = ::csi::v1;
using conformance::Fault;
using conformance::Stage;
using Rpc = pb::ControllerServiceCapability::RPC;

namespace {

struct Answer {
  grpc::StatusCode code = grpc::StatusCode::OK;
  std::string text;
  std::string body;
};

Answer answer(const google::protobuf::MessageLite& message) {
  return {grpc::StatusCode::OK, "", message.SerializeAsString()};
}

Answer refusal(grpc::StatusCode code, std::string text) { return {code, std::move(text), ""}; }

template <typename Request>
Request request_of(const std::string& bytes) {
  Request request;
  EXTVOLD_CHECK(request.ParseFromString(bytes));
  return request;
}

bool is_change(const std::string& rpc) {
  static const std::set<std::string> changes = {"CreateVolume",
                                                "DeleteVolume",
                                                "ControllerExpandVolume",
                                                "ControllerPublishVolume",
                                                "ControllerUnpublishVolume",
                                                "FenceClusterNetwork",
                                                "UnfenceClusterNetwork"};
  return changes.contains(rpc);
}

std::string half_of(const std::string& body) {
  if (body.empty()) return "\x0a\x05";  // a text of five bytes, of which none comes
  return body.substr(0, body.size() / 2);
}

}  // namespace

// The server, and all that it keeps.
struct CsiDouble::Server final : public grpc::CallbackGenericService {
  class Call;

  explicit Server(CsiDoubleOptions chosen) : options(std::move(chosen)) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

  // Under the lock.
  Answer act(const std::string& rpc, const std::string& bytes);
  Answer create(const pb::CreateVolumeRequest& request);
  Answer expand(const pb::ControllerExpandVolumeRequest& request);
  Answer remove(const pb::DeleteVolumeRequest& request);
  Answer publish(const pb::ControllerPublishVolumeRequest& request);
  Answer unpublish(const pb::ControllerUnpublishVolumeRequest& request);
  bool is_snapshot(const std::string& id) const;
  Answer take_snapshot(const pb::CreateSnapshotRequest& request);
  Answer drop_snapshot(const pb::DeleteSnapshotRequest& request);
  Answer validate(const pb::ValidateVolumeCapabilitiesRequest& request);
  Answer list(const pb::ListVolumesRequest& request);
  Answer get(const pb::ControllerGetVolumeRequest& request);
  Answer capacity();
  Answer capabilities();
  Answer addons(const std::string& rpc, const std::string& bytes);
  std::vector<std::string> entries_of(const std::string& cidr) const;
  template <typename Request>
  bool has_secrets(const Request& request) const;
  bool has(Rpc::Type one) const;
  bool knows_node(const std::string& node) const;
  pb::Volume message_of(const CsiDoubleVolume& volume, bool whole) const;
  template <typename VolumeStatus>
  void put_status(const CsiDoubleVolume& volume, VolumeStatus& status) const;
  CsiDoubleVolume* find(const std::string& id);
  std::int64_t bytes_free() const;

  CsiDoubleOptions options;
  mutable std::mutex lock;
  std::vector<CsiDoubleVolume> volumes;
  std::vector<CsiDoubleSnapshot> snapshots;
  std::set<std::string> snapshot_ids;  // of all that ever were
  std::set<std::string> hidden;
  std::vector<std::string> barred;
  std::vector<std::string> called;
  std::vector<std::string> unpublished_nodes;
  int made = 0;
  std::optional<Stage> stage;
  Fault fault = Fault::refused;
  struct Refusal {
    int code = 0;
    std::string text;
    int after = 0;
  };
  std::map<std::string, Refusal> refusals;
  std::vector<std::function<void()>> late;
  std::unique_ptr<grpc::Server> server;
};

// One call: reads the request, answers as the fault wants it.
class CsiDouble::Server::Call final : public grpc::ServerGenericBidiReactor {
 public:
  Call(Server& server, const std::string& method)
      : server_(server), rpc_(method.substr(method.rfind('/') + 1)) {
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish({grpc::StatusCode::INTERNAL, "no request"});
    std::string bytes;
    std::vector<grpc::Slice> slices;
    EXTVOLD_CHECK(request_.Dump(&slices).ok());
    for (const grpc::Slice& one : slices)
      bytes.append(reinterpret_cast<const char*>(one.begin()), one.size());
    const std::lock_guard hold(server_.lock);
    server_.called.push_back(rpc_);
    handle(bytes);
  }

  void OnCancel() override {
    if (hangs_) Finish({grpc::StatusCode::CANCELLED, "given up"});
  }

  void OnDone() override { delete this; }

 private:
  void handle(const std::string& bytes) {
    const auto refusal = server_.refusals.find(rpc_);
    if (refusal != server_.refusals.end() && refusal->second.after-- == 0)
      return Finish({static_cast<grpc::StatusCode>(refusal->second.code), refusal->second.text});
    const bool wrong = server_.stage && (*server_.stage == Stage::change) == is_change(rpc_);
    if (!wrong) return reply(server_.act(rpc_, bytes));
    switch (server_.fault) {
      case Fault::not_reached:
      case Fault::refused:
        return Finish({grpc::StatusCode::FAILED_PRECONDITION, "not now\nand not on one line"});
      case Fault::throttled:
        return Finish({grpc::StatusCode::ABORTED, "an operation for this volume is pending"});
      case Fault::wrong_credentials:
        return Finish({grpc::StatusCode::UNAUTHENTICATED, "who are you?"});
      case Fault::late:
        server_.late.push_back([&server = server_, rpc = rpc_, bytes] { server.act(rpc, bytes); });
        hangs_ = true;
        return;
      case Fault::hang:
        hangs_ = true;
        return;
      case Fault::lost_answer:
        server_.act(rpc_, bytes);
        return Finish({grpc::StatusCode::UNAVAILABLE, "Connection reset by peer"});
      case Fault::garbage:
        server_.act(rpc_, bytes);
        return reply({grpc::StatusCode::OK, "", std::string(1000, '\xff')});
      case Fault::cut_short:
        return reply({grpc::StatusCode::OK, "", half_of(server_.act(rpc_, bytes).body)});
      case Fault::oversize:
        server_.act(rpc_, bytes);
        return reply({grpc::StatusCode::OK, "", std::string(65U << 20U, '\0')});
    }
  }

  void reply(const Answer& with) {
    if (with.code != grpc::StatusCode::OK) return Finish({with.code, with.text});
    const grpc::Slice slice(with.body);
    response_ = grpc::ByteBuffer(&slice, 1);
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }

  Server& server_;
  const std::string rpc_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer response_;
  std::atomic<bool> hangs_ = false;
};

grpc::ServerGenericBidiReactor* CsiDouble::Server::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new Call(*this, context->method());
}

bool CsiDouble::Server::has(Rpc::Type one) const {
  static const std::set<int> recorded = {Rpc::CREATE_DELETE_VOLUME,
                                         Rpc::GET_VOLUME,
                                         Rpc::GET_CAPACITY,
                                         Rpc::CREATE_DELETE_SNAPSHOT,
                                         Rpc::LIST_SNAPSHOTS,
                                         Rpc::LIST_VOLUMES,
                                         Rpc::CLONE_VOLUME,
                                         Rpc::VOLUME_CONDITION,
                                         Rpc::SINGLE_NODE_MULTI_WRITER,
                                         Rpc::EXPAND_VOLUME,
                                         Rpc::PUBLISH_UNPUBLISH_VOLUME};
  const bool more =
      !options.as_recorded && (one == Rpc::LIST_VOLUMES_PUBLISHED_NODES || one == Rpc::PUBLISH_READONLY);
  return (recorded.contains(one) || more) && !options.without.contains(one);
}

bool CsiDouble::Server::knows_node(const std::string& node) const {
  if (options.as_recorded) return node == "n1";
  return node == "node-a1" || node == "node-a2";
}

CsiDoubleVolume* CsiDouble::Server::find(const std::string& id) {
  const auto found =
      std::find_if(volumes.begin(), volumes.end(), [&](const auto& one) { return one.id == id; });
  return found == volumes.end() ? nullptr : &*found;
}

std::int64_t CsiDouble::Server::bytes_free() const {
  std::int64_t used = 0;
  for (const CsiDoubleVolume& one : volumes) used += one.bytes;
  return options.pool_bytes - used;
}

template <typename Request>
bool CsiDouble::Server::has_secrets(const Request& request) const {
  return std::all_of(options.secrets.begin(), options.secrets.end(), [&](const auto& one) {
    const auto found = request.secrets().find(one.first);
    return found != request.secrets().end() && found->second == one.second;
  });
}

pb::Volume CsiDouble::Server::message_of(const CsiDoubleVolume& volume, bool whole) const {
  pb::Volume message;
  message.set_volume_id(volume.id);
  if (!options.sizes_unknown) message.set_capacity_bytes(volume.bytes);
  if (!whole) return message;
  message.mutable_volume_context()->insert(volume.parameters.begin(), volume.parameters.end());
  if (is_snapshot(volume.source))
    message.mutable_content_source()->mutable_snapshot()->set_snapshot_id(volume.source);
  else if (!volume.source.empty())
    message.mutable_content_source()->mutable_volume()->set_volume_id(volume.source);
  if (options.as_recorded)
    (*message.add_accessible_topology()->mutable_segments())["topology.hostpath.csi/node"] = "n1";
  return message;
}

template <typename VolumeStatus>
void CsiDouble::Server::put_status(const CsiDoubleVolume& volume, VolumeStatus& status) const {
  status.mutable_volume_condition();
  if (options.as_recorded) return status.add_published_node_ids("");
  for (const auto& [node, read_only] : volume.nodes) status.add_published_node_ids(node);
}

Answer CsiDouble::Server::create(const pb::CreateVolumeRequest& request) {
  if (request.name().empty()) return refusal(grpc::StatusCode::INVALID_ARGUMENT, "Name missing in request");
  if (!has_secrets(request)) return refusal(grpc::StatusCode::UNAUTHENTICATED, "no such user");
  if (request.volume_capabilities().empty())
    return refusal(grpc::StatusCode::INVALID_ARGUMENT, "Volume Capabilities missing in request");
  const std::int64_t bytes = request.capacity_range().required_bytes();
  const std::string source = request.volume_content_source().volume().volume_id() +
                             request.volume_content_source().snapshot().snapshot_id();
  for (const CsiDoubleVolume& one : volumes) {
    if (one.name != request.name()) continue;
    if (one.bytes != bytes || one.source != source) {
      return refusal(grpc::StatusCode::ALREADY_EXISTS,
                     "Volume with the same name: " + one.name + " but with different size already exist");
    }
    pb::CreateVolumeResponse again;
    *again.mutable_volume() = message_of(one, true);
    return answer(again);
  }
  constexpr std::int64_t kBytesMax = std::int64_t{1} << 40;
  if (bytes > kBytesMax) {
    return refusal(grpc::StatusCode::OUT_OF_RANGE, "Requested capacity " + std::to_string(bytes) +
                                                       " exceeds maximum allowed " +
                                                       std::to_string(kBytesMax));
  }
  if (bytes > bytes_free()) {
    const std::int64_t used = options.pool_bytes - bytes_free();
    return refusal(grpc::StatusCode::RESOURCE_EXHAUSTED,
                   "requested capacity " + std::to_string(bytes) +
                       " exceeds remaining capacity for \"fast\", " + std::to_string(used >> 20) +
                       "Mi out of " + std::to_string(options.pool_bytes >> 20) + "Mi already used");
  }
  const bool known =
      find(source) != nullptr || std::any_of(snapshots.begin(), snapshots.end(),
                                             [&](const CsiDoubleSnapshot& one) { return one.id == source; });
  if (!source.empty() && !known)
    return refusal(grpc::StatusCode::NOT_FOUND, "source volume " + source + " does not exist");
  CsiDoubleVolume volume;
  volume.name = request.name();
  volume.id = options.id_is_name                 ? volume.name
              : options.as_recorded && made == 0 ? "a87f7cd8-e6ec-11f1-830f-9ac608a42da3"
                                                 : "vol-" + std::to_string(++made);
  made += options.as_recorded ? 1 : 0;
  volume.bytes = bytes;
  volume.source = source;
  volume.parameters = {request.parameters().begin(), request.parameters().end()};
  volumes.push_back(volume);
  pb::CreateVolumeResponse response;
  *response.mutable_volume() = message_of(volume, true);
  return answer(response);
}

Answer CsiDouble::Server::expand(const pb::ControllerExpandVolumeRequest& request) {
  if (request.volume_id().empty())
    return refusal(grpc::StatusCode::INVALID_ARGUMENT, "Volume ID missing in request");
  if (!has_secrets(request)) return refusal(grpc::StatusCode::UNAUTHENTICATED, "no such user");
  CsiDoubleVolume* volume = find(request.volume_id());
  if (volume == nullptr)
    return refusal(grpc::StatusCode::NOT_FOUND,
                   "volume id " + request.volume_id() + " does not exist in the volumes list");
  const std::int64_t bytes = request.capacity_range().required_bytes();
  if (bytes - volume->bytes > bytes_free())
    return refusal(grpc::StatusCode::OUT_OF_RANGE,
                   "Requested capacity " + std::to_string(bytes) + " exceeds maximum allowed");
  volume->bytes = std::max(volume->bytes, bytes);
  pb::ControllerExpandVolumeResponse response;
  response.set_capacity_bytes(volume->bytes);
  response.set_node_expansion_required(true);
  return answer(response);
}

// Also one that is published: as recorded.
Answer CsiDouble::Server::remove(const pb::DeleteVolumeRequest& request) {
  if (request.volume_id().empty())
    return refusal(grpc::StatusCode::INVALID_ARGUMENT, "Volume ID missing in request");
  if (!has_secrets(request)) return refusal(grpc::StatusCode::UNAUTHENTICATED, "no such user");
  std::erase_if(volumes, [&](const CsiDoubleVolume& one) { return one.id == request.volume_id(); });
  return answer(pb::DeleteVolumeResponse());
}

Answer CsiDouble::Server::publish(const pb::ControllerPublishVolumeRequest& request) {
  if (!has_secrets(request)) return refusal(grpc::StatusCode::UNAUTHENTICATED, "no such user");
  if (request.node_id().empty())
    return refusal(grpc::StatusCode::INVALID_ARGUMENT, "Node ID missing in request");
  if (!knows_node(request.node_id())) {
    return refusal(grpc::StatusCode::NOT_FOUND,
                   "Not matching Node ID " + request.node_id() + " to hostpath Node ID n1");
  }
  CsiDoubleVolume* volume = find(request.volume_id());
  if (volume == nullptr) {
    return refusal(grpc::StatusCode::NOT_FOUND, "rpc error: code = NotFound desc = volume id " +
                                                    request.volume_id() +
                                                    " does not exist in the volumes list");
  }
  const auto there = volume->nodes.find(request.node_id());
  if (there != volume->nodes.end() && there->second != request.readonly())
    return refusal(grpc::StatusCode::ALREADY_EXISTS, "Volume published but has incompatible readonly flag");
  volume->nodes[request.node_id()] = request.readonly();
  pb::ControllerPublishVolumeResponse response;
  if (!options.as_recorded) (*response.mutable_publish_context())["devicePath"] = "/dev/xvdb";
  return answer(response);
}

Answer CsiDouble::Server::unpublish(const pb::ControllerUnpublishVolumeRequest& request) {
  unpublished_nodes.push_back(request.node_id());
  if (!has_secrets(request)) return refusal(grpc::StatusCode::UNAUTHENTICATED, "no such user");
  if (!request.node_id().empty() && !knows_node(request.node_id())) {
    return refusal(grpc::StatusCode::NOT_FOUND,
                   "Node ID " + request.node_id() + " does not match to expected Node ID n1");
  }
  CsiDoubleVolume* volume = find(request.volume_id());
  if (volume != nullptr && request.node_id().empty()) volume->nodes.clear();
  if (volume != nullptr) volume->nodes.erase(request.node_id());
  return answer(pb::ControllerUnpublishVolumeResponse());
}

// Also of one that is gone: what was made of it says so.
bool CsiDouble::Server::is_snapshot(const std::string& id) const { return snapshot_ids.contains(id); }

// As recorded: by its name once, and the same answer again.
Answer CsiDouble::Server::take_snapshot(const pb::CreateSnapshotRequest& request) {
  if (!has(Rpc::CREATE_DELETE_SNAPSHOT)) return refusal(grpc::StatusCode::UNIMPLEMENTED, "");
  if (!has_secrets(request)) return refusal(grpc::StatusCode::UNAUTHENTICATED, "no such user");
  auto found = std::find_if(snapshots.begin(), snapshots.end(),
                            [&](const CsiDoubleSnapshot& one) { return one.name == request.name(); });
  if (found == snapshots.end() && find(request.source_volume_id()) == nullptr)
    return refusal(grpc::StatusCode::NOT_FOUND,
                   "volume id " + request.source_volume_id() + " does not exist in the volumes list");
  if (found == snapshots.end()) {
    const std::string id =
        options.as_recorded ? "a888b660-e6ec-11f1-830f-9ac608a42da3" : "snap-" + std::to_string(++made);
    snapshot_ids.insert(id);
    found = snapshots.insert(found, {id, request.name(), request.source_volume_id(), 0});
  }
  pb::CreateSnapshotResponse response;
  response.mutable_snapshot()->set_snapshot_id(found->id);
  response.mutable_snapshot()->set_source_volume_id(found->source);
  const CsiDoubleVolume* source = find(found->source);
  if (source != nullptr) response.mutable_snapshot()->set_size_bytes(source->bytes);
  response.mutable_snapshot()->mutable_creation_time()->set_seconds(1'795'403'953);
  response.mutable_snapshot()->mutable_creation_time()->set_nanos(939'825'575);
  response.mutable_snapshot()->set_ready_to_use(found->asked++ >= options.snapshot_ready_after);
  return answer(response);
}

Answer CsiDouble::Server::drop_snapshot(const pb::DeleteSnapshotRequest& request) {
  if (!has_secrets(request)) return refusal(grpc::StatusCode::UNAUTHENTICATED, "no such user");
  std::erase_if(snapshots, [&](const CsiDoubleSnapshot& one) { return one.id == request.snapshot_id(); });
  return answer(pb::DeleteSnapshotResponse());
}

Answer CsiDouble::Server::validate(const pb::ValidateVolumeCapabilitiesRequest& request) {
  if (request.volume_capabilities().empty())
    return refusal(grpc::StatusCode::INVALID_ARGUMENT, "Volume capabilities missing in request");
  if (find(request.volume_id()) == nullptr && !options.validates_anything) {
    return refusal(grpc::StatusCode::NOT_FOUND,
                   "volume id " + request.volume_id() + " does not exist in the volumes list");
  }
  pb::ValidateVolumeCapabilitiesResponse response;
  *response.mutable_confirmed()->mutable_volume_capabilities() = request.volume_capabilities();
  return answer(response);
}

Answer CsiDouble::Server::list(const pb::ListVolumesRequest& request) {
  if (!has(Rpc::LIST_VOLUMES)) return refusal(grpc::StatusCode::UNIMPLEMENTED, "");
  std::size_t at = 0;
  if (!request.starting_token().empty()) {
    if (request.starting_token().find_first_not_of("0123456789") != std::string::npos)
      return refusal(grpc::StatusCode::ABORTED, "The type of startingToken should be integer");
    at = std::stoul(request.starting_token());
  }
  const std::size_t page = options.page == 0 ? volumes.size() : static_cast<std::size_t>(options.page);
  pb::ListVolumesResponse response;
  for (const std::size_t end = std::min(volumes.size(), at + page); at < end; ++at) {
    if (hidden.contains(volumes[at].id)) continue;
    auto& entry = *response.add_entries();
    *entry.mutable_volume() = message_of(volumes[at], false);
    put_status(volumes[at], *entry.mutable_status());
  }
  if (at < volumes.size()) response.set_next_token(std::to_string(at));
  return answer(response);
}

Answer CsiDouble::Server::get(const pb::ControllerGetVolumeRequest& request) {
  if (!has(Rpc::GET_VOLUME)) return refusal(grpc::StatusCode::UNIMPLEMENTED, "");
  const CsiDoubleVolume* volume = find(request.volume_id());
  pb::ControllerGetVolumeResponse response;
  if (volume != nullptr) {
    *response.mutable_volume() = message_of(*volume, false);
    put_status(*volume, *response.mutable_status());
    return answer(response);
  }
  const std::string missing = "volume id " + request.volume_id() + " does not exist in the volumes list";
  if (!options.as_recorded) return refusal(grpc::StatusCode::NOT_FOUND, missing);
  response.mutable_volume()->set_volume_id(request.volume_id());
  response.mutable_status()->mutable_volume_condition()->set_abnormal(true);
  response.mutable_status()->mutable_volume_condition()->set_message("rpc error: code = NotFound desc = " +
                                                                     missing);
  return answer(response);
}

Answer CsiDouble::Server::capacity() {
  pb::GetCapacityResponse response;
  response.set_available_capacity(bytes_free());
  response.mutable_maximum_volume_size()->set_value(bytes_free());
  response.mutable_minimum_volume_size();
  return answer(response);
}

Answer CsiDouble::Server::capabilities() {
  pb::ControllerGetCapabilitiesResponse response;
  for (const int one : {1, 12, 4, 5, 6, 3, 7, 11, 13, 9, 2, 8, 10}) {  // in the recorded order
    const auto type = static_cast<Rpc::Type>(one);
    if (has(type)) response.add_capabilities()->mutable_rpc()->set_type(type);
  }
  return answer(response);
}

// Of "10.0.0.4/30" the four addresses; nothing wider than that is asked of it.
std::vector<std::string> CsiDouble::Server::entries_of(const std::string& cidr) const {
  if (!options.one_entry_per_address || !cidr.ends_with("/30")) return {cidr};
  const std::size_t dot = cidr.rfind('.');
  const int first = std::stoi(cidr.substr(dot + 1));
  std::vector<std::string> entries;
  for (int i = 0; i < 4; ++i) entries.push_back(cidr.substr(0, dot + 1) + std::to_string(first + i) + "/32");
  return entries;
}

Answer CsiDouble::Server::addons(const std::string& rpc, const std::string& bytes) {
  if (rpc == "GetCapabilities") {
    identity::GetCapabilitiesResponse response;
    response.add_capabilities();
    if (options.fences)
      response.add_capabilities()->mutable_network_fence()->set_type(
          identity::Capability::NetworkFence::NETWORK_FENCE);
    return answer(response);
  }
  if (rpc == "ListClusterFence") {
    fence::ListClusterFenceResponse response;
    for (const std::string& one : barred) response.add_cidrs()->set_cidr(one);
    return answer(response);
  }
  if (rpc == "FenceClusterNetwork") {
    const auto request = request_of<fence::FenceClusterNetworkRequest>(bytes);
    for (const fence::CIDR& one : request.cidrs()) {
      for (const std::string& entry : entries_of(one.cidr())) {
        if (std::find(barred.begin(), barred.end(), entry) == barred.end()) barred.push_back(entry);
      }
    }
    return answer(fence::FenceClusterNetworkResponse());
  }
  if (rpc == "UnfenceClusterNetwork") {
    const auto request = request_of<fence::UnfenceClusterNetworkRequest>(bytes);
    for (const fence::CIDR& one : request.cidrs()) {
      for (const std::string& entry : entries_of(one.cidr())) std::erase(barred, entry);
    }
    return answer(fence::UnfenceClusterNetworkResponse());
  }
  return refusal(grpc::StatusCode::UNIMPLEMENTED, "unknown method " + rpc);
}

Answer CsiDouble::Server::act(const std::string& rpc, const std::string& bytes) {
  if (rpc == "GetPluginInfo") return refusal(grpc::StatusCode::UNAVAILABLE, "Driver is missing version");
  if (rpc == "GetPluginCapabilities") {
    using Service = pb::PluginCapability::Service;
    pb::GetPluginCapabilitiesResponse response;
    response.add_capabilities()->mutable_service()->set_type(Service::CONTROLLER_SERVICE);
    response.add_capabilities()->mutable_service()->set_type(Service::VOLUME_ACCESSIBILITY_CONSTRAINTS);
    if (options.grows_published)
      response.add_capabilities()->mutable_volume_expansion()->set_type(
          pb::PluginCapability::VolumeExpansion::ONLINE);
    return answer(response);
  }
  if (rpc == "Probe") return answer(pb::ProbeResponse());
  if (rpc == "ControllerGetCapabilities") return capabilities();
  if (rpc == "GetCapacity") return capacity();
  if (rpc == "CreateVolume") return create(request_of<pb::CreateVolumeRequest>(bytes));
  if (rpc == "ControllerExpandVolume") return expand(request_of<pb::ControllerExpandVolumeRequest>(bytes));
  if (rpc == "CreateSnapshot") return take_snapshot(request_of<pb::CreateSnapshotRequest>(bytes));
  if (rpc == "DeleteSnapshot") return drop_snapshot(request_of<pb::DeleteSnapshotRequest>(bytes));
  if (rpc == "DeleteVolume") return remove(request_of<pb::DeleteVolumeRequest>(bytes));
  if (rpc == "ControllerPublishVolume") return publish(request_of<pb::ControllerPublishVolumeRequest>(bytes));
  if (rpc == "ControllerUnpublishVolume")
    return unpublish(request_of<pb::ControllerUnpublishVolumeRequest>(bytes));
  if (rpc == "ValidateVolumeCapabilities")
    return validate(request_of<pb::ValidateVolumeCapabilitiesRequest>(bytes));
  if (rpc == "ListVolumes") return list(request_of<pb::ListVolumesRequest>(bytes));
  if (rpc == "ControllerGetVolume") return get(request_of<pb::ControllerGetVolumeRequest>(bytes));
  return addons(rpc, bytes);
}

CsiDouble::CsiDouble(CsiDoubleOptions options) : server_(std::make_unique<Server>(std::move(options))) {
  std::string path = (std::filesystem::temp_directory_path() / "extvold-csi-XXXXXX").string();
  EXTVOLD_CHECK(::mkdtemp(path.data()) != nullptr);
  dir_ = path;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(endpoint(), grpc::InsecureServerCredentials());
  builder.RegisterCallbackGenericService(server_.get());
  server_->server = builder.BuildAndStart();
  EXTVOLD_CHECK(server_->server != nullptr);
}

CsiDouble::~CsiDouble() {
  server_->server->Shutdown(std::chrono::system_clock::now());
  server_->server->Wait();
  std::error_code ignored;
  std::filesystem::remove_all(dir_, ignored);
}

void CsiDouble::arm(Stage stage, Fault fault) {
  const std::lock_guard hold(server_->lock);
  server_->stage = stage;
  server_->fault = fault;
}

void CsiDouble::refuse(const std::string& rpc, int code, const std::string& text, int after) {
  const std::lock_guard hold(server_->lock);
  server_->refusals[rpc] = {code, text, after};
}

void CsiDouble::disarm() {
  const std::lock_guard hold(server_->lock);
  server_->stage.reset();
}

void CsiDouble::let_late_calls_work() {
  const std::lock_guard hold(server_->lock);
  for (const auto& one : server_->late) one();
  server_->late.clear();
}

std::vector<CsiDoubleVolume> CsiDouble::volumes() const {
  const std::lock_guard hold(server_->lock);
  return server_->volumes;
}

void CsiDouble::put(CsiDoubleVolume volume) {
  const std::lock_guard hold(server_->lock);
  server_->volumes.push_back(std::move(volume));
}

void CsiDouble::hide_from_lists(const std::string& id) {
  const std::lock_guard hold(server_->lock);
  server_->hidden.insert(id);
}

void CsiDouble::lose_capability(int one) {
  const std::lock_guard hold(server_->lock);
  server_->options.without.insert(one);
}

void CsiDouble::publish(const std::string& id, const std::string& node) {
  const std::lock_guard hold(server_->lock);
  CsiDoubleVolume* volume = server_->find(id);
  EXTVOLD_CHECK(volume != nullptr);
  volume->nodes[node] = false;
}

std::vector<CsiDoubleSnapshot> CsiDouble::snapshots() const {
  const std::lock_guard hold(server_->lock);
  return server_->snapshots;
}

std::vector<std::string> CsiDouble::barred() const {
  const std::lock_guard hold(server_->lock);
  return server_->barred;
}

void CsiDouble::bar(const std::string& text) {
  const std::lock_guard hold(server_->lock);
  server_->barred.push_back(text);
}

std::vector<std::string> CsiDouble::called() const {
  const std::lock_guard hold(server_->lock);
  return server_->called;
}

std::vector<std::string> CsiDouble::unpublished_nodes() const {
  const std::lock_guard hold(server_->lock);
  return server_->unpublished_nodes;
}

}  // namespace extvold::tests
