// A network namespace with a name (`ip netns`), entered by this process. Owns it if it made it: removed with
// the object. One thread.
#pragma once

#include <string>

#include "model/result.h"

namespace extvold::replay {

class Netns {
 public:
  // Makes the namespace if there is none of that name, brings its loopback up and enters it.
  // Errors: permission (not root, or not allowed to: nothing was changed), unavailable (no `ip`), invalid
  // (bad name).
  static Result<Netns> enter(const std::string& name);

  Netns(Netns&& other) noexcept;
  Netns& operator=(Netns&&) = delete;
  ~Netns();

 private:
  Netns(std::string name, bool made);

  std::string name_;
  bool made_;
};

}  // namespace extvold::replay
