// Small files that must be whole after a crash, and errno as an Error. Blocking; used in helper processes
// only.
#pragma once

#include <sys/types.h>

#include <cerrno>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/fd.h"
#include "model/result.h"

namespace extvold::host {

// What a file is, whatever it is called: stat(2)'s device and inode.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

Errc errc_of_errno(int error);

// "what: No space left on device", with the remedy where errno alone tells one (no root, no space).
tl::unexpected<Error> fail_errno(std::string_view what, int error = errno);

// The whole file. More than `bytes_max` is Errc::invalid: what we write is small, so that is not ours.
Result<std::string> read_file(const std::string& path, std::size_t bytes_max = 64U << 10U);

// Missing file: nullopt.
Result<std::optional<std::string>> read_file_if_there(const std::string& path,
                                                      std::size_t bytes_max = 64U << 10U);

// A write that a crash cannot halve: temporary file beside it (".NAME.tmp"), fsync, rename, fsync of the
// folder. The folder must exist. After a failure the old file is as it was.
Status write_durably(const std::string& path, std::string_view text);

// unlink and fsync of the folder. True: it was there.
Result<bool> unlink_durably(const std::string& path);

Status sync_folder(const std::string& path);

// Names in the folder that do not begin with a dot, sorted.
Result<std::vector<std::string>> list_folder(const std::string& path);

Result<FileIdentity> identity_of(int fd, std::string_view path);

// A name that is one component of a path and stays printable: not empty, no slash, no backslash, no control
// characters, not hidden.
bool is_plain_name(std::string_view name);

// Any name, printable: two different names stay different, a plain one stays as it is.
// "a\xff" for a byte that is none of ASCII's printable ones, and for a backslash.
std::string printable_name(std::string_view name);

// flock(LOCK_EX) without waiting; Errc::busy names the path.
Status lock_exclusively(int fd, std::string_view path);

// Every byte, or an error: a short read is one too.
Status read_exactly(int fd, char* buffer, std::size_t size, off_t offset, std::string_view path);

}  // namespace extvold::host
