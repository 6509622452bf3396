#include "daemon/config_secrets.h"

#include <utility>
#include <variant>

#include "daemon/auth/credential_file.h"
#include "daemon/one_line_secret.h"

namespace extvold::daemon {
namespace {

// One that more than a line stands in: what reads it judges the rest.
void note_file(const std::string& section, const std::string& path, std::vector<SectionProblem>& out) {
  if (path.empty()) return;
  if (const auto secret = read_secret_file(path); !secret) out.push_back({section, secret.error().message});
  if (std::string exposed = exposed_file(path); !exposed.empty())
    out.push_back({section, std::move(exposed)});
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
    note_file(section, rexray.environment_file, out);
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
