// RexrayCli: the program `rexray` on this host, in whichever of its four dialects it speaks (commands.h).
//
// Loop thread only, as Storage; `ports` must outlive it, and it must outlive its calls. Started without a
// shell. It keeps which dialect the program speaks, once it was asked; nothing else. What is relied upon was
// read in the sources of the tags and recorded from a 0.12:
//
// - Its exit status proves nothing: a command or a flag that it does not know prints its usage and ends with
//   0. So success is only what was said, and RexrayProvider looks afterwards.
// - From 0.6 on a word means whatever volume has it as its id or name, or as the beginning of one, without
//   case: a volume whose id or name begins with the id that is meant would be changed along with it, or
//   instead of it; so that is refused (Errc::conflict) by the look before. There, too, `/…/` would be an
//   expression.
// - "no volumes found" also means: filtered out, because attached elsewhere, already, or not at all.
// - 0.4 and 0.5 list no attachments but this host's. Single writers then rest on the ledger alone, which the
//   capabilities have to say before the program is ever started: so `dialect = 3` has to be configured, and
//   until it is, looks are not whole.
// - A child that outlives its deadline keeps the lock of its volume, and nothing else is started for it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "providers/rexray/commands.h"
#include "providers/rexray/ports.h"
#include "providers/rexray/rexray_config.h"
#include "providers/rexray/storage.h"

namespace extvold::providers::rexray {

// What one list, and in dialect 3 one map, printed. Pure functions.
Result<StorageList> read_cli_list(const CliVersion& version, std::string_view text);

class RexrayCli final : public Storage {
 public:
  // `config` has passed check_rexray_config() and must outlive this.
  RexrayCli(const RexrayConfig& config, RexrayPorts ports);

  void list(Duration deadline, std::function<void(Result<StorageList>)> done) override;
  void find(std::string id, Duration deadline,
            std::function<void(Result<std::optional<StorageVolume>>)> done) override;
  void create(NewVolume volume, Duration deadline, std::function<void(Status)> done) override;
  // `host` is this one: RexrayProvider has seen to that.
  void attach(std::string id, std::string host, Duration deadline, std::function<void(Status)> done) override;
  void detach(std::string id, std::string host, Duration deadline, std::function<void(Status)> done) override;
  void remove(std::string id, Duration deadline, std::function<void(Status)> done) override;

 private:
  using WordsOf = std::function<Words(const CliVersion&)>;

  // One start of the program, without `--config` and the like. Errors: those of environment_file.
  Result<ProcessRequest> bare_request(Words words, Duration deadline) const;
  Result<ProcessRequest> process_request(const CliVersion& version, Words words, Duration deadline) const;
  Result<CliVersion> read_version(const ProcessResult& ended) const;
  // Asks the program once which version it is.
  void with_version(Duration deadline, std::function<void(const Result<CliVersion>&)> done);
  void look(WordsOf words, Duration deadline, std::function<void(Result<StorageList>)> done);
  void add_own_attachments(StorageList list, Duration deadline,
                           std::function<void(Result<StorageList>)> done);
  void change(WordsOf words, std::string lock, Duration deadline, std::function<void(Status)> done);
  Status end_change(const Result<ProcessResult>& ended);

  const RexrayConfig& config_;
  RexrayPorts ports_;
  std::optional<CliVersion> version_;
};

}  // namespace extvold::providers::rexray
