// The command line: `extvold COMMAND ...`. What is read comes from the daemon over its socket, or, where none
// answers, from the ledger as of its last commit; orders go to the daemon, or are committed to the ledger
// directly where none runs.
//
// Main thread; blocks until the command is done.
#pragma once

namespace extvold::daemon::cli {

// Exit status. Also in `extvold --help`.
enum class Exit : int {
  ok = 0,
  error = 1,            // refused or failed; standard error says why
  something_to_do = 2,  // reconcile --dry-run --detailed-exitcode, ledger check with findings
  no_daemon = 3,        // the command needs a running daemon
  usage = 4,            // a wrong option or argument, a bad configuration file
};

int run(int argc, const char* const* argv);

}  // namespace extvold::daemon::cli
