// Rows as a large cluster makes them, for the ledger's benchmarks: realistic lengths, the same in every run.
#pragma once

#include <cstddef>
#include <vector>

#include "model/change.h"

namespace extvold::bench {

std::vector<Change> host_rows(std::size_t hosts);  // hosts and their agents
Volume volume_row(std::size_t n);
Attachment attachment_row(std::size_t n, std::size_t hosts);
TaskRow task_row(std::size_t n, std::size_t hosts);
Claim claim_row(std::size_t n, std::size_t hosts);  // of task n on volume n
TaskStateChange task_update(std::size_t n, TaskState state);
ClaimStateChange claim_update(std::size_t n, TaskState state);

}  // namespace extvold::bench
