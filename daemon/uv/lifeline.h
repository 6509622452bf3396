// Lifeline: lets a member function find out that a callback which it made has destroyed its object.
//
//   Lifeline::Watch alive(lifeline_);
//   callback();
//   if (alive.cut()) return;  // *this is gone
//
// The Lifeline is a member of the object, the Watch is on the stack of the function. One thread only.
#pragma once

namespace extvold::daemon::uv {

class Lifeline {
 public:
  class Watch {
   public:
    explicit Watch(Lifeline& lifeline) : lifeline_(&lifeline), outer_(lifeline.innermost_) {
      lifeline.innermost_ = this;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      if (lifeline_ != nullptr) lifeline_->innermost_ = outer_;
    }
    bool cut() const { return lifeline_ == nullptr; }

   private:
    friend class Lifeline;
    Lifeline* lifeline_;
    Watch* outer_;
  };

  Lifeline() = default;
  Lifeline(const Lifeline&) = delete;
  Lifeline& operator=(const Lifeline&) = delete;
  ~Lifeline() {
    for (Watch* watch = innermost_; watch != nullptr; watch = watch->outer_) watch->lifeline_ = nullptr;
  }

 private:
  Watch* innermost_ = nullptr;
};

}  // namespace extvold::daemon::uv
