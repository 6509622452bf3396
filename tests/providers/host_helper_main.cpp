// `extvold host-helper` alone, for tests that do not want the whole daemon.
#include <unistd.h>

#include "host/helper.h"
#include "providers/local/verbs.h"

int main() {
  return extvold::host::helper_main(STDIN_FILENO, STDOUT_FILENO, extvold::providers::local::helper_verbs());
}
