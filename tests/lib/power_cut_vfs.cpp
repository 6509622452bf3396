#include "tests/lib/power_cut_vfs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "model/check.h"

namespace extvold::tests {
namespace {

constexpr std::size_t kPiece = 512;
constexpr sqlite3_int64 kStart = 212'700'000'000'000;  // some day, in milliseconds of the Julian calendar

}  // namespace

PowerCutVfs::PowerCutVfs(std::uint64_t seed) : random_(seed) {
  static int instances = 0;
  name_ = fmt::format("power-cut-{}", ++instances);
  vfs_.iVersion = 2;
  vfs_.szOsFile = sizeof(Handle);
  vfs_.mxPathname = 512;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = x_open;
  vfs_.xDelete = x_delete;
  vfs_.xAccess = x_access;
  vfs_.xFullPathname = x_full_pathname;
  vfs_.xRandomness = x_randomness;
  vfs_.xSleep = x_sleep;
  vfs_.xCurrentTime = x_current_time;
  vfs_.xCurrentTimeInt64 = x_current_time_int64;
  vfs_.xGetLastError = x_last_error;
  EXTVOLD_CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

PowerCutVfs::~PowerCutVfs() { sqlite3_vfs_unregister(&vfs_); }

void PowerCutVfs::cut_at(std::int64_t call) { cut_at_ = calls_ + call; }

void PowerCutVfs::cut_at_sync(std::int64_t sync) { cut_at_sync_ = syncs_ + sync; }

void PowerCutVfs::fail_at(std::int64_t call, Fault fault) {
  fault_in_ = call;
  fault_ = fault;
  fault_hit_ = false;
}

int PowerCutVfs::count_call(bool sync) {
  if (dark_) return SQLITE_IOERR;
  ++calls_;
  if (sync) ++syncs_;
  if ((cut_at_ >= 0 && calls_ >= cut_at_) || (cut_at_sync_ >= 0 && syncs_ >= cut_at_sync_)) {
    dark_ = true;
    return SQLITE_IOERR;
  }
  if (fault_in_ < 0 || sync != (fault_ == Fault::sync_error) || --fault_in_ > 0) return SQLITE_OK;
  fault_in_ = -1;
  fault_hit_ = true;
  switch (fault_) {
    case Fault::disk_full:
      return SQLITE_FULL;
    case Fault::write_error:
      return SQLITE_IOERR_WRITE;
    case Fault::sync_error:
      return SQLITE_IOERR_FSYNC;
  }
  return SQLITE_IOERR;
}

void PowerCutVfs::put(std::vector<unsigned char>& bytes, std::int64_t offset, const unsigned char* data,
                      std::size_t size) {
  const auto at = static_cast<std::size_t>(offset);
  if (at == bytes.size()) return void(bytes.insert(bytes.end(), data, data + size));  // without zeroing it
  if (bytes.size() < at + size) bytes.resize(at + size);
  if (size > 0) std::memcpy(bytes.data() + at, data, size);
}

void PowerCutVfs::apply(std::vector<unsigned char>& bytes, const Change& change) {
  if (change.truncation) {
    bytes.resize(static_cast<std::size_t>(change.offset));
  } else {
    put(bytes, change.offset, change.data.data(), change.data.size());
  }
}

void PowerCutVfs::survive(File& file, Survival how) {
  const auto chance = [this](std::size_t n) { return n == 0 ? 0 : static_cast<std::size_t>(random_() % n); };
  switch (how) {
    case Survival::nothing:
      break;
    case Survival::everything:
      for (const Change& change : file.pending) apply(file.durable, change);
      break;
    case Survival::some:
      for (const Change& change : file.pending) {
        if (change.truncation) {
          if (chance(2) == 0) apply(file.durable, change);
          continue;
        }
        for (std::size_t from = 0; from < change.data.size(); from += kPiece) {
          const std::size_t size = std::min(kPiece, change.data.size() - from);
          if (chance(2) == 0)
            put(file.durable, change.offset + static_cast<std::int64_t>(from), change.data.data() + from,
                size);
        }
      }
      break;
    case Survival::torn_tail: {
      const std::size_t whole = chance(file.pending.size() + 1);
      for (std::size_t i = 0; i < whole; ++i) apply(file.durable, file.pending[i]);
      if (whole < file.pending.size() && !file.pending[whole].truncation) {
        const Change& torn = file.pending[whole];
        put(file.durable, torn.offset, torn.data.data(), chance(torn.data.size() + 1));
      }
      break;
    }
  }
}

void PowerCutVfs::power_on(Survival how) {
  for (auto& [path, file] : files_) {
    survive(*file, how);
    file->current = file->durable;
    file->pending.clear();
    file->shared.clear();
  }
  dark_ = false;
  cut_at_ = -1;
  cut_at_sync_ = -1;
  fault_in_ = -1;
}

std::vector<unsigned char>& PowerCutVfs::bytes(const std::string& path) { return files_.at(path)->current; }

std::vector<unsigned char> PowerCutVfs::read_file(const std::string& path) const {
  const auto found = files_.find(path);
  return found == files_.end() ? std::vector<unsigned char>{} : found->second->current;
}

void PowerCutVfs::put_file(const std::string& path, std::vector<unsigned char> bytes) {
  files_.erase(path);
  if (bytes.empty()) return;
  auto file = std::make_unique<File>();
  file->current = bytes;
  file->durable = std::move(bytes);
  files_[path] = std::move(file);
}

// ---- Files of the VFS.
// --------------------------------------------------------------------------------------------------------

const sqlite3_io_methods& PowerCutVfs::methods() {
  static const sqlite3_io_methods all = [] {
    sqlite3_io_methods m{};
    m.iVersion = 2;
    m.xClose = x_close;
    m.xRead = x_read;
    m.xWrite = x_write;
    m.xTruncate = x_truncate;
    m.xSync = x_sync;
    m.xFileSize = x_file_size;
    m.xLock = x_lock;
    m.xUnlock = x_lock;
    m.xCheckReservedLock = x_check_reserved;
    m.xFileControl = x_file_control;
    m.xSectorSize = x_sector_size;
    m.xDeviceCharacteristics = x_device_characteristics;
    m.xShmMap = x_shm_map;
    m.xShmLock = x_shm_lock;
    m.xShmBarrier = x_shm_barrier;
    m.xShmUnmap = x_shm_unmap;
    return m;
  }();
  return all;
}

int PowerCutVfs::x_open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  PowerCutVfs& self = of(vfs);
  Handle& handle = of(file);
  handle.base.pMethods = nullptr;
  const std::string name = path == nullptr ? fmt::format("temporary-{}", self.files_.size()) : path;
  if (self.files_.find(name) == self.files_.end()) {
    if ((flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
    if (self.dark_) return SQLITE_IOERR;
    self.files_[name] = std::make_unique<File>();
    const std::size_t room = std::string_view(name).ends_with("-wal") ? self.log_room_ : 0;
    self.files_[name]->current.reserve(room);
    self.files_[name]->durable.reserve(room);
  }
  handle.vfs = &self;
  handle.file = self.files_[name].get();
  handle.base.pMethods = &methods();
  if (flags_out != nullptr) *flags_out = flags;
  return SQLITE_OK;
}

int PowerCutVfs::x_delete(sqlite3_vfs* vfs, const char* path, int) {
  PowerCutVfs& self = of(vfs);
  if (self.dark_) return SQLITE_IOERR;
  return self.files_.erase(path) == 1 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

int PowerCutVfs::x_access(sqlite3_vfs* vfs, const char* path, int, int* out) {
  *out = of(vfs).files_.count(path) == 1 ? 1 : 0;
  return SQLITE_OK;
}

int PowerCutVfs::x_full_pathname(sqlite3_vfs*, const char* path, int size, char* out) {
  sqlite3_snprintf(size, out, "%s", path);
  return SQLITE_OK;
}

int PowerCutVfs::x_randomness(sqlite3_vfs* vfs, int size, char* out) {
  for (int i = 0; i < size; ++i) out[i] = static_cast<char>(of(vfs).random_() & 0xFF);
  return size;
}

int PowerCutVfs::x_sleep(sqlite3_vfs*, int microseconds) { return microseconds; }

int PowerCutVfs::x_current_time(sqlite3_vfs*, double* out) {
  *out = static_cast<double>(kStart) / 86'400'000.0;
  return SQLITE_OK;
}

int PowerCutVfs::x_current_time_int64(sqlite3_vfs*, sqlite3_int64* out) {
  *out = kStart;
  return SQLITE_OK;
}

int PowerCutVfs::x_last_error(sqlite3_vfs*, int, char*) { return 0; }

int PowerCutVfs::x_close(sqlite3_file*) { return SQLITE_OK; }

int PowerCutVfs::x_read(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  const Handle& handle = of(file);
  if (handle.vfs->dark_) return SQLITE_IOERR;
  const auto& bytes = handle.file->current;
  const auto at = static_cast<std::size_t>(offset);
  const std::size_t wanted = static_cast<std::size_t>(size);
  const std::size_t there = at >= bytes.size() ? 0 : std::min(wanted, bytes.size() - at);
  if (there > 0) std::memcpy(out, bytes.data() + at, there);
  if (there == wanted) return SQLITE_OK;
  std::memset(static_cast<unsigned char*>(out) + there, 0, wanted - there);
  return SQLITE_IOERR_SHORT_READ;
}

int PowerCutVfs::x_write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  Handle& handle = of(file);
  const auto* const bytes = static_cast<const unsigned char*>(data);
  if (handle.vfs->dark_) return SQLITE_IOERR;
  const int answer = handle.vfs->count_call(false);
  // A write that fails, or at which the power goes, may have been done in part.
  const std::size_t done = answer == SQLITE_OK ? static_cast<std::size_t>(size)
                                               : handle.vfs->random_() % (static_cast<std::size_t>(size) + 1);
  put(handle.file->current, offset, bytes, done);
  handle.file->pending.push_back({false, offset, {bytes, bytes + done}});
  return answer;
}

int PowerCutVfs::x_truncate(sqlite3_file* file, sqlite3_int64 size) {
  Handle& handle = of(file);
  if (const int answer = handle.vfs->count_call(false); answer != SQLITE_OK) return answer;
  handle.file->current.resize(static_cast<std::size_t>(size));
  handle.file->pending.push_back({true, size, {}});
  return SQLITE_OK;
}

int PowerCutVfs::x_sync(sqlite3_file* file, int) {
  Handle& handle = of(file);
  if (const int answer = handle.vfs->count_call(true); answer != SQLITE_OK) return answer;
  for (const Change& change : handle.file->pending) apply(handle.file->durable, change);
  handle.file->pending.clear();
  return SQLITE_OK;
}

int PowerCutVfs::x_file_size(sqlite3_file* file, sqlite3_int64* out) {
  *out = static_cast<sqlite3_int64>(of(file).file->current.size());
  return SQLITE_OK;
}

int PowerCutVfs::x_lock(sqlite3_file*, int) { return SQLITE_OK; }

int PowerCutVfs::x_check_reserved(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}

int PowerCutVfs::x_file_control(sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; }

int PowerCutVfs::x_sector_size(sqlite3_file*) { return static_cast<int>(kPiece); }

// As the system's VFS on Linux says: a write does not harm the bytes beside it.
int PowerCutVfs::x_device_characteristics(sqlite3_file*) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

int PowerCutVfs::x_shm_map(sqlite3_file* file, int region, int size, int extend, void volatile** out) {
  File& data = *of(file).file;
  *out = nullptr;
  while (data.shared.size() <= static_cast<std::size_t>(region)) {
    if (extend == 0) return SQLITE_OK;
    data.shared.push_back(std::make_unique<unsigned char[]>(static_cast<std::size_t>(size)));  // zeroed
  }
  *out = data.shared[static_cast<std::size_t>(region)].get();
  return SQLITE_OK;
}

int PowerCutVfs::x_shm_lock(sqlite3_file*, int, int, int) { return SQLITE_OK; }

void PowerCutVfs::x_shm_barrier(sqlite3_file*) {}

int PowerCutVfs::x_shm_unmap(sqlite3_file* file, int remove) {
  if (remove != 0) of(file).file->shared.clear();
  return SQLITE_OK;
}

}  // namespace extvold::tests
