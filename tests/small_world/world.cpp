#include "tests/small_world/world.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "tests/small_world/engine_memory.h"

namespace extvold::small_world {

using reconcilers::Engine;
using Order = Fingerprint::Order;

namespace {

// The ledger of a cluster whose volumes are made and attached nowhere.
Snapshot first_ledger() {
  Snapshot out;
  out.ledger.id = "small-world";
  out.mode = Mode::active;
  for (int i = 0; i < kHosts; ++i) {
    Host host;
    host.id = {i + 1};
    host.name = fmt::format("h{}", i);
    out.apply(Change(host));
  }
  for (int i = 0; i < kVolumes; ++i) {
    Volume volume;
    volume.id = {i + 1};
    volume.name = fmt::format("v{}", i);
    volume.key = fmt::format("xv-v{}", i);
    volume.provider_ref = volume.key;
    volume.pool = {ProviderName("local~lab"), "p"};
    volume.size_mb = 64;
    volume.state = VolumeState::available;
    volume.created_generation = {1, 1};
    out.apply(Change(volume));
  }
  out.counters.next_host = kHosts + 1;
  out.counters.next_volume = kVolumes + 1;
  out.counters.next_generation = 2;
  out.sequence = {1};
  return out;
}

// Each step takes a microsecond, and time that passes goes a little too far: what is due as near as that is
// due at once, before anything else may happen (fingerprint.cpp, kNear).
constexpr Duration kTogether = milliseconds(250);
constexpr Duration kTooFar = {500'000};

bool has_intent(const Batch& batch) {
  return std::any_of(batch.changes.begin(), batch.changes.end(), [](const Change& change) {
    const auto* operation = std::get_if<Operation>(&change);
    const auto* fence = std::get_if<Fence>(&change);
    return (operation != nullptr && operation->state == OperationState::recorded) ||
           (fence != nullptr && fence->state == FenceState::recorded);
  });
}

}  // namespace

World::World(const Setting& setting)
    : setting_(&setting),
      ledger_(std::make_shared<const Snapshot>(first_ledger())),
      crashes_(setting.crashes),
      partitions_(setting.partitions),
      lost_answers_(setting.lost_answers),
      refusals_(setting.refusals),
      slow_looks_(setting.slow_looks),
      stream_breaks_(setting.stream_breaks) {
  engine_ = std::make_unique<Engine>(stored_copy_of(*ledger_), setting.policy());
  feed(reconcilers::TimerFired{});
  settle();
  subscribe();
  settle();
  calm();
  begin(setting.begin);
  reached_ = 0;
}

void World::begin(Begin where) {
  if (where == Begin::nothing) return;
  if (where == Begin::unsure) return begin_unsure();
  for (int volume = 0; volume < kVolumes; ++volume) take({Act::place, volume, 0});
  calm();
  for (int volume = 0; volume < kVolumes; ++volume) take({Act::start, volume, 0});
  calm();
  if (where == Begin::runs) return;
  take({Act::place, 0, 1});
  calm();
  if (where == Begin::wanted) return;
  take({Act::cut, 0, 0});
  take({Act::declare_lost, 0, 0});
  calm();
}

void World::begin_unsure() {
  take({Act::place, 0, 0});
  while (calls_.empty()) take({commits_.empty() ? Act::look : Act::commit});
  give_up(0);
  settle();
  take({Act::cut, 0, 0});
  take({Act::declare_lost, 0, 0});
  take({Act::place, 0, 1});
  calm();
}

// Whatever is asked is answered, whatever is called happens, until nothing is under way. What was given up is
// left to the search.
void World::calm() {
  for (int i = 0; i < 1000; ++i) {
    const std::vector<Choice> all = choices();
    const auto next = std::find_if(all.begin(), all.end(), [&](const Choice& one) {
      if (one.act == Act::commit || one.act == Act::look) return true;
      if (one.act != Act::take_effect && one.act != Act::answer) return false;
      const CallAtWork& call = calls_[static_cast<std::size_t>(one.index)];
      return call.awaited && call.happened == (one.act == Act::answer);
    });
    if (next == all.end()) return;
    take(*next);
  }
}

World World::copy() const {
  World out;
  out.setting_ = setting_;
  out.engine_ = EngineMemory::copy(*engine_);
  out.ledger_ = ledger_;
  out.committed_ = committed_;
  out.commits_ = commits_;
  out.now_ = now_;
  out.wake_ = wake_;
  out.places_ = places_;
  out.cut_off_ = cut_off_;
  out.tasks_ = tasks_;
  out.links_ = links_;
  out.calls_ = calls_;
  out.fence_calls_ = fence_calls_;
  out.questions_ = questions_;
  out.subscribed_ = subscribed_;
  out.passes_ = passes_;
  out.crashes_ = crashes_;
  out.partitions_ = partitions_;
  out.lost_answers_ = lost_answers_;
  out.refusals_ = refusals_;
  out.slow_looks_ = slow_looks_;
  out.stream_breaks_ = stream_breaks_;
  out.reached_ = reached_;
  return out;
}

// ---- the engine

void World::feed(reconcilers::Input input) {
  now_ = now_ + Duration{1000};
  for (reconcilers::Effect& effect : engine_->step(wall(), std::move(input))) perform(std::move(effect));
}

// What follows without a choice: commits that hold no intent are durable, the master answers, timers that are
// due fire, the agent of host 1 answers.
void World::settle() {
  for (int i = 0; i < 10'000; ++i) {
    if (!commits_.empty() && !has_intent(*commits_.front())) {
      make_durable();
    } else if (!queue_.empty()) {
      reconcilers::Input input = std::move(queue_.front());
      queue_.erase(queue_.begin());
      feed(std::move(input));
    } else if (wake_ <= now_ + kTogether) {
      now_ = std::max(now_, wake_);
      wake_ = kNever;
      feed(reconcilers::TimerFired{});
    } else {
      const auto of_other = std::find_if(questions_.begin(), questions_.end(), [](const Question& one) {
        return one.of == Question::Of::agent && one.host == 1;
      });
      if (of_other == questions_.end()) return;
      look(static_cast<std::size_t>(of_other - questions_.begin()));
    }
  }
  fail("the engine does not come to rest");
}

void World::perform(reconcilers::Effect effect) {
  // Sent after this step, so that what it ended has ended.
  Question question;
  question.sent_at = now_ + Duration{1};
  if (auto* commit = std::get_if<reconcilers::Commit>(&effect)) {
    commits_.push_back(std::make_shared<const Batch>(std::move(commit->batch)));
  } else if (auto* execute = std::get_if<reconcilers::Execute>(&effect)) {
    start_call(std::move(*execute));
  } else if (auto* fence = std::get_if<reconcilers::ChangeFence>(&effect)) {
    if (fence->call.act == FenceAct::check) {
      question.of = Question::Of::fence;
      question.fence = std::move(fence->call);
      return ask(std::move(question));
    }
    fence_calls_.push_back({std::move(fence->call), false, true, now_ + kDeadline});
  } else if (auto* wish = std::get_if<reconcilers::ObserveProvider>(&effect)) {
    for (int i = 0; i < kVolumes; ++i) {
      if (wish->volume_key == fmt::format("xv-v{}", i)) question.volume = i;
    }
    ask(std::move(question));
  } else if (auto* read = std::get_if<reconcilers::ReadAgent>(&effect)) {
    question.of = Question::Of::agent;
    question.host = read->agent == AgentId("A0") ? 0 : 1;
    ask(std::move(question));
  } else if (auto* poll = std::get_if<reconcilers::PollMaster>(&effect)) {
    queue_.emplace_back(reconcilers::EventsArrived{answer(poll->call)});
  } else if (auto* wake = std::get_if<reconcilers::WakeAt>(&effect)) {
    wake_ = wake->at;
  } else if (std::holds_alternative<reconcilers::Stop>(effect) ||
             std::holds_alternative<reconcilers::Resubscribe>(effect)) {
    fail("the engine stops, or does not believe the master, and nothing gave it reason to");
  }
}

// In an order that does not tell which was asked first.
void World::ask(Question question) {
  const auto key = [](const Question& one) {
    return std::tuple(one.of, one.volume, one.host, one.fence.fence.id);
  };
  const auto place = std::find_if(questions_.begin(), questions_.end(),
                                  [&](const Question& one) { return key(question) < key(one); });
  questions_.insert(place, std::move(question));
}

void World::start_call(reconcilers::Execute call) {
  judge_call(call.call);
  CallAtWork one;
  one.volume = static_cast<int>(call.call.operation.volume.value) - 1;
  one.host = static_cast<int>(call.call.operation.host.value) - 1;
  one.until = now_ + call.call.deadline;
  one.what = std::move(call);
  const auto place = std::find_if(calls_.begin(), calls_.end(),
                                  [&](const CallAtWork& other) { return one.volume < other.volume; });
  calls_.insert(place, std::move(one));
}

// ---- its ledger

Snapshot World::stored() const {
  Snapshot out = copy_of(*ledger_);
  for (const auto& batch : committed_) out.apply(*batch);
  return out;
}

bool World::is_stored(const Operation& intent) const {
  const Snapshot ledger = stored();
  const VolumeEntry* entry = ledger.volume(intent.volume);
  return entry != nullptr && entry->open_operation != nullptr && entry->open_operation->id == intent.id;
}

void World::make_durable() {
  committed_.push_back(std::move(commits_.front()));
  commits_.erase(commits_.begin());
  feed(reconcilers::Committed{committed_.back()->sequence});
}

// What it waited for it never hears of; what it had asked for may still happen.
void World::crash(std::size_t durable_commits) {
  for (std::size_t i = 0; i < durable_commits; ++i) committed_.push_back(commits_[i]);
  ledger_ = std::make_shared<const Snapshot>(stored_copy_of(stored()));
  committed_.clear();
  commits_.clear();
  queue_.clear();
  questions_.clear();
  std::erase_if(calls_, [](const CallAtWork& one) { return one.happened; });
  std::erase_if(fence_calls_, [](const FenceAtWork& one) { return one.happened; });
  for (CallAtWork& one : calls_) {
    if (one.awaited) one.until = one.until + kSettleTime;
    one.awaited = false;
  }
  for (FenceAtWork& one : fence_calls_) {
    if (one.awaited) one.until = one.until + kSettleTime;
    one.awaited = false;
  }
  subscribed_ = false;
  wake_ = kNever;
  engine_ = std::make_unique<Engine>(stored_copy_of(*ledger_), setting_->policy());
  feed(reconcilers::TimerFired{});
}

// ---- the clock

Instant World::next_event() const {
  Instant out = wake_;
  for (const CallAtWork& one : calls_) out = std::min(out, one.until);
  for (const FenceAtWork& one : fence_calls_) out = std::min(out, one.until);
  return out;
}

// To when something is due, and too far by more than all times before together. So what was begun after one
// of them and waits as long as what is due now is never due in less than the next steps take: it is, or it is
// not. What is due about then is due together. Deadlines come before the engine's own timer.
void World::pass_time() {
  now_ = std::max(now_, next_event() + kTooFar * (std::int64_t{1} << std::min(passes_++, 8)));
  const Instant about = now_ + kTogether;
  const bool lingers_on = setting_->lie == Lie::late_beyond_promise;
  for (std::size_t i = calls_.size(); i-- > 0;) {
    if (calls_[i].until > about) continue;
    if (calls_[i].awaited) {
      give_up(i);
    } else if (lingers_on) {
      calls_[i].until = kNever;
    } else {
      calls_.erase(calls_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  for (std::size_t i = fence_calls_.size(); i-- > 0;) {
    if (fence_calls_[i].until > about) continue;
    if (fence_calls_[i].awaited) {
      give_up_fence(i);
    } else {
      fence_calls_.erase(fence_calls_.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

// ---- choices

void World::add_calls(std::vector<Choice>& out) const {
  for (int i = 0; i < static_cast<int>(calls_.size()); ++i) {
    const CallAtWork& one = calls_[static_cast<std::size_t>(i)];
    const bool refused = !refusal(one).empty();
    if (!one.happened && !refused) out.push_back({Act::take_effect, i});
    if (one.awaited && (one.happened || refused || refusals_ > 0)) out.push_back({Act::answer, i});
    if (one.awaited && lost_answers_ > 0) out.push_back({Act::lose_answer, i});
    if (!one.awaited) out.push_back({Act::vanish, i});
  }
  for (int i = 0; i < static_cast<int>(fence_calls_.size()); ++i) {
    const FenceAtWork& one = fence_calls_[static_cast<std::size_t>(i)];
    if (!one.happened) out.push_back({Act::fence_effect, i});
    if (one.awaited && (one.happened || refusals_ > 0)) out.push_back({Act::fence_answer, i});
    if (one.awaited && lost_answers_ > 0) out.push_back({Act::fence_lose_answer, i});
    if (!one.awaited) out.push_back({Act::fence_vanish, i});
  }
  for (int i = 0; i < static_cast<int>(questions_.size()); ++i) {
    const Question& one = questions_[static_cast<std::size_t>(i)];
    out.push_back({Act::look, i});
    if (one.taken == nullptr && slow_looks_ > 0) out.push_back({Act::take_look, i});
  }
}

void World::add_world(std::vector<Choice>& out) const {
  if (links_[0] == Link::whole && partitions_ > 0) out.push_back({Act::cut, 0, 0});
  if (links_[0] == Link::cut) out.push_back({Act::declare_lost, 0, 0});
  if (links_[0] != Link::whole) out.push_back({Act::heal, 0, 0});
  if (!subscribed_) out.push_back({Act::subscribe});
  if (subscribed_ && stream_breaks_ > 0) out.push_back({Act::break_stream});
  if (crashes_ > 0) {
    // Before each intent, and after all. What lies between the commits that hold none is met where the daemon
    // crashes before what they write down came to it.
    for (int i = 0; i < static_cast<int>(commits_.size()); ++i) {
      if (has_intent(*commits_[static_cast<std::size_t>(i)])) out.push_back({Act::crash, i});
    }
    out.push_back({Act::crash, static_cast<int>(commits_.size())});
  }
  if (next_event() < now_ + seconds(100'000)) out.push_back({Act::time});
}

std::vector<Choice> World::choices() const {
  std::vector<Choice> out;
  if (!commits_.empty()) out.push_back({Act::commit});
  add_calls(out);
  add_tasks(out);
  add_world(out);
  return out;
}

void World::take_of_fence(const Choice& choice) {
  const auto index = static_cast<std::size_t>(choice.index);
  if (choice.act == Act::fence_effect) {
    take_effect(fence_calls_[index]);
    if (!fence_calls_[index].awaited) fence_calls_.erase(fence_calls_.begin() + choice.index);
  } else if (choice.act == Act::fence_answer) {
    answer_fence(index);
  } else if (choice.act == Act::fence_lose_answer) {
    --lost_answers_;
    give_up_fence(index);
  } else if (choice.act == Act::fence_vanish) {
    fence_calls_.erase(fence_calls_.begin() + choice.index);
  }
}

void World::take(const Choice& choice) {
  now_ = now_ + Duration{1000};  // what comes now is later than any question of before
  const auto index = static_cast<std::size_t>(choice.index);
  switch (choice.act) {
    case Act::commit:
      make_durable();
      break;
    case Act::take_effect:
      if (!calls_[index].awaited) reach(Reached::late_effect);
      take_effect(calls_[index]);
      if (!calls_[index].awaited) calls_.erase(calls_.begin() + choice.index);
      break;
    case Act::answer:
      answer(index);
      break;
    case Act::lose_answer:
      --lost_answers_;
      give_up(index);
      break;
    case Act::vanish:
      calls_.erase(calls_.begin() + choice.index);
      break;
    case Act::look:
      look(index);
      break;
    case Act::take_look:
      --slow_looks_;
      questions_[index].taken = std::make_shared<const reconcilers::Input>(see_all(questions_[index]));
      break;
    case Act::fence_effect:
    case Act::fence_answer:
    case Act::fence_lose_answer:
    case Act::fence_vanish:
      take_of_fence(choice);
      break;
    case Act::crash:
      --crashes_;
      if (!calls_.empty() || !fence_calls_.empty()) reach(Reached::crash_in_call);
      crash(index);
      break;
    case Act::time:
      pass_time();
      break;
    case Act::place:
    case Act::start:
    case Act::say_finished:
    case Act::end:
    case Act::agent_cleans:
    case Act::unmount:
      take_of_task(choice);
      break;
    case Act::cut:
    case Act::declare_lost:
    case Act::heal:
    case Act::break_stream:
    case Act::subscribe:
      take_of_cluster(choice);
      break;
  }
  settle();
  judge();
  constexpr std::size_t kLogMax = 8;
  if (!commits_.empty() || committed_.size() < kLogMax) return;
  ledger_ = std::make_shared<const Snapshot>(stored_copy_of(engine_->snapshot()));
  committed_.clear();
}

// ---- its name

void World::put_truth(Fingerprint& print) const {
  for (int v = 0; v < kVolumes; ++v) {
    for (int h = 0; h < kHosts; ++h) {
      const Place& place = places_[static_cast<std::size_t>(v)][static_cast<std::size_t>(h)];
      const Task& task = tasks_[static_cast<std::size_t>(v)][static_cast<std::size_t>(h)];
      print.number(place.listed * 8 + place.open * 4 + place.mounted * 2 + place.fenced);
      print.number(task.placed * 4 + task.runs * 2 + task.ended);
      print.value(task.told);
    }
  }
  for (int h = 0; h < kHosts; ++h) {
    print.number(cut_off_[static_cast<std::size_t>(h)]);
    print.value(links_[static_cast<std::size_t>(h)]);
  }
  print.number(subscribed_);
  for (const int left : {crashes_, partitions_, lost_answers_, refusals_, slow_looks_, stream_breaks_})
    print.number(left);
}

void World::put_question(Fingerprint& print, const Question& question) const {
  print.value(question.of);
  print.number(question.volume * kHosts + question.host);
  print.flag(question.taken != nullptr);
  switch (question.of) {
    case Question::Of::provider:
      for (const auto& [id, entry] : engine_->snapshot().volumes()) {
        if (question.volume < 0 || id.value == question.volume + 1)
          EngineMemory::put_later_than(print, *engine_, question.sent_at, id);
      }
      break;
    case Question::Of::agent:
      EngineMemory::put_later_than(print, *engine_, question.sent_at,
                                   AgentId(fmt::format("A{}", question.host)));
      break;
    case Question::Of::fence:
      print.ordered(Order::fence, 0, question.fence.fence.id.value);
      EngineMemory::put_later_than(print, *engine_, question.sent_at, question.fence.fence.id);
      break;
  }
  if (question.taken == nullptr) return;
  if (const auto* seen = std::get_if<reconcilers::ObservationArrived>(question.taken.get())) {
    put(print, seen->observation);
  } else if (const auto* fence = std::get_if<reconcilers::FenceCallEnded>(question.taken.get())) {
    print.value(fence->result.held);
  } else if (const auto* events = std::get_if<reconcilers::EventsArrived>(question.taken.get())) {
    const auto* read = std::get_if<AgentApiRead>(&events->events.front());
    print.flag(read != nullptr);
    if (read == nullptr) return;
    for (const ExecutorRecord& executor : read->executors) print.text(executor.executor.value);
    print.number(-1);
    for (const ExecutorRecord& executor : read->completed_executors) print.text(executor.executor.value);
  }
}

// What a crash before each of them would leave.
void World::put_commits(Fingerprint& print) const {
  if (commits_.empty()) return;
  Snapshot ledger = stored();
  for (const auto& batch : commits_) {
    if (has_intent(*batch)) put(print, ledger, nullptr);
    ledger.apply(*batch);
  }
}

StateName World::name() const {
  Fingerprint print(now_);
  put_truth(print);
  EngineMemory::put(print, *engine_);
  print.due(wake_);
  print.number(
      std::count_if(commits_.begin(), commits_.end(), [](const auto& one) { return has_intent(*one); }));
  put_commits(print);
  for (const CallAtWork& one : calls_) {
    const Operation& operation = one.what.call.operation;
    print.value(operation.kind);
    print.number(one.volume * kHosts + one.host);
    print.ordered(Order::generation, operation.volume.value, operation.generation.counter);
    print.number(one.happened * 2 + one.awaited);
    print.due(one.until);
  }
  for (const FenceAtWork& one : fence_calls_) {
    print.value(one.what.act);
    print.value(one.what.fence.rung);
    print.ordered(Order::fence, 0, one.what.fence.id.value);
    print.number(one.happened * 2 + one.awaited);
    print.due(one.until);
  }
  for (const Question& one : questions_) {
    put_question(print, one);
    // What a host says counts if it was asked after its fence was seen.
    if (one.of != Question::Of::provider) continue;
    for (const Question& other : questions_) {
      if (other.of == Question::Of::fence) print.flag(one.sent_at > other.sent_at);
    }
  }
  return print.name();
}

}  // namespace extvold::small_world
