#include "daemon/config_secrets.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <variant>

#include "daemon/auth/credential_file.h"
#include "daemon/one_line_secret.h"

namespace extvold::daemon {
namespace {

// One whose program reads it: only that it is there, and for whom.
void note_file(const std::string& section, const std::string& path, std::vector<SectionProblem>& out) {
  if (path.empty()) return;
  if (::access(path.c_str(), R_OK) != 0) {
    out.push_back({section, fmt::format("{}: cannot be read: {}; put it there, or correct its name", path,
                                        std::generic_category().message(errno))});
  } else if (std::string exposed = exposed_file(path); !exposed.empty()) {
    out.push_back({section, std::move(exposed)});
  }
}

struct Look {
  const std::string& section;
  std::vector<SectionProblem>& out;

  void operator()(const providers::local::LocalConfig&) const {}
  void operator()(const providers::docker::DockerConfig&) const {}
  void operator()(const providers::csi::CsiConfig& csi) const {
    for (const std::string* path :
         {&csi.create_secrets_file, &csi.publish_secrets_file, &csi.fence_secrets_file})
      note_file(section, *path, out);
  }
  void operator()(const providers::rbd::RbdConfig& rbd) const { note_file(section, rbd.keyring, out); }
  void operator()(const providers::rexray::RexrayConfig& rexray) const {
    if (!rexray.token_place.empty()) note_secret(section, rexray.token_place, out);
  }
  void operator()(const providers::scaleio::ScaleioConfig& scaleio) const {
    note_secret(section, scaleio.password_place, out);
  }
};

}  // namespace

void note_secret(const std::string& section, const std::string& place, std::vector<SectionProblem>& out) {
  if (const auto secret = read_one_line_secret(place); !secret)
    out.push_back({section, secret.error().message});
  const auto path = secret_path(place);
  if (std::string exposed = path ? exposed_file(*path) : std::string(); !exposed.empty())
    out.push_back({section, std::move(exposed)});
}

std::vector<SectionProblem> provider_secret_problems(const Config& config) {
  std::vector<SectionProblem> out;
  for (const ProviderConfig& one : config.providers) {
    const std::string& name = name_of(one).value;
    const std::string section = "providers." + name.substr(name.find('~') + 1);
    std::visit(Look{section, out}, one);
  }
  return out;
}

}  // namespace extvold::daemon
