// extvold: the external-volume daemon of a Mesos cluster, and its command line.
#include <unistd.h>

#include <string_view>
#include <vector>

#include "daemon/cli/cli.h"
#include "host/helper.h"
#include "providers/local/verbs.h"
#include "providers/rexray/format_helper.h"

int main(int argc, char** argv) {
  // What blocks on a host runs as a child of the daemon: this program again, asked on standard input.
  if (argc == 2 && std::string_view(argv[1]) == "host-helper") {
    std::vector<extvold::host::HelperVerb> verbs;
    for (const auto& some :
         {extvold::providers::local::helper_verbs(), extvold::providers::rexray::helper_verbs()})
      verbs.insert(verbs.end(), some.begin(), some.end());
    return extvold::host::helper_main(STDIN_FILENO, STDOUT_FILENO, verbs);
  }
  return extvold::daemon::cli::run(argc, argv);
}
