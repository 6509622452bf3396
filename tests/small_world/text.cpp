// A World in words.
#include <fmt/format.h>

#include "model/plan.h"
#include "tests/small_world/world.h"

namespace extvold::small_world {
namespace {

std::string question_text(int volume, const FenceCall& fence, bool of_agent, bool of_fence, int host) {
  if (of_agent) return fmt::format("A{}'s API", host);
  if (of_fence) return fmt::format("fence {} of {}", fence.fence.id.value, fence.host_name);
  return volume < 0 ? std::string("the provider's list") : fmt::format("v{}", volume);
}

}  // namespace

std::string World::text(const Choice& choice) const {
  const auto index = static_cast<std::size_t>(choice.index);
  const auto call = [&] {
    const Operation& operation = calls_[index].what.call.operation;
    return fmt::format("{} v{} h{}", to_text(operation.kind), calls_[index].volume, calls_[index].host);
  };
  const auto fence = [&] {
    const FenceCall& what = fence_calls_[index].what;
    return fmt::format("{} fence {} of {} ({})", to_text(what.act), what.fence.id.value, what.host_name,
                       to_text(what.fence.rung));
  };
  const auto asked = [&] {
    const Question& one = questions_[index];
    return question_text(one.volume, one.fence, one.of == Question::Of::agent, one.of == Question::Of::fence,
                         one.host);
  };
  const std::string task = fmt::format("t{}{}", choice.index, choice.host);
  switch (choice.act) {
    case Act::commit:
      return "the commit is durable";
    case Act::take_effect:
      return fmt::format("{} takes effect", call());
    case Act::answer:
      return fmt::format("{} is answered: {}", call(), calls_[index].happened ? "done" : "failed");
    case Act::lose_answer:
      return fmt::format("the answer to {} is lost", call());
    case Act::vanish:
      return fmt::format("{} will never take effect", call());
    case Act::look:
      return fmt::format("a look at {} is answered", asked());
    case Act::take_look:
      return fmt::format("a look at {} is taken, its answer is on its way", asked());
    case Act::fence_effect:
      return fmt::format("{} takes effect", fence());
    case Act::fence_answer:
      return fmt::format("{} is answered: {}", fence(), fence_calls_[index].happened ? "done" : "failed");
    case Act::fence_lose_answer:
      return fmt::format("the answer to {} is lost", fence());
    case Act::fence_vanish:
      return fmt::format("{} will never take effect", fence());
    case Act::place:
      return fmt::format("the scheduler places {} on h{}", task, choice.host);
    case Act::start:
      return fmt::format("{} starts and has its volume mounted", task);
    case Act::say_finished:
      return fmt::format("the executor of {} says that it is over", task);
    case Act::end:
      return fmt::format("the container of {} ends", task);
    case Act::agent_cleans:
      return fmt::format("the agent of {} says that it is over and cleaned up", task);
    case Act::unmount:
      return fmt::format("h{} unmounts v{}", choice.host, choice.index);
    case Act::cut:
      return fmt::format("A{} is cut off", choice.host);
    case Act::declare_lost:
      return fmt::format("the master calls A{} unreachable", choice.host);
    case Act::heal:
      return fmt::format("A{} is back", choice.host);
    case Act::break_stream:
      return "the stream breaks";
    case Act::subscribe:
      return "the daemon subscribes";
    case Act::crash:
      return fmt::format("the daemon crashes and starts again, {} of {} commits under way are durable",
                         choice.index, commits_.size());
    case Act::time:
      return fmt::format("time passes ({} ms)", (std::max(next_event(), now_) - now_).ns / 1'000'000);
  }
  return {};
}

std::string World::describe() const {
  std::string out;
  for (int volume = 0; volume < kVolumes; ++volume) {
    for (int host = 0; host < kHosts; ++host) {
      const Place& place = places_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
      const Task& task = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
      out += fmt::format("  v{} at h{}: {}{}{}{}task {}{}\n", volume, host, place.listed ? "attached, " : "",
                         place.open ? "detached and still open, " : "", place.mounted ? "mounted, " : "",
                         place.fenced ? "fenced, " : "",
                         !task.placed ? "none"
                         : task.runs  ? "runs, "
                         : task.ended ? "ended, "
                                      : "not started, ",
                         task.placed ? to_text(task.told) : "");
    }
  }
  out += to_text(reconcilers::plan(engine_->snapshot(), engine_->observed(), now_, engine_->policy()),
                 engine_->snapshot(), now_);
  return out;
}

}  // namespace extvold::small_world
