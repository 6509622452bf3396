// [providers.NAME] of type docker and scaleio: what is read, and each way to write it wrong.
#include <fmt/format.h>
#include <catch2/catch.hpp>

#include "daemon/config_docker.h"
#include "daemon/config_scaleio.h"
#include "tests/daemon/config_support.h"

namespace {

namespace dm = extvold::daemon;
using extvold::seconds;
using extvold::providers::docker::DockerConfig;
using extvold::providers::docker::SizeUnit;
using extvold::providers::scaleio::Provisioning;
using extvold::providers::scaleio::ScaleioConfig;
using extvold::providers::scaleio::ScaleioPool;

template <typename C>
struct Read {
  C config;
  std::vector<std::string> errors;
  std::vector<std::string> warnings;
};

template <typename C, typename Reader>
Read<C> read(std::string_view text, Reader reader) {
  toml::parse_result parsed = toml::parse(text, std::string("x.toml"));
  INFO(text);
  REQUIRE(parsed.succeeded());
  dm::ConfigProblems problems{"x.toml", {}, {}};
  dm::Config config;
  Read<C> out;
  reader("row8", dm::ConfigTable(&parsed.table(), "providers.row8", problems), config);
  out.config = std::get<C>(config.providers.at(0));
  for (const dm::ConfigProblem& one : problems.errors) out.errors.push_back(dm::to_text(one));
  for (const dm::ConfigProblem& one : problems.warnings) out.warnings.push_back(dm::to_text(one));
  return out;
}

Read<DockerConfig> docker(std::string_view more) {
  return read<DockerConfig>(fmt::format("type = \"docker\"\n{}", more), dm::read_docker);
}

constexpr std::string_view kScaleio =
    "type = \"scaleio\"\ngateway = \"https://10.0.0.1/\"\nuser = \"admin\"\npassword_file = \"/etc/p\"\n"
    "pools = [{ name = \"hdd\", iops = 500, bandwidth = \"100MB\" }]\nhosts = { db1 = \"b0e3bfb8-c20b\", "
    "\"db2.example\" = \"C1\" "
    "}\n";

Read<ScaleioConfig> scaleio(std::string_view text) { return read<ScaleioConfig>(text, dm::read_scaleio); }

Read<ScaleioConfig> scaleio_but(std::string_view line, std::string_view other) {
  std::string text(kScaleio);
  const std::size_t at = text.find(line);
  REQUIRE(at != std::string::npos);
  return scaleio(text.replace(at, line.size(), other));
}

bool has(const std::vector<std::string>& texts, std::string_view part) {
  INFO(fmt::format("{}", fmt::join(texts, "\n")));
  CHECK(texts.size() == 1);
  return texts.size() == 1 && texts.front().find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("config docker: a small one, and one that says everything", "[daemon][config]") {
  const auto small = docker("plugin = \"rexray\"\nsize_option = \"size\"\n");
  CHECK(small.errors.empty());
  CHECK(small.warnings.empty());
  DockerConfig wanted;
  wanted.name = extvold::ProviderName("docker~row8");
  wanted.plugin = "rexray";
  wanted.size_option = "size";
  CHECK(small.config == wanted);
  CHECK(check_docker_config(small.config));

  const auto large = docker(R"(plugin = "convoy"
sockets_folder = "/run/p"
specs_folders = ["/etc/p"]
plain_tcp = true
pool = "gold"
reach = "all"
host = "db1.example"
shows_mounts = true
size_option = "size"
size_unit = "MB"
size_suffix = "M"
size_status = "Size"
options = { volumetype = "gold" }
look_deadline = "5s"
settle_time = "1m"
calls_max = 2
)");
  CHECK(large.errors.empty());
  CHECK(has(large.warnings, "plain_tcp: lets a plugin be reached without TLS"));
  wanted.plugin = "convoy";
  wanted.sockets_folder = "/run/p";
  wanted.specs_folders = {"/etc/p"};
  wanted.plain_tcp = true;
  wanted.pool = "gold";
  wanted.reach_all = true;
  wanted.host = "db1.example";
  wanted.shows_mounts = true;
  wanted.size_unit = SizeUnit::MB;
  wanted.size_suffix = "M";
  wanted.size_status = "Size";
  wanted.options = {{"volumetype", "gold"}};
  wanted.look_deadline = seconds(5);
  wanted.settle_time = seconds(60);
  wanted.calls_max = 2;
  CHECK(large.config == wanted);
}

TEST_CASE("config docker: what is wrong is told with its key and a remedy", "[daemon][config]") {
  const auto with = [](std::string_view more) {
    return docker(fmt::format("plugin = \"rexray\"\nsize_option = \"size\"\n{}", more)).errors;
  };
  CHECK(has(docker("size_option = \"size\"\n").errors, "plugin: is missing"));
  CHECK(has(docker("plugin = \"../x\"\nsize_option = \"size\"\n").errors, "plugin: \"../x\" is no name"));
  CHECK(has(docker("plugin = \"x\"\nsize_suffix = \"G\"\n").errors, "size_suffix: is there"));
  CHECK(has(docker("plugin = \"x\"\n").warnings, "size_option: is missing"));
  CHECK(has(with("reach = \"some\"\n"), "reach: \"some\" is not known"));
  CHECK(has(with("pool = \"a b\"\n"), "pool: \"a b\" is no name of a pool"));
  CHECK(has(with("size_unit = \"TB\"\n"), "size_unit: \"TB\""));
  CHECK(has(with("options = { size = \"3\" }\n"), "options.size: is the size_option too"));
  CHECK(has(with("specs_folders = [\"etc\"]\n"), "specs_folders: \"etc\" is no absolute path"));
  CHECK(has(with("nonsense = 1\n"), "nonsense"));
}

TEST_CASE("config docker: host alone says where the plugin makes volumes", "[daemon][config]") {
  const auto local = docker("plugin = \"sshfs\"\nsize_option = \"size\"\nhost = \"a1\"\n");
  CHECK(local.errors.empty());
  CHECK(local.config.host == "a1");
  CHECK_FALSE(local.config.shows_mounts);
}

TEST_CASE("config scaleio: a small one, and one that says everything", "[daemon][config]") {
  const auto small = scaleio(kScaleio);
  CHECK(small.errors.empty());
  CHECK(small.warnings.empty());
  ScaleioConfig wanted;
  wanted.name = extvold::ProviderName("scaleio~row8");
  wanted.gateway = "https://10.0.0.1";
  wanted.user = "admin";
  wanted.password_place = "/etc/p";
  wanted.pools = {ScaleioPool{"hdd", 500, 100}};
  wanted.sdcs = {{"db1", "B0E3BFB8-C20B"}, {"db2.example", "C1"}};
  CHECK(small.config == wanted);
  CHECK(check_scaleio_config(small.config));

  const auto large = scaleio(std::string(kScaleio) + R"(ca = "/etc/ca.pem"
insecure_skip_verify = true
login = "manager"
protection_domain = "pd1"
provisioning = "thick"
reach = "all"
look_deadline = "5s"
settle_time = "30s"
calls_max = 2
)");
  CHECK(large.errors.empty());
  CHECK(has(large.warnings, "insecure_skip_verify: turns off"));
  wanted.tls.ca_file = "/etc/ca.pem";
  wanted.tls.verify = false;
  wanted.login = extvold::providers::scaleio::Login::manager;
  wanted.protection_domain = "pd1";
  wanted.provisioning = Provisioning::thick;
  wanted.reach_all = true;
  wanted.look_deadline = seconds(5);
  wanted.settle_time = seconds(30);
  wanted.calls_max = 2;
  CHECK(large.config == wanted);
}

TEST_CASE("config scaleio: what is wrong is told with its key and a remedy, and no secret",
          "[daemon][config]") {
  constexpr std::string_view kGateway = "https://10.0.0.1/";
  const auto leaky = scaleio_but(kGateway, "https://admin:hunter2@h").errors;
  CHECK(has(leaky, "gateway: is no URL"));
  CHECK(leaky.at(0).find("hunter2") == std::string::npos);
  CHECK(has(scaleio_but(kGateway, "10.0.0.1").errors, "gateway: is no URL"));
  CHECK(has(scaleio_but("gateway = \"https://10.0.0.1/\"\n", "").errors, "gateway: is missing"));
  CHECK(has(scaleio_but(kGateway, "http://10.0.0.1").warnings, "gateway: is reached without encryption"));
  CHECK(has(scaleio_but("\"admin\"", "\"a:b\"").errors, "user: is no name of a user"));
  CHECK(has(scaleio_but("user = \"admin\"\n", "").errors, "user: is missing"));
  const auto secret = scaleio_but("\"/etc/p\"", "\"hunter2\"").errors;
  CHECK(has(secret, "password_file: is no absolute path"));
  CHECK(secret.at(0).find("hunter2") == std::string::npos);
  CHECK(has(scaleio_but("password_file = \"/etc/p\"\n", "").errors, "password_file: is missing"));
  const auto plain = scaleio(std::string(kScaleio) + "password = \"hunter2\"\n").errors;
  CHECK(has(plain, "password: is no key"));
  CHECK(plain.at(0).find("hunter2") == std::string::npos);
  CHECK(has(scaleio_but("{ name = \"hdd\", iops = 500, bandwidth = \"100MB\" }", "").errors,
            "pools: names no pool"));
  CHECK(has(scaleio_but("\"hdd\"", "\"a~b\"").errors, "is no name of a pool"));
  CHECK(has(scaleio_but("bandwidth = \"100MB\" }", "bandwidth = \"5MB\" }, { name = \"hdd\" }").errors,
            "\"hdd\" is there twice"));
  CHECK(has(scaleio_but("\"C1\"", "\"B0e3bfb8-c20b\"").errors, "is another host's too"));
  CHECK(has(scaleio_but("hosts = { db1 = \"b0e3bfb8-c20b\", \"db2.example\" = \"C1\" }\n", "").warnings,
            "hosts: is missing"));
  CHECK(has(scaleio_but("\"100MB\"", "\"fast\"").errors, "bandwidth"));
  CHECK(has(scaleio(std::string(kScaleio) + "login = \"token\"\n").errors, "login: \"token\""));
  CHECK(has(scaleio(std::string(kScaleio) + "provisioning = \"fat\"\n").errors, "provisioning: \"fat\""));
  CHECK(has(scaleio(std::string(kScaleio) + "nonsense = 1\n").errors, "nonsense"));
}

TEST_CASE("config: docker and scaleio providers stand beside others, with a fence of their own",
          "[daemon][config]") {
  const dm::ConfigResult result = dm::tests::parse(dm::tests::base_with(fmt::format(
      "[providers.plug]\ntype = \"docker\"\nplugin = \"rexray\"\nsize_option = \"size\"\n[providers.row8]\n{}"
      "[providers.row8.fence]\nladder = [\"volume\"]\n",
      kScaleio)));
  CHECK(dm::tests::texts(result.errors).empty());
  REQUIRE(result.config);
  REQUIRE(result.config->providers.size() == 3);
  CHECK(dm::name_of(result.config->providers.at(1)).value == "docker~plug");
  CHECK(dm::name_of(result.config->providers.at(2)).value == "scaleio~row8");
  CHECK_FALSE(result.config->policy.fences.empty());
}
