#include "ledger/files.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace extvold::ledger {
namespace {

Errc errc_of(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::permission;
    case ENOENT:
    case ENOTDIR:
      return Errc::not_found;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
      return Errc::exhausted;
    default:
      return Errc::unavailable;
  }
}

tl::unexpected<Error> system_error(std::string_view what, const std::string& path) {
  const int error = errno;
  return fail(errc_of(error), "{} {}: {}", what, path, std::strerror(error));
}

Status write_at(int fd, std::string_view text, off_t offset, const std::string& path) {
  while (!text.empty()) {
    const ssize_t n = ::pwrite(fd, text.data(), text.size(), offset);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error("cannot write", path);
    text.remove_prefix(static_cast<std::size_t>(n));
    offset += n;
  }
  return {};
}

Result<std::string> read_start(int fd, const std::string& path) {
  std::array<char, 1024> buffer{};
  const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), 0);
  if (n < 0) return system_error("cannot read", path);
  return std::string(buffer.data(), static_cast<std::size_t>(n));
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.fd_;
    other.fd_ = -1;
  }
  return *this;
}

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string high_water_path(const std::string& ledger_path) { return ledger_path + ".high-water"; }
std::string lock_path(const std::string& ledger_path) { return ledger_path + ".lock"; }

bool file_exists(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0;
}

std::string free_name(const std::string& wanted) {
  std::string name = wanted;
  for (int n = 2; file_exists(name); ++n) name = fmt::format("{}.{}", wanted, n);
  return name;
}

Result<FileIdentity> identify(const std::string& path) {
  struct statx found {};
  if (::statx(AT_FDCWD, path.c_str(), 0, STATX_INO | STATX_BTIME, &found) != 0)
    return system_error("cannot look at", path);
  FileIdentity out{.inode = found.stx_ino, .born_ns = 0};
  if ((found.stx_mask & STATX_BTIME) != 0)
    out.born_ns = found.stx_btime.tv_sec * 1'000'000'000 + found.stx_btime.tv_nsec;
  return out;
}

Result<std::string> resolve(const std::string& path) {
  constexpr int kLinksMax = 40;  // as the kernel
  std::error_code error;
  std::filesystem::path whole = std::filesystem::absolute(path, error);
  // A link to the database is followed, so that the lock lies beside the database itself.
  for (int links = 0; links < kLinksMax && std::filesystem::is_symlink(whole, error); ++links) {
    const auto target = std::filesystem::read_symlink(whole, error);
    if (error) break;
    whole = whole.parent_path() / target;  // an absolute one replaces all
  }
  const auto directory = std::filesystem::canonical(whole.parent_path(), error);
  if (error) {
    const bool missing = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
    return fail(missing ? Errc::not_found : Errc::permission,
                "ledger {}: its directory {} cannot be used: {}; create it, owned by the user that extvold "
                "runs as, or change "
                "the ledger's path in the configuration",
                path, whole.parent_path().string(), error.message());
  }
  return (directory / whole.filename()).string();
}

Status sync_file(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return system_error("cannot sync", path);
  return {};
}

Status sync_directory_of(const std::string& path) {
  return sync_file(std::filesystem::path(path).parent_path().string());
}

