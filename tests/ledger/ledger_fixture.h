// What the tests of the ledger share: a directory that goes away, a ledger with its image in memory, valid
// random changes.
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ledger/ledger.h"

namespace extvold::ledger {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline constexpr WallTime kNow{1'700'000'000'000'000'000};

// The value, or a test failure with the error's text.
template <typename T>
T value_of(Result<T> result) {
  INFO((result ? std::string() : result.error().message));
  REQUIRE(result.has_value());
  return std::move(*result);
}
void require_ok(const Status& status);
template <typename T>
Error error_of(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error();
}

std::unique_ptr<Ledger> open_ledger(const std::string& path);
Batch make_batch(const Ledger& ledger, std::vector<Change> changes);
CommitInfo commit(Ledger& ledger, std::vector<Change> changes);
// Runs SQL as an operator's sqlite3 would, on a connection of its own. Answers rows, columns joined by '|'.
std::vector<std::string> sql_rows(const std::string& path, const std::string& sql);
// ... and on the ledger's own connection, past all code: for violations. Answers SQLite's result code.
int raw_sql(Ledger& ledger, const std::string& sql);
std::string findings_text(Ledger& ledger, CheckDepth depth);

Volume sample_volume(std::int64_t id);
Host sample_host(std::int64_t id);
Attachment sample_attachment(std::int64_t volume, std::int64_t host, AttachmentState state,
                             std::int64_t counter);
Claim sample_claim(std::int64_t id, std::int64_t volume, std::int64_t host);
Operation sample_operation(const std::string& id, OperationKind kind, std::int64_t volume, std::int64_t host,
                           std::int64_t counter);
Fence sample_fence(std::int64_t id, FenceState state, std::int64_t host, const std::string& target);
Evidence sample_evidence(std::int64_t id, EvidenceKind kind, std::int64_t volume, std::int64_t host,
                         std::int64_t counter);
Counters sample_counters();  // above everything that the samples use
// Two hosts, two volumes, an attachment with its operation and claim, history: passes every check.
std::vector<Change> sample_state();

// One random change that is possible in `state`; the same seed and state, the same change. nullopt: none of
// that kind is.
struct ChangeSeed {
  int kind = 0;  // below kChangeKinds
  std::uint64_t bits = 0;
};
inline constexpr int kChangeKinds = 28;
std::optional<Change> make_change(const ChangeSeed& seed, const Snapshot& state);

// A copy by way of the changes that made it is not at hand, so: the snapshot that `batches` make, from
// nothing.
Snapshot fold(const LedgerIdentity& ledger, const std::vector<Batch>& batches, std::size_t count);

}  // namespace extvold::ledger
