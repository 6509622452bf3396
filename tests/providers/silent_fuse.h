// SilentFuse: a FUSE filesystem with one file, "image", of zeros, whose process stops answering when told to:
// as a storage's, or a network's, that is gone. What asks it then waits until this object ends.
//
// Main thread. It answers in a process of its own, which dies with this one: who waits for it could not be
// killed. Needs root and /dev/fuse.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string>

#include "host/fd.h"

namespace extvold::tests {

class SilentFuse {
 public:
  // Mounted at the folder, which must exist. is_mounted() is false where the machine has no FUSE.
  SilentFuse(std::string folder, std::uint64_t image_bytes);
  ~SilentFuse();
  SilentFuse(const SilentFuse&) = delete;
  SilentFuse& operator=(const SilentFuse&) = delete;

  bool is_mounted() const { return mounted_; }
  std::string image() const { return folder_ + "/image"; }
  // A loop device on it, until the end; its name.
  std::string attach_loop();
  // An open file of this process's there, until the end.
  bool open_image();
  void be_silent() { shared_->silent = true; }
  // The process that answers is gone: each question is an error.
  void end();
  // Questions that came since, and wait. Closing a file is answered all the same: it cannot be given up.
  int unanswered() const { return shared_->unanswered; }

 private:
  struct Shared {
    std::atomic<bool> silent = false;
    std::atomic<int> unanswered = 0;
  };

  const std::string folder_;
  Shared* shared_ = nullptr;  // with the process that answers
  pid_t server_ = -1;
  bool mounted_ = false;
  std::string loop_;
  host::UniqueFd file_;
};

}  // namespace extvold::tests
