// Strong identifiers. Values; ordered; printable. Mesos' ids are texts and die with what they name; ours are
// numbers that the ledger hands out once and never again (generation.h says what a generation adds).
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "model/shared_text.h"

namespace extvold {

template <typename Tag, typename Text = std::string>
struct TextId {
  Text value;

  TextId() = default;
  explicit TextId(Text text) : value(std::move(text)) {}
  explicit TextId(std::string_view text) : value(text) {}
  explicit TextId(const char* text) : value(std::string_view(text)) {}
  bool empty() const { return value.empty(); }
  auto operator<=>(const TextId&) const = default;
};

template <typename Tag>
struct NumberId {
  std::int64_t value = 0;  // 0: none

  explicit operator bool() const { return value != 0; }
  auto operator<=>(const NumberId&) const = default;
};

// Those that every row of a large cluster repeats share their text.
using AgentId = TextId<struct AgentTag, SharedText>;  // Mesos' id of an agent; dies, a host outlives it
using FrameworkId = TextId<struct FrameworkTag, SharedText>;  // Mesos' id of a framework
using TaskId = TextId<struct TaskTag>;            // unique only within a framework, and not over time
using ExecutorId = TextId<struct ExecutorTag>;    // unique within (framework, agent)
using ContainerId = TextId<struct ContainerTag>;  // the root container unless said otherwise
using OperationId =
    TextId<struct OperationTag>;  // derived, see operation_id(); the provider's idempotency key
using ProviderName = TextId<struct ProviderTag>;  // type~instance, as in "local~laptop"

using HostId = NumberId<struct HostTag>;
using VolumeId = NumberId<struct VolumeTag>;
using ClaimId = NumberId<struct ClaimTag>;
using EvidenceId = NumberId<struct EvidenceTag>;
using FenceId = NumberId<struct FenceTag>;

// Position of a commit in the ledger. Every committed batch has the next one.
struct Sequence {
  std::int64_t value = 0;
  auto operator<=>(const Sequence&) const = default;
};

// (incarnation of the ledger, counter): never returns, also not after a restored backup. Text: "3.17".
struct Generation {
  std::int64_t incarnation = 0;
  std::int64_t counter = 0;
  auto operator<=>(const Generation&) const = default;
  explicit operator bool() const { return counter != 0; }
};

std::string to_text(Generation generation);

// `prefix` + 26 characters of base32 made from `text`: equal input, equal name, on every machine and in every
// run.
std::string derived_name(std::string_view prefix, std::string_view text);

}  // namespace extvold
