// CsiPorts: how the csi provider reaches the world beside gRPC itself. All that is referred to must outlive
// the provider; `post` is shared, as calls outlive it (loop_post.h).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "model/instant.h"
#include "model/result.h"
#include "providers/csi/loop_post.h"

namespace extvold::providers::csi {

struct CsiPorts {
  std::shared_ptr<LoopPost> post;
  // What a file of secrets holds; asked at each call, so that a new secret counts at once.
  std::function<Result<std::string>(const std::string& path)> read_secret;
  std::function<Instant()> clock;
};

}  // namespace extvold::providers::csi
