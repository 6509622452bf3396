// Guardian: a process that cleans up after a test, also one that is killed. Main thread; made before anything
// that it is to clean up.
#pragma once

#include <sys/types.h>

#include <functional>

namespace extvold::tests {

class Guardian {
 public:
  // `clean` runs in a process of its own, once this one ends or calls end(); true: nothing is left.
  explicit Guardian(const std::function<bool()>& clean);
  ~Guardian() { end(); }
  Guardian(const Guardian&) = delete;
  Guardian& operator=(const Guardian&) = delete;

  // Waits for it; what `clean` said.
  bool end();

 private:
  pid_t pid_ = -1;
  int lifeline_ = -1;
  bool cleaned_ = false;
};

}  // namespace extvold::tests
