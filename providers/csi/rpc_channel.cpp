#include "providers/csi/rpc_channel.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/byte_buffer.h>

#include <chrono>
#include <utility>
#include <vector>

namespace extvold::providers::csi {
namespace {

constexpr int kAnswerBytesMax = 64 << 20;
// A driver that is started again is to be found soon; gRPC's own pauses grow to two minutes.
constexpr int kReconnectMsMin = 100;
constexpr int kReconnectMsMax = 5000;

// What gRPC 1.51 says of its own accord for an answer over the limit; a driver's own 8 says something else.
constexpr std::string_view kTooLarge = "Received message larger than max";

// All that a call needs while gRPC's threads work at it.
struct Flight {
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::function<void(RpcAnswer)> done;
  std::weak_ptr<bool> alive;
  std::shared_ptr<grpc::Channel> channel;
};

std::shared_ptr<grpc::Channel> channel_to(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectMsMin);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectMsMin);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectMsMax);
  if (target.starts_with("unix:")) arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
  std::string bytes;
  std::vector<grpc::Slice> slices;
  if (!buffer.Valid() || !buffer.Dump(&slices).ok()) return bytes;
  bytes.reserve(buffer.Length());
  for (const grpc::Slice& slice : slices)
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  return bytes;
}

RpcAnswer answer_of(const Flight& flight) {
  RpcAnswer answer;
  answer.code = static_cast<int>(flight.status.error_code());
  answer.text = flight.status.error_message();
  answer.too_large = flight.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
                     answer.text.find(kTooLarge) != std::string::npos;
  if (flight.status.ok()) answer.body = bytes_of(flight.response);
  return answer;
}

}  // namespace

struct RpcChannel::Impl {
  std::string target;
  std::shared_ptr<LoopPost> post;
  std::shared_ptr<grpc::Channel> channel;  // made at the first call: gRPC starts threads then
  std::shared_ptr<bool> alive = std::make_shared<bool>(true);  // weakly held by what is posted
};

RpcChannel::RpcChannel(const std::string& target, std::shared_ptr<LoopPost> post)
    : impl_(std::make_unique<Impl>()) {
  impl_->target = target;
  impl_->post = std::move(post);
}

RpcChannel::~RpcChannel() = default;

void RpcChannel::call(const std::string& method, const std::string& request, Duration deadline,
                      std::function<void(RpcAnswer)> done) {
  if (!impl_->channel) impl_->channel = channel_to(impl_->target);
  auto flight = std::make_shared<Flight>();
  flight->context.set_deadline(std::chrono::system_clock::now() + std::chrono::nanoseconds(deadline.ns));
  const grpc::Slice slice(request);
  flight->request = grpc::ByteBuffer(&slice, 1);
  flight->done = std::move(done);
  flight->alive = impl_->alive;
  flight->channel = impl_->channel;
  Flight& call = *flight;
  // On a thread of gRPC's: hands over all that it has, and no more. If the last channel of the program were
  // to end there, that thread would wait for its own end (gRPC 1.51, CallbackAlternativeCQ).
  grpc::GenericStub(impl_->channel)
      .UnaryCall(&call.context, method, {}, &call.request, &call.response,
                 [flight = std::move(flight), post = impl_->post](grpc::Status status) mutable {
                   flight->status = std::move(status);
                   post->post([flight = std::move(flight)] {
                     if (!flight->alive.expired()) flight->done(answer_of(*flight));
                   });
                 });
}

void RpcChannel::defer(std::function<void()> closure) {
  const std::weak_ptr<bool> alive = impl_->alive;
  impl_->post->post([alive, closure = std::move(closure)] {
    if (!alive.expired()) closure();
  });
}

}  // namespace extvold::providers::csi
