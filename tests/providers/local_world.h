// LocalWorld: a local provider on a temporary folder, with two pools (hdd, ssd) and two hosts (a1, a2), and
// its helper as a real process. Whatever a test leaves (loop devices, mounts, files) is removed by a guardian
// process, also if the test is killed.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "providers/local/local_provider.h"
#include "tests/lib/forking_process_runner.h"
#include "tests/lib/guardian.h"

namespace extvold::tests {

// True, after saying so loudly, if this test cannot run because we are not root.
bool lacks_root(const char* why);

class LocalWorld {
 public:
  // disk: below /tmp. memory: below /dev/shm, where fsync costs nothing.
  enum class Where { disk, memory };
  explicit LocalWorld(Where where = Where::disk);
  ~LocalWorld();
  LocalWorld(const LocalWorld&) = delete;
  LocalWorld& operator=(const LocalWorld&) = delete;

  // The provider, new, from `config`.
  void restart();

  OperationResult execute(const OperationCall& call);
  // A fence of this volume's attachment of `generation` on `host`.
  FenceCall fence_call(FenceAct act, const Volume& volume, const std::string& host,
                       const std::string& key = "fence-1", Generation generation = {1, 2}) const;
  FenceResult fence(const FenceCall& call);
  ProviderObservation observe(const std::string& key = "");
  // The one volume of a direct inspect, which must be complete.
  ObservedVolume inspect(const Volume& volume);

  Volume volume(const std::string& key, std::int64_t size_mb = 16,
                Filesystem filesystem = Filesystem::ext4) const;
  OperationCall call(OperationKind kind, const Volume& volume, const std::string& host = "") const;
  // Made, formatted on a1 and detached; `format` is then `formatted`.
  Volume formatted(const std::string& key, std::int64_t size_mb = 16,
                   Filesystem filesystem = Filesystem::ext4);

  std::string image(const Volume& volume) const;
  std::string sidecar(const Volume& volume) const;
  std::string record(const Volume& volume, const std::string& host) const;
  std::string lock(const Volume& volume) const;
  std::string marks(const Volume& volume) const;
  // How many loop devices are on files of this world.
  std::size_t loops() const;

  std::string dir;
  providers::local::LocalConfig config;
  ForkingProcessRunner runner;
  std::unique_ptr<providers::local::LocalProvider> provider;

 private:
  std::optional<Guardian> guardian_;
};

void write_text(const std::string& path, std::string_view text);
std::string read_text(const std::string& path);
bool exists(const std::string& path);
// Exit status of a program found by its absolute path.
int run_program(const std::vector<std::string>& argv);

// A loop device made by hand, as an operator's losetup would; its name.
std::string losetup(const std::string& image);
// As `losetup -d` does: of one that is in use the kernel answers 0, and it stays.
void clear_loop(const std::string& device);

}  // namespace extvold::tests
