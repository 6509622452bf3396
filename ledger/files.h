// What the ledger keeps beside its database: a lock against a second writer and a mark against the past.
//
// Plain file handling, any thread, no SQLite. The lock file is <ledger>.lock, the mark <ledger>.high-water.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/check.h"
#include "model/ids.h"
#include "model/result.h"

namespace extvold::ledger {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// Which file this is, whatever it is called: a copy is another one, a renamed file the same one.
struct FileIdentity {
  std::uint64_t inode = 0;
  std::int64_t born_ns = 0;  // 0: the filesystem does not tell
  bool operator==(const FileIdentity&) const = default;
};
Result<FileIdentity> identify(const std::string& path);

bool file_exists(const std::string& path);
std::string free_name(const std::string& wanted);  // `wanted`, or with .2, .3, ... what is not there yet
// The path with its directory and links resolved, also a link to what is not there yet, so that one ledger
// has one lock under all its names. not_found: no such directory.
Result<std::string> resolve(const std::string& path);
Status sync_file(const std::string& path);
Status sync_directory_of(const std::string& path);

// Held until destroyed; the file stays. busy: another process holds it; the message names that process.
Result<UniqueFd> take_lock(const std::string& ledger_path);
// The same on the database itself, which has one lock under hard links too and does not go by an `rm` that
// takes the lock file. The file must be there. SQLite's own locks go when a process closes any descriptor of
// the file: let go of this only after the connection is closed. nullopt: the filesystem has no such locks.
Result<std::optional<UniqueFd>> take_database_lock(const std::string& ledger_path);
// That the path still leads to the file behind the descriptor: nobody removed or replaced it.
bool is_still(const UniqueFd& fd, const std::string& path);

// How far the ledger of this path has got, kept outside of it: a database that is behind its mark is an old
// copy.
struct HighWaterMark {
  std::string ledger_id;
  std::int64_t incarnation = 0;
  Sequence sequence;
  FileIdentity file;
  bool operator==(const HighWaterMark&) const = default;
};

class HighWaterFile {
 public:
  HighWaterFile() = default;
  // nullopt: no mark there. corrupt: a file that is not a mark.
  static Result<std::optional<HighWaterMark>> read(const std::string& ledger_path);
  // Replaces the mark, durably, and keeps the file open for note().
  static Result<HighWaterFile> write(const std::string& ledger_path, const HighWaterMark& mark);
  // Keeps the present mark's file open for note().
  static Result<HighWaterFile> open(const std::string& ledger_path);

  // A newer sequence, not synced: the mark must never be ahead of the database after a power cut, behind does
  // no harm.
  Status note(Sequence sequence);

 private:
  UniqueFd fd_;
};

std::string high_water_path(const std::string& ledger_path);
std::string lock_path(const std::string& ledger_path);

}  // namespace extvold::ledger
