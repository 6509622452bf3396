#include "tests/lib/guardian.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model/check.h"

namespace extvold::tests {

Guardian::Guardian(const std::function<bool()>& clean) {
  int ends[2];
  EXTVOLD_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
  pid_ = ::fork();
  EXTVOLD_CHECK(pid_ >= 0);
  if (pid_ == 0) {
    ::setsid();
    ::close(ends[1]);
    char byte = 0;
    while (::read(ends[0], &byte, 1) > 0) {
    }
    ::_exit(clean() ? 0 : 1);
  }
  ::close(ends[0]);
  lifeline_ = ends[1];
}

bool Guardian::end() {
  if (lifeline_ < 0) return cleaned_;
  ::close(lifeline_);
  lifeline_ = -1;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  return cleaned_ = status == 0;
}

}  // namespace extvold::tests
