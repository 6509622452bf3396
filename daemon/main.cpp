// extvold: the external-volume daemon of a Mesos cluster, and its command line.
#include <unistd.h>

#include <string_view>

#include "daemon/cli/cli.h"
#include "host/helper.h"
#include "providers/local/verbs.h"

int main(int argc, char** argv) {
  // What blocks on a host runs as a child of the daemon: this program again, asked on standard input.
  if (argc == 2 && std::string_view(argv[1]) == "host-helper") {
    return extvold::host::helper_main(STDIN_FILENO, STDOUT_FILENO, extvold::providers::local::helper_verbs());
  }
  return extvold::daemon::cli::run(argc, argv);
}
