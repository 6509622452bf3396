#include "daemon/one_line_secret.h"

#include <string_view>

#include "daemon/auth/credential_file.h"
#include "providers/fence_agent/fence_agents.h"

namespace extvold::daemon {

Result<std::string> read_one_line_secret(const std::string& place) {
  ASSIGN(const std::string path, secret_path(place));
  ASSIGN(const Secret secret, read_secret_file(path));
  std::string_view line = secret.reveal();
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (const std::string problem = providers::fence_agent::problem_of_secret(line); !problem.empty())
    return fail(Errc::invalid, "{}: the secret {}: write it as the one line of the file", path, problem);
  return std::string(line);
}

}  // namespace extvold::daemon
