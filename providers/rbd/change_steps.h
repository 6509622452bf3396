// ChangeSteps: a change that takes several programs, one after another, and how it ends whatever step goes
// wrong.
//
// Loop thread only. A verb derives from it, is made by std::make_shared and lives in the callbacks of its
// calls. Before the first program that may have changed something, every error means that nothing happened;
// after it every error is Errc::uncertain, whatever its own class: the next try finds what this one left.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "providers/rbd/site.h"

namespace extvold::providers::rbd {

class ChangeSteps : public std::enable_shared_from_this<ChangeSteps> {
 public:
  ChangeSteps(const Site& site, OperationCall call, CallDone done)
      : site_(site),
        call_(std::move(call)),
        done_(std::move(done)),
        deadline_at_(site.clock() + call_.deadline) {}
  virtual ~ChangeSteps() = default;

 protected:
  using Next = std::function<void()>;

  // Runs `rbd`; while it runs, the images that it names have a client of ours.
  void run_noted(std::vector<std::string> words, Instant deadline_at, ToolDone done);
  // `next` after the program did its work; else the end.
  void change(std::vector<std::string> words, const Next& next);
  // The same, and `on_refused` decides where the program says that it did nothing.
  void change(std::vector<std::string> words, const Next& next, std::function<void(const Error&)> on_refused);
  // A look's value, or the end.
  template <typename T>
  LookDone<T> or_end(std::function<void(T)> next) {
    return [self = shared_from_this(), next = std::move(next)](Result<T> value) {
      if (!value) return self->fail_with(value.error());
      next(*std::move(value));
    };
  }

  void fail_with(const Error& error);
  void succeed(const ImageRef& ref, std::int64_t size_bytes);
  bool is_changed() const { return changed_; }

  const Site site_;
  const OperationCall call_;

 private:
  CallDone done_;

 protected:
  Instant deadline_at_;

 private:
  bool changed_ = false;
};

}  // namespace extvold::providers::rbd
