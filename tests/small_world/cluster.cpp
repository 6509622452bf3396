// The hosts, agents and the master of a World: what becomes of tasks, and what the master tells of it. The
// master answers at once and tells what it knows when it comes to know it; what takes time is how it comes to
// know it.
#include <fmt/format.h>

#include <algorithm>

#include "tests/small_world/world.h"

namespace extvold::small_world {
namespace {

std::string task_text(int volume, int host) { return fmt::format("t{}{}", volume, host); }
AgentId agent_id(int host) { return AgentId(fmt::format("A{}", host)); }
ContainerId container_of(int volume, int host) { return ContainerId("c-" + task_text(volume, host)); }

}  // namespace

void World::tell(MesosEvent event) {
  if (!subscribed_) return;
  reconcilers::EventsArrived arrived;
  arrived.events.push_back(std::move(event));
  queue_.emplace_back(std::move(arrived));
}

TaskRecord World::record(int volume, int host) const {
  TaskRecord out;
  out.framework = FrameworkId("F");
  out.task = TaskId(task_text(volume, host));
  out.agent = agent_id(host);
  out.name = out.task.value;
  out.state = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)].told;
  out.volumes.push_back(
      {ReferenceSpelling::docker_volume, "extvold", fmt::format("v{}", volume), "data", false});
  return out;
}

void World::set_told(int volume, int host, TaskState state, StatusSource source, std::string reason) {
  tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)].told = state;
  TaskUpdated update;
  update.framework = FrameworkId("F");
  update.task = TaskId(task_text(volume, host));
  update.state = update.status.state = state;
  update.status.source = source;
  update.status.reason = std::move(reason);
  update.status.agent = agent_id(host);
  update.status.executor = ExecutorId(task_text(volume, host));
  if (source == StatusSource::source_master) {
    update.status.unreachable_time_set = true;
  } else {
    update.status.container = container_of(volume, host);
  }
  tell(std::move(update));
}

AgentSeen World::agent(int host, ElementOrigin origin) const {
  AgentSeen out;
  out.origin = origin;
  out.agent.agent = agent_id(host);
  out.agent.hostname = fmt::format("h{}", host);
  out.agent.address = fmt::format("10.0.0.{}:5051", host + 1);
  return out;
}

std::vector<MesosEvent> World::tasks(ElementOrigin origin) const {
  std::vector<MesosEvent> out;
  for (int volume = 0; volume < kVolumes; ++volume) {
    for (int host = 0; host < kHosts; ++host) {
      const Task& task = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
      if (!task.placed) continue;
      const bool lost = links_[static_cast<std::size_t>(host)] == Link::lost;
      const bool known = !is_terminal(task.told) || (lost && task.told == TaskState::task_lost);
      const TaskList list = !known ? TaskList::completed_tasks
                            : lost ? TaskList::unreachable_tasks
                                   : TaskList::tasks;
      out.emplace_back(TaskSeen{record(volume, host), origin, list});
    }
  }
  return out;
}

std::vector<MesosEvent> World::answer(MasterCall call) const {
  std::vector<MesosEvent> out = {PollBegan{call, now_ + Duration{1}}};
  switch (call) {
    case MasterCall::get_master:
      return {MasterSeen{"master", "1", "1.11.0"}};
    case MasterCall::metrics: {
      MasterMetricsSeen metrics{0, kHosts};
      for (const auto& row : tasks_) {
        for (const Task& task : row)
          metrics.tasks_running += task.placed && task.told == TaskState::task_running ? 1 : 0;
      }
      return {metrics};
    }
    case MasterCall::get_tasks:
      out = tasks(ElementOrigin::poll);
      out.insert(out.begin(), PollBegan{call, now_ + Duration{1}});
      break;
    case MasterCall::get_agents:
      for (int host = 0; host < kHosts; ++host) {
        if (links_[static_cast<std::size_t>(host)] != Link::lost)
          out.emplace_back(agent(host, ElementOrigin::poll));
      }
      break;
    case MasterCall::registry:
      for (int host = 0; host < kHosts; ++host) {
        if (links_[static_cast<std::size_t>(host)] == Link::lost)
          out.emplace_back(RegistryAgentSeen{agent_id(host), RegistryList::unreachable, {1}});
      }
      break;
    case MasterCall::get_executors:
    case MasterCall::get_maintenance_schedule:
    case MasterCall::get_maintenance_status:
      break;
  }
  out.emplace_back(PollEnded{call, now_ + Duration{1}});
  return out;
}

AgentApiRead World::read_agent(const Question& question) const {
  AgentApiRead out;
  out.expected = out.first_answer = out.second_answer = agent_id(question.host);
  out.first_sent_at = question.sent_at;
  out.container_destroy_errors = 0;
  for (int volume = 0; volume < kVolumes; ++volume) {
    const Task& task = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(question.host)];
    ExecutorRecord executor;
    executor.framework = FrameworkId("F");
    executor.executor = ExecutorId(task_text(volume, question.host));
    executor.agent = agent_id(question.host);
    const bool hidden = task.runs && setting_->lie == Lie::agent_hides_tasks;
    if (task.runs && !hidden) {
      out.containers.push_back(
          {container_of(volume, question.host), {}, executor.framework, executor.executor});
      out.executors.push_back(executor);
    } else if (task.ended || hidden) {
      out.completed_executors.push_back(executor);
    }
  }
  return out;
}

