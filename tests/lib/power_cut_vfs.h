// PowerCutVfs: an SQLite VFS in memory that knows which bytes were synced, loses power at a chosen call, and
// fails calls.
//
// One thread, any number of connections one after another (locks are not kept). Files live as long as the
// object. Every write, truncation and sync counts as one call. What a power cut leaves follows SQLite's own
// crash tests: each byte is the durable one, or that of a later write that happened to reach the disk. A
// deletion is durable at once. Randomness and time are the object's, so a run repeats itself.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace extvold::tests {

class PowerCutVfs {
 public:
  enum class Survival {
    nothing,     // only what was synced
    some,        // of what was not synced: any set of 512-byte pieces
    torn_tail,   // of what was not synced: the first so many writes, and a part of the next
    everything,  // the page cache was written out in time
  };
  enum class Fault { disk_full, write_error, sync_error };

  explicit PowerCutVfs(std::uint64_t seed);
  ~PowerCutVfs();
  PowerCutVfs(const PowerCutVfs&) = delete;
  PowerCutVfs& operator=(const PowerCutVfs&) = delete;

  const std::string& name() const { return name_; }  // for OpenOptions::vfs

  // A log that grows to so many bytes before it is copied back: growing step by step costs a long run more
  // than all that is written to it.
  void expect_log_of(std::size_t bytes) { log_room_ = bytes; }

  std::int64_t calls() const { return calls_; }
  std::int64_t syncs() const { return syncs_; }  // of the calls
  bool fault_hit() const { return fault_hit_; }

  // The power goes at the `call`-th call from now (1: the next); that one and all later ones fail.
  void cut_at(std::int64_t call);
  // ... at the `sync`-th sync from now, when everything of a commit is written and nothing of it is promised.
  void cut_at_sync(std::int64_t sync);
  // The `call`-th call from now that this fault fits (disk_full, write_error: a write; sync_error: a sync)
  // fails once.
  void fail_at(std::int64_t call, Fault fault);
  // The machine comes up again: files hold what survived. Every connection must be closed.
  void power_on(Survival how);

  bool dark() const { return dark_; }  // the power is off

  // One file's present bytes, for tests that damage them.
  std::vector<unsigned char>& bytes(const std::string& path);
  // Whole files, past SQLite: copies made while nobody writes, and what is put in their place, durable at
  // once. No bytes: there is no such file.
  std::vector<unsigned char> read_file(const std::string& path) const;
  void put_file(const std::string& path, std::vector<unsigned char> bytes);

 private:
  struct Change {
    bool truncation = false;
    std::int64_t offset = 0;  // of a truncation: the new size
    std::vector<unsigned char> data;
  };
  struct File {
    std::vector<unsigned char> current;
    std::vector<unsigned char> durable;
    std::vector<Change> pending;                           // since the newest sync, in order
    std::vector<std::unique_ptr<unsigned char[]>> shared;  // regions of a -shm
  };
  struct Handle {  // what SQLite holds
    sqlite3_file base;
    PowerCutVfs* vfs;
    File* file;
  };

  static PowerCutVfs& of(sqlite3_vfs* vfs) { return *static_cast<PowerCutVfs*>(vfs->pAppData); }
  static Handle& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
  static void put(std::vector<unsigned char>& bytes, std::int64_t offset, const unsigned char* data,
                  std::size_t size);
  static void apply(std::vector<unsigned char>& bytes, const Change& change);
  static const sqlite3_io_methods& methods();

  int count_call(bool sync);  // SQLITE_OK, or what the call is to answer
  void survive(File& file, Survival how);

  std::string name_;
  sqlite3_vfs vfs_{};
  std::map<std::string, std::unique_ptr<File>> files_;
  std::mt19937_64 random_;
  std::int64_t calls_ = 0;
  std::int64_t syncs_ = 0;
  std::size_t log_room_ = 0;
  std::int64_t cut_at_ = -1;       // calls_ at which the power goes
  std::int64_t cut_at_sync_ = -1;  // or syncs_
  std::int64_t fault_in_ = -1;     // calls that fit until it strikes
  Fault fault_ = Fault::disk_full;
  bool fault_hit_ = false;
  bool dark_ = false;

  // The C interface.
  static int x_open(sqlite3_vfs*, const char*, sqlite3_file*, int, int*);
  static int x_delete(sqlite3_vfs*, const char*, int);
  static int x_access(sqlite3_vfs*, const char*, int, int*);
  static int x_full_pathname(sqlite3_vfs*, const char*, int, char*);
  static int x_randomness(sqlite3_vfs*, int, char*);
  static int x_sleep(sqlite3_vfs*, int);
  static int x_current_time(sqlite3_vfs*, double*);
  static int x_current_time_int64(sqlite3_vfs*, sqlite3_int64*);
  static int x_last_error(sqlite3_vfs*, int, char*);
  static int x_close(sqlite3_file*);
  static int x_read(sqlite3_file*, void*, int, sqlite3_int64);
  static int x_write(sqlite3_file*, const void*, int, sqlite3_int64);
  static int x_truncate(sqlite3_file*, sqlite3_int64);
  static int x_sync(sqlite3_file*, int);
  static int x_file_size(sqlite3_file*, sqlite3_int64*);
  static int x_lock(sqlite3_file*, int);
  static int x_check_reserved(sqlite3_file*, int*);
  static int x_file_control(sqlite3_file*, int, void*);
  static int x_sector_size(sqlite3_file*);
  static int x_device_characteristics(sqlite3_file*);
  static int x_shm_map(sqlite3_file*, int, int, int, void volatile**);
  static int x_shm_lock(sqlite3_file*, int, int, int);
  static void x_shm_barrier(sqlite3_file*);
  static int x_shm_unmap(sqlite3_file*, int);
};

}  // namespace extvold::tests
