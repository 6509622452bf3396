// Setting: one small world to be searched: what its storage can do and promises, how it breaks its promises
// (only in the worlds that are to be found out), who wants which volume, and how much may go wrong on one
// path.
//
// A constant. The budgets are what makes a world finite: without them one answer could be lost again and
// again.
#pragma once

#include <string>
#include <vector>

#include "model/policy.h"

namespace extvold::small_world {

// Whatever waits in these worlds waits as long, which lets their states meet: calls until they are given up,
// and how late they may take effect after that.
inline constexpr Duration kDeadline = seconds(60);
inline constexpr Duration kSettleTime = seconds(60);

// Promises that a provider or an agent makes and does not keep.
enum class Lie : std::uint8_t {
  none,
  detach_not_enforced,  // says that a detach cuts the host off, and leaves the mounts that are there alone
  agent_hides_tasks,    // an agent counts an executor as completed whose container still runs
  fence_not_held,       // a look says that a fence holds that lets everything through
  late_beyond_promise,  // a call takes effect after the time for which the provider says that calls linger
};

// What becomes of the second volume, whose task runs on host 0.
enum class Second : std::uint8_t { rests, moves, lives };  // lives: and it may end

// Where the search begins. Each but the last goes on from the one before, and what leads there went well.
enum class Begin : std::uint8_t {
  nothing,  // no task was placed yet
  runs,     // both tasks run on host 0
  wanted,   // the first volume is wanted on host 1 too
  lost,     // the agent of host 0 is unreachable, its tasks run on
  // The first volume's attach to host 0 is given up and may still take effect; then that host's agent became
  // unreachable, and the volume is wanted on host 1.
  unsure,
};

struct Setting {
  std::string name;
  std::string about;  // one line, for people

  // ---- the storage
  Capabilities can;
  bool detach_refused_in_use = false;  // else it cuts off whoever uses it (detach_enforced), or does not
  bool listed_often = false;  // the provider's list is asked for every minute; else when the daemon starts
  Lie lie = Lie::none;

  // ---- who wants what: the first volume's task runs on host 0, and the scheduler wants another on host 1
  Second second = Second::rests;
  Begin begin = Begin::runs;
  bool lost_task_is_terminal = false;  // TASK_LOST, of a framework that knows nothing of partitions

  // ---- what may go wrong on one path
  int crashes = 1;
  int partitions = 1;
  int lost_answers = 0;   // of calls; they may take effect all the same, now or later
  int refusals = 0;       // calls that fail although nothing stands against them
  int slow_looks = 0;     // looks whose answer is older than what happens before it arrives
  int stream_breaks = 0;  // of the master's stream

  int depth = 11;  // choices on a path

  Policy policy() const;
};

// Those that are searched by default, and in which nothing may be found.
std::vector<Setting> honest_settings();
// Those in which something is to be found.
std::vector<Setting> lying_settings();

}  // namespace extvold::small_world