bool is_still(const UniqueFd& fd, const std::string& path) {
  struct stat held {};
  struct stat named {};
  return ::fstat(fd.get(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
         held.st_ino == named.st_ino;
}

namespace {

tl::unexpected<Error> held_by_another(const std::string& pid, const std::string& ledger_path) {
  return fail(Errc::busy, "another extvold (pid {}) holds the ledger {}: stop it, or ask it with the CLI",
              pid, ledger_path);
}

}  // namespace

Result<UniqueFd> take_lock(const std::string& ledger_path) {
  const std::string path = lock_path(ledger_path);
  for (;;) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
    if (!fd) {
      auto error = system_error("ledger: cannot open its lock", path);
      error.value().message += "; the directory must be writable for the user that extvold runs as";
      return error;
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return system_error("ledger: cannot lock", path);
      ASSIGN(const std::string holder, read_start(fd.get(), path));
      return held_by_another(holder.substr(0, holder.find('\n')), ledger_path);
    }
    if (!is_still(fd, path)) continue;  // removed between the two: the next one to come makes another
    const std::string pid = fmt::format("{}\n", ::getpid());
    if (::ftruncate(fd.get(), 0) != 0) return system_error("cannot write", path);
    TRY(write_at(fd.get(), pid, 0, path));
    return fd;
  }
}

Result<std::optional<UniqueFd>> take_database_lock(const std::string& ledger_path) {
  UniqueFd fd(::open(ledger_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return system_error("ledger: cannot open", ledger_path);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional<UniqueFd>(std::move(fd));
  if (errno == EWOULDBLOCK)
    return held_by_another("unknown: by another name, or its lock file was removed", ledger_path);
  return std::optional<UniqueFd>();  // where a lock needs the right to write: the lock file's must do
}

// ---- The mark: fixed columns, so that a sequence is written over the old one.
// ----------------------------------------------------

namespace {

constexpr std::string_view kTitle =
    "extvold high-water mark 1: how far the ledger beside this file has got; never edit or copy it\n";
constexpr std::string_view kSequenceLabel = "\nsequence ";
constexpr std::size_t kIdSize = 32;
constexpr std::size_t kNumberSize = 20;

std::string format_mark(const HighWaterMark& mark) {
  EXTVOLD_CHECK(mark.ledger_id.size() == kIdSize);
  return fmt::format("{}ledger {}\nincarnation {:020}{}{:020}\nfile {:020} {:020}\n", kTitle, mark.ledger_id,
                     mark.incarnation, kSequenceLabel, mark.sequence.value, mark.file.inode,
                     mark.file.born_ns);
}

constexpr off_t kSequenceOffset =
    static_cast<off_t>(kTitle.size() + std::string_view("ledger \nincarnation ").size() + kIdSize +
                       kNumberSize + kSequenceLabel.size());

class MarkParser {
 public:
  explicit MarkParser(std::string_view text) : rest_(text) {}
  bool skip(std::string_view word) {
    ok_ = ok_ && rest_.substr(0, word.size()) == word;
    if (ok_) rest_.remove_prefix(word.size());
    return ok_;
  }
  std::string_view take(std::size_t size) {
    ok_ = ok_ && rest_.size() >= size;
    if (!ok_) return {};
    const std::string_view out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  std::uint64_t number() {
    std::uint64_t out = 0;
    for (const char c : take(kNumberSize)) {
      ok_ = ok_ && c >= '0' && c <= '9';
      out = out * 10 + static_cast<std::uint64_t>(c - '0');
    }
    return out;
  }
  bool done() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

std::optional<HighWaterMark> parse_mark(std::string_view text) {
  MarkParser parser(text);
  HighWaterMark mark;
  parser.skip(kTitle);
  parser.skip("ledger ");
  mark.ledger_id = parser.take(kIdSize);
  parser.skip("\nincarnation ");
  mark.incarnation = static_cast<std::int64_t>(parser.number());
  parser.skip(kSequenceLabel);
  mark.sequence.value = static_cast<std::int64_t>(parser.number());
  parser.skip("\nfile ");
  mark.file.inode = parser.number();
  parser.skip(" ");
  mark.file.born_ns = static_cast<std::int64_t>(parser.number());
  parser.skip("\n");
  if (!parser.done()) return std::nullopt;
  return mark;
}

}  // namespace

Result<std::optional<HighWaterMark>> HighWaterFile::read(const std::string& ledger_path) {
  const std::string path = high_water_path(ledger_path);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::optional<HighWaterMark>();
  if (!fd) return system_error("cannot open", path);
  ASSIGN(const std::string text, read_start(fd.get(), path));
  const auto mark = parse_mark(text);
  if (!mark) {
    return fail(
        Errc::corrupt,
        "{} is not the high-water mark that it should be: without it nobody can tell whether {} is an old "
        "copy; put the ledger back with `extvold ledger restore FILE`, which makes a new mark",
        path, ledger_path);
  }
  return mark;
}

Result<HighWaterFile> HighWaterFile::write(const std::string& ledger_path, const HighWaterMark& mark) {
  const std::string path = high_water_path(ledger_path);
  const std::string fresh = path + ".new";
  HighWaterFile out;
  out.fd_ = UniqueFd(::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640));
  if (!out.fd_) return system_error("cannot create", fresh);
  TRY(write_at(out.fd_.get(), format_mark(mark), 0, fresh));
  if (::fsync(out.fd_.get()) != 0) return system_error("cannot sync", fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return system_error("cannot rename into place", fresh);
  TRY(sync_directory_of(path));
  return out;
}

Result<HighWaterFile> HighWaterFile::open(const std::string& ledger_path) {
  const std::string path = high_water_path(ledger_path);
  HighWaterFile out;
  out.fd_ = UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!out.fd_) return system_error("cannot open", path);
  return out;
}

Status HighWaterFile::note(Sequence sequence) {
  if (!fd_) return {};
  std::array<char, kNumberSize> digits{};
  std::uint64_t left = static_cast<std::uint64_t>(sequence.value);
  for (auto digit = digits.rbegin(); digit != digits.rend(); ++digit, left /= 10)
    *digit = static_cast<char>('0' + left % 10);
  return write_at(fd_.get(), std::string_view(digits.data(), digits.size()), kSequenceOffset,
                  "the ledger's high-water mark");
}

}  // namespace extvold::ledger
