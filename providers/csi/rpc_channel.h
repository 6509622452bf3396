// RpcChannel: one gRPC endpoint, asked by bytes. The only place that knows gRPC's library; what the bytes
// mean is its callers' business (csi_driver.h), so that an answer that cannot be read is never taken for an
// empty one.
//
// Loop thread only. A call ends in exactly one callback, through the LoopPost, never from inside the call;
// none comes after the channel is gone. Nothing is sent twice: gRPC's own retries are off.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/instant.h"
#include "providers/csi/loop_post.h"

namespace extvold::providers::csi {

struct RpcAnswer {
  int code = 0;  // of gRPC; 0: `body` is the answer
  std::string text;
  std::string body;
  bool too_large =
      false;  // it was answered, by more than is read: gRPC calls this RESOURCE_EXHAUSTED (8) too
};

class RpcChannel {
 public:
  // `target`: "unix:/path" or "host:port". Connects at the first call, and again after a break.
  RpcChannel(const std::string& target, std::shared_ptr<LoopPost> post);
  ~RpcChannel();
  RpcChannel(const RpcChannel&) = delete;
  RpcChannel& operator=(const RpcChannel&) = delete;

  // `method`: "/csi.v1.Controller/CreateVolume".
  void call(const std::string& method, const std::string& request, Duration deadline,
            std::function<void(RpcAnswer)> done);

  // Runs it later, from the loop, unless the channel is gone by then.
  void defer(std::function<void()> closure);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace extvold::providers::csi