void World::subscribe() {
  subscribed_ = true;
  reconcilers::EventsArrived all;
  all.events.emplace_back(SubscriptionOpened{"10.9.9.9:5050"});
  all.events.emplace_back(SnapshotBegan{});
  for (MesosEvent& one : tasks(ElementOrigin::snapshot)) all.events.push_back(std::move(one));
  for (int host = 0; host < kHosts; ++host) {
    if (links_[static_cast<std::size_t>(host)] != Link::lost)
      all.events.emplace_back(agent(host, ElementOrigin::snapshot));
  }
  all.events.emplace_back(SnapshotEnded{});
  queue_.emplace_back(std::move(all));
}

// The agent is back, with what it runs; what ended meanwhile it tells later. Tasks come before their agent.
void World::heal(int host) {
  Link& link = links_[static_cast<std::size_t>(host)];
  const bool was_lost = link == Link::lost;
  link = Link::whole;
  for (int volume = 0; volume < kVolumes; ++volume) {
    Task& task = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
    if (!task.placed || task.ended) continue;
    const bool over = is_terminal(task.told) && task.told != TaskState::task_lost;
    if (over) continue;
    const TaskState state = task.runs ? TaskState::task_running : TaskState::task_staging;
    if (was_lost) {
      task.told = state;
      tell(TaskSeen{record(volume, host), ElementOrigin::event, TaskList::tasks});
    } else if (task.told != state) {
      set_told(volume, host, state, StatusSource::source_executor, {});
    }
  }
  if (was_lost) tell(agent(host, ElementOrigin::event));
}

void World::add_tasks(std::vector<Choice>& out) const {
  // Where a detach cuts the host off and nobody reports mounts, only the oracle would see it, and what stays
  // mounted is worse.
  const bool unmounts = !setting_->can.detach_enforced || setting_->can.host_reports;
  for (int volume = 0; volume < kVolumes; ++volume) {
    const auto& row = tasks_[static_cast<std::size_t>(volume)];
    const bool moves = volume == 0 || setting_->second != Second::rests;

    if (!row[0].placed) {
      if (links_[0] == Link::whole) out.push_back({Act::place, volume, 0});
    } else if (!row[1].placed && moves) {
      out.push_back({Act::place, volume, 1});
    }
    for (int host = 0; host < kHosts; ++host) {
      const Task& task = row[static_cast<std::size_t>(host)];
      const Place& place = places_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(host)];
      const bool whole = links_[static_cast<std::size_t>(host)] == Link::whole;
      const bool ends = host == 0 && (volume == 0 || setting_->second == Second::lives);
      const bool over = is_terminal(task.told) && task.told != TaskState::task_lost;
      if (task.placed && !task.runs && !task.ended && !over && lets_through(volume, host))
        out.push_back({Act::start, volume, host});
      if ((task.runs || task.ended) && !over && whole && ends)
        out.push_back({Act::say_finished, volume, host});
      if (task.runs && ends) out.push_back({Act::end, volume, host});
      if (task.ended && !over && whole && ends) out.push_back({Act::agent_cleans, volume, host});
      if (place.mounted && !task.runs && unmounts) out.push_back({Act::unmount, volume, host});
    }
  }
}

void World::take_of_task(const Choice& choice) {
  const auto host = static_cast<std::size_t>(choice.host);
  const auto volume = static_cast<std::size_t>(choice.index);
  Task& task = tasks_[volume][host];
  Place& place = places_[volume][host];
  if (choice.act == Act::place) {
    task.placed = true;
    tell(TaskSeen{record(choice.index, choice.host), ElementOrigin::event, TaskList::tasks});
  } else if (choice.act == Act::start) {
    task.runs = place.mounted = true;
    if (links_[host] == Link::whole)
      set_told(choice.index, choice.host, TaskState::task_running, StatusSource::source_executor, {});
  } else if (choice.act == Act::say_finished) {
    set_told(choice.index, choice.host, TaskState::task_finished, StatusSource::source_executor, {});
  } else if (choice.act == Act::end) {
    task.runs = false;
    task.ended = true;
  } else if (choice.act == Act::agent_cleans) {
    set_told(choice.index, choice.host, TaskState::task_failed, StatusSource::source_agent,
             "REASON_EXECUTOR_TERMINATED");
  } else if (choice.act == Act::unmount) {
    place.mounted = place.open = false;
  }
}

void World::take_of_cluster(const Choice& choice) {
  Link& link = links_[static_cast<std::size_t>(choice.host)];
  if (choice.act == Act::cut) {
    --partitions_;
    link = Link::cut;
  } else if (choice.act == Act::declare_lost) {
    link = Link::lost;
    for (int volume = 0; volume < kVolumes; ++volume) {
      const Task& task = tasks_[static_cast<std::size_t>(volume)][static_cast<std::size_t>(choice.host)];
      if (!task.placed || is_terminal(task.told)) continue;
      set_told(volume, choice.host,
               setting_->lost_task_is_terminal ? TaskState::task_lost : TaskState::task_unreachable,
               StatusSource::source_master, "REASON_AGENT_REMOVED");
    }
  } else if (choice.act == Act::heal) {
    heal(choice.host);
  } else if (choice.act == Act::break_stream) {
    --stream_breaks_;
    tell(SubscriptionClosed{"the connection broke"});
    subscribed_ = false;
  } else if (choice.act == Act::subscribe) {
    subscribe();
  }
}

}  // namespace extvold::small_world
