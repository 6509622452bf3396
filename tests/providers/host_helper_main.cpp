// `extvold host-helper` alone, for tests that do not want the whole daemon.
#include <unistd.h>

#include <vector>

#include "host/helper.h"
#include "providers/local/verbs.h"
#include "providers/rexray/format_helper.h"

int main() {
  std::vector<extvold::host::HelperVerb> verbs;
  for (const auto& some :
       {extvold::providers::local::helper_verbs(), extvold::providers::rexray::helper_verbs()})
    verbs.insert(verbs.end(), some.begin(), some.end());
  return extvold::host::helper_main(STDIN_FILENO, STDOUT_FILENO, verbs);
}
