// The commands, each with its arguments as values; cli.cpp makes these from the command line. Main thread;
// blocks.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "daemon/cli/context.h"
#include "model/command.h"

namespace extvold::daemon::cli {

// ---- volumes
struct VolumeCreateArgs {
  CreateVolume order;
  std::string pool;
  std::string size;
  std::string filesystem;  // empty: not said
  std::string access = "rw";
};
struct VolumeAdoptArgs {
  AdoptVolume order;
  std::string pool;
  std::string filesystem = "none";
  std::string access = "rw";
};
struct VolumeArgs {
  std::string name;
  std::string host;        // attach, detach
  std::string yes_i_mean;  // remove, purge, format: the name once more
  std::string reason;      // format
  bool now = false;        // purge
  std::string size;        // resize
};
Exit volume_create(Context& context, const VolumeCreateArgs& args);
Exit volume_adopt(Context& context, const VolumeAdoptArgs& args);
// GET /v1/`list`, whose rows are in "volumes".
Result<Json> all_of(Context& context, const std::string& list, std::map<std::string, std::string> query);
Exit volume_list(Context& context, bool removed_too);
Exit volume_list_foreign(Context& context);
Exit volume_show(Context& context, const VolumeArgs& args);
Exit volume_attach(Context& context, const VolumeArgs& args);
Exit volume_detach(Context& context, const VolumeArgs& args);
Exit volume_remove(Context& context, const VolumeArgs& args);
Exit volume_restore(Context& context, const VolumeArgs& args);
Exit volume_purge(Context& context, const VolumeArgs& args);
Exit volume_resize(Context& context, const VolumeArgs& args);
Exit volume_format(Context& context, const VolumeArgs& args);

// ---- agents and reservations
struct AgentArgs {
  std::string agent;  // id or hostname
  std::string reason;
  std::string yes_i_mean;  // the agent once more
  std::string grace;       // drain
  bool mark_gone = false;  // drain
  bool dry_run = false;
};
Exit agent_list(Context& context);
Exit agent_ask(Context& context, MesosOperationKind kind, const AgentArgs& args);
struct ReservationArgs {
  std::string agent;
  MesosRequest request;
  std::string amount;  // of reserve, unreserve
  std::string size;    // of create-volume
  std::vector<std::string> labels;
  std::string reason;
  std::string yes_i_mean;  // the volume's id once more
  bool dry_run = false;
};
Exit reservation_list(Context& context);
Exit reservation_ask(Context& context, MesosOperationKind kind, const ReservationArgs& args);

// ---- looks
struct HistoryArgs {
  std::string volume;
  std::string host;
  std::string framework;
  std::string task;
  std::string since;  // a time, or how long ago
  int limit = 1000;
};
Exit status(Context& context);
Exit history(Context& context, const HistoryArgs& args);
Exit explain(Context& context, const std::string& volume);

// ---- providers
Exit provider_list(Context& context);
Exit provider_check(Context& context, const std::string& name);

// ---- standing orders
Exit hold(Context& context, const std::string& target);  // empty: everything
Exit release(Context& context, const std::string& target);
struct FenceArgs {
  std::string host;
  std::string reason;
  std::string yes_i_mean;  // confirm: the host once more
  bool all = false;        // release: all that was stopped; hold: what no host means anyway
  bool forget = false;     // release: ends what could not be taken back
  bool only_hold = false;  // release: it may be fenced again, and nothing is said of what is left of it
};
Exit fence_list(Context& context);
Exit fence_show(Context& context, const FenceArgs& args);
Exit fence_hold(Context& context, const FenceArgs& args);
Exit fence_confirm(Context& context, const FenceArgs& args);
Exit fence_release(Context& context, const FenceArgs& args);

struct ReconcileArgs {
  bool dry_run = false;
  bool of_daemon = false;  // the running daemon's own plan
  bool detailed_exitcode = false;
  std::string record;  // folder
  std::string wait = "30s";
};
Exit reconcile(Context& context, const ReconcileArgs& args);

// ---- the ledger and the program itself
Exit ledger_check(Context& context, bool full);
Exit ledger_backup(Context& context, const std::string& file);
Exit ledger_restore(Context& context, const std::string& file);
Exit config_check(Context& context);
Exit serve(Context& context);
Exit version(Context& context);

}  // namespace extvold::daemon::cli
