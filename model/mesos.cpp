#include "model/mesos.h"

namespace extvold {

bool is_terminal(TaskState state) {
  switch (state) {
    case TaskState::task_finished:
    case TaskState::task_failed:
    case TaskState::task_killed:
    case TaskState::task_error:
    case TaskState::task_lost:
    case TaskState::task_dropped:
    case TaskState::task_gone:
    case TaskState::task_gone_by_operator:
      return true;
    case TaskState::task_staging:
    case TaskState::task_starting:
    case TaskState::task_running:
    case TaskState::task_killing:
    case TaskState::task_unreachable:
    case TaskState::task_unknown:
    case TaskState::task_other:
      return false;
  }
  return false;
}

}  // namespace extvold
