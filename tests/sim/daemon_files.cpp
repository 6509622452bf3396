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

void Daemon::begin_incarnation() {
  ledger::OpenOptions options;
  options.now = world_.time.wall();
  options.vfs = disk_.name();
  options.guarded = false;
  auto opened = ledger::Ledger::open(path_, options);
  if (!opened) return world_.oracle.fail("restore", opened.error().message);
  incarnations_ = std::max(incarnations_, (*opened)->identity().incarnation) + 1;
  const Status begun =
      (*opened)->begin_incarnation(incarnations_, "ledger.restored", "the ledger was restored");
  if (!begun) world_.oracle.fail("restore", begun.error().message);
}

void Daemon::restore() {
  world_.note("ledger.restored", number_);
  world_.probes.hit(Probe::ledger_was_restored);
  put_files(backup_);
  begin_incarnation();
  come_back(seconds(20));
}

void Daemon::take_ledger_of(const Daemon& other) {
  world_.note("ledger.copied", other.number_, number_);
  state_ = DaemonState::off;
  put_files({other.disk_.read_file(other.path_), other.disk_.read_file(other.path_ + "-wal")});
  incarnations_ = std::max(incarnations_, other.incarnations_);
  begin_incarnation();
}

void Daemon::lose_ledger() {
  world_.note("ledger.lost", number_);
  world_.probes.hit(Probe::ledger_was_lost);
  put_files({});
  come_back(seconds(30));
}

void Daemon::fail_next_write(tests::PowerCutVfs::Fault fault) { disk_.fail_at(1, fault); }

}  // namespace extvold::sim
