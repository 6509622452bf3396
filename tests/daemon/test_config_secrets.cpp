// The files of providers' secrets, found out about before they are needed.
#include "daemon/config_secrets.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/daemon/support.h"

namespace dm = extvold::daemon;
namespace providers = extvold::providers;
using extvold::ProviderName;

namespace {

std::string problems_of(dm::ProviderConfig provider) {
  dm::Config config;
  config.providers.push_back(std::move(provider));
  std::string all;
  for (const dm::SectionProblem& one : dm::provider_secret_problems(config))
    all += one.section + ": " + one.what + "\n";
  return all;
}

// One for each kind of provider that has a secret, kept at `path`.
std::vector<dm::ProviderConfig> all_with(const std::string& path) {
  providers::csi::CsiConfig csi;
  csi.name = ProviderName("csi~san");
  csi.publish_secrets_file = path;
  providers::rbd::RbdConfig rbd;
  rbd.name = ProviderName("rbd~san");
  rbd.keyring = path;
  providers::rexray::RexrayConfig rexray;
  rexray.name = ProviderName("rexray~san");
  rexray.token_place = path;
  providers::scaleio::ScaleioConfig scaleio;
  scaleio.name = ProviderName("scaleio~san");
  scaleio.password_place = path;
  return {csi, rbd, rexray, scaleio};
}

}  // namespace

TEST_CASE("config: a provider's secret that is missing, or open to others, is found before it is needed") {
  const dm::tests::TempDir folder;
  const std::string path = folder.path("secret");
  for (const dm::ProviderConfig& one : all_with(path))
    CHECK_THAT(problems_of(one), Catch::StartsWith("providers.san: " + path) && Catch::Contains("cannot be"));
  REQUIRE(::mkdir(path.c_str(), 0700) == 0);
  for (const dm::ProviderConfig& one : all_with(path))
    CHECK_THAT(problems_of(one), Catch::Contains("is no regular file"));
  REQUIRE(::rmdir(path.c_str()) == 0);
  std::ofstream(path) << "hunter2\n";
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  for (const dm::ProviderConfig& one : all_with(path)) CHECK(problems_of(one).empty());
  REQUIRE(::chmod(path.c_str(), 0644) == 0);
  for (const dm::ProviderConfig& one : all_with(path)) {
    CHECK_THAT(problems_of(one), Catch::StartsWith("providers.san: " + path) && Catch::Contains("chmod 600"));
    CHECK_THAT(problems_of(one), !Catch::Contains("hunter"));
  }
}

TEST_CASE("config: what has no secret has no such problem") {
  providers::local::LocalConfig local;
  local.name = ProviderName("local~lab");
  CHECK(problems_of(local).empty());
  providers::csi::CsiConfig csi;
  csi.name = ProviderName("csi~san");
  CHECK(problems_of(csi).empty());
  providers::rexray::RexrayConfig rexray;
  rexray.name = ProviderName("rexray~old");
  CHECK(problems_of(rexray).empty());
}
