// Its ledger's files: backups, restores, copies, losses.
//
// Ledger::restore() works on the system's files, and its high-water mark lies beside them. What it does to
// the ledger is done here with the same statements (sql/queries), what the mark would know is remembered
// here.
#include <algorithm>
#include <array>
#include <string_view>

#include "tests/sim/daemon.h"
#include "tests/sim/world.h"

namespace extvold::sim {

void Daemon::back_up() {
  if (ledger_ == nullptr) return;
  world_.note("ledger.backup", number_);
  backup_ = {disk_.read_file(path_), disk_.read_file(path_ + "-wal")};
}

void Daemon::put_files(const Backup& files) {
  close();
  disk_.put_file(path_, files.database);
  disk_.put_file(path_ + "-wal", files.wal);
}

void Daemon::put_ledger(const Backup& files) {
  put_files(files);
  Status begun = begin_incarnation();
  if (!begun) {  // whoever restores sees to the machine that failed him, and does it again
    if (disk_.dark()) disk_.power_on(tests::PowerCutVfs::Survival::everything);
    disk_.fail_at(-1, tests::PowerCutVfs::Fault::write_error);
    put_files(files);
    begun = begin_incarnation();
  }
  if (!begun) world_.oracle.fail("restore", begun.error().message);
}

Status Daemon::begin_incarnation() {
  ledger::OpenOptions options;
  options.now = world_.time.wall();
  options.vfs = disk_.name();
  options.guarded = false;
  auto opened = ledger::Ledger::open(path_, options);
  if (!opened) return tl::make_unexpected(opened.error());
  incarnations_ = std::max(incarnations_, (*opened)->identity().incarnation) + 1;
  return (*opened)->begin_incarnation(incarnations_, "ledger.restored", "the ledger was restored");
}

void Daemon::restore() {
  world_.note("ledger.restored", number_);
  world_.probes.hit(Probe::ledger_was_restored);
  put_ledger(backup_);
  come_back(seconds(20));
}

void Daemon::take_ledger_of(const Daemon& other) {
  world_.note("ledger.copied", other.number_, number_);
  world_.oracle.ledger_copied(other.number_, number_);
  state_ = DaemonState::off;
  incarnations_ = std::max(incarnations_, other.incarnations_);
  put_ledger({other.disk_.read_file(other.path_), other.disk_.read_file(other.path_ + "-wal")});
}

void Daemon::lose_ledger() {
  world_.note("ledger.lost", number_);
  world_.probes.hit(Probe::ledger_was_lost);
  put_files({});
  come_back(seconds(30));
}

void Daemon::fail_next_write(tests::PowerCutVfs::Fault fault) { disk_.fail_at(1, fault); }

}  // namespace extvold::sim
