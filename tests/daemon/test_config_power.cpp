// [power.NAME] of the configuration: what is read, each way to write it wrong, and that no secret is
// repeated.
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <optional>

#include "daemon/config_power.h"
#include "daemon/one_line_secret.h"
#include "daemon/process_runner.h"
#include "daemon/providers_setup.h"
#include "tests/daemon/config_support.h"
#include "tests/daemon/support.h"

namespace {

namespace dm = extvold::daemon;
using extvold::minutes;
using extvold::seconds;

using dm::tests::base_with;
using dm::tests::error_of;
using dm::tests::kBase;
using dm::tests::parse;
using dm::tests::texts;

constexpr std::string_view kPower = R"([power.rack1]
agent = "fence_ipmilan"
options = { username = "x", lanplus = "1" }
password_file = "/etc/secret"
hosts = { db1 = { ip = "10.1.0.11" }, "db2.example" = { plug = "1,2" } }
)";

}  // namespace

TEST_CASE("config: power, with every key and with the defaults") {
  const dm::ConfigResult small = parse(base_with(kPower));
  CHECK(texts(small.errors).empty());
  CHECK(texts(small.warnings).empty());
  REQUIRE(small.config.has_value());
  REQUIRE(small.config->power.size() == 1);
  const auto& agent = small.config->power.front();
  CHECK(agent.name == "rack1");
  CHECK(agent.program == "/usr/sbin/fence_ipmilan");
  CHECK(agent.options.at("username") == "x");
  CHECK(agent.secret_place == "/etc/secret");
  CHECK(agent.secret_option == "password");
  CHECK(agent.hosts.size() == 2);
  CHECK(agent.hosts.at("db2.example").at("plug") == "1,2");
  CHECK(agent.deadline == seconds(60));
  const auto policy = dm::policy_of(*small.config, {});
  CHECK(policy.power_hosts == std::vector<std::string>{"db1", "db2.example"});
  const dm::ConfigResult full = parse(base_with(
      "[power.b]\nagent = \"/opt/fence\"\npassword_file = \"systemd:x\"\npassword_option = \"passwd\"\n"
      "deadline = \"5s\"\n[power.b.hosts.db1]\n"));
  CHECK(texts(full.errors).empty());
  REQUIRE(full.config.has_value());
  CHECK(full.config->power.front().program == "/opt/fence");
  CHECK(full.config->power.front().secret_option == "passwd");
  CHECK(full.config->power.front().deadline == seconds(5));
  CHECK(full.config->power.front().hosts.at("db1").empty());
  CHECK(dm::needs_restart(*small.config, *full.config) == std::vector<std::string>{"power"});
  CHECK(dm::needs_restart(*small.config, *parse(kBase).config) == std::vector<std::string>{"power"});
}

TEST_CASE("config: power written wrong, and no secret is repeated") {
  const auto with = [](std::string_view line, std::string_view other) {
    std::string text(kPower);
    const std::size_t at = text.find(line);
    REQUIRE(at != std::string::npos);
    text.replace(at, line.size(), other);
    return error_of(base_with(text));
  };
  const auto begins = [](const std::string& error, std::string_view beginning) {
    INFO(error);
    CHECK(error.starts_with(beginning));
    CHECK(error.find("hunter2") == std::string::npos);
  };
  begins(with("agent = \"fence_ipmilan\"\n", ""),
         "x.toml:16:1: power.rack1.agent: is missing: write a program");
  begins(with("fence_ipmilan", "sbin/fence_ipmilan"),
         "x.toml:17:1: power.rack1.agent: \"sbin/fence_ipmilan\" is no program");
  begins(with("lanplus = \"1\"", "lanplus = 1"),
         "x.toml:18:29: power.rack1.options.lanplus: is a whole number: write a text in quotes");
  begins(with("lanplus = \"1\"", "passwd = \"hunter2\""),
         "x.toml:18:29: power.rack1.options.passwd: takes a secret, which does not belong");
  begins(with("lanplus = \"1\"", "lanplus = \"1\\nplug=2\""),
         "x.toml:18:29: power.rack1.options.lanplus: has control characters");
  begins(with("lanplus = \"1\"", "lanplus = \" 1\""),
         "x.toml:18:29: power.rack1.options.lanplus: begins or ends with a blank");
  begins(with("lanplus = \"1\"", "action = \"on\""),
         "x.toml:18:29: power.rack1.options.action: is set by extvold itself");
  begins(
      with("lanplus = \"1\"", "missing_as_off = \"1\""),
      "x.toml:18:29: power.rack1.options.missing_as_off: makes a plug that does not exist look switched off");
  begins(with("lanplus = \"1\"", "verbose = \"1\""),
         "x.toml:18:29: power.rack1.options.verbose: makes an agent print what it sends");
  begins(with("lanplus", "\"lan plus\""),
         "x.toml:18:29: power.rack1.options.lan plus: is no name of an option");
  begins(with("password_file = \"/etc/secret\"", "password_file = \"hunter2\""),
         "x.toml:19:1: power.rack1.password_file: is no absolute path");
  begins(with("password_file = \"/etc/secret\"", "password = \"hunter2\""),
         "x.toml:19:1: power.rack1.password: is no key: secrets do not belong");
  begins(with("password_file = \"/etc/secret\"", "password_option = \"passwd\""),
         "x.toml:19:1: power.rack1.password_option: is there without password_file");
  begins(with("password_file = \"/etc/secret\"", "dedline = \"5s\""),
         "x.toml:19:1: power.rack1.dedline: is not a key that this version knows: do you mean \"deadline\"?");
  begins(with("hosts = { db1 = { ip = \"10.1.0.11\" }, \"db2.example\" = { plug = \"1,2\" } }\n", ""),
         "x.toml:16:1: power.rack1.hosts: is missing: write hosts = {");
  begins(with("plug = \"1,2\"", "plug = 1"), "x.toml:20:57: power.rack1.hosts.db2.example.plug: is a whole");
  begins(error_of(base_with(std::string(kPower) + "[power.b]\nagent = \"f\"\nhosts = { db1 = {} }\n")),
         "x.toml:20:17: power.rack1.hosts.db1: is a host of power.b too");
  begins(error_of(base_with("power = 1\n")), "x.toml:16:1: drivers.rexray.power");
}

TEST_CASE("config: what only this machine can tell of power is found before it is needed") {
  const dm::tests::TempDir folder;
  const std::string secret = folder.path("secret");
  const auto problems = [&](std::string_view agent) {
    const std::string text = fmt::format(
        "[power.rack1]\nagent = \"{}\"\npassword_file = \"{}\"\nhosts = {{ db1 = {{}} }}\n", agent, secret);
    const dm::ConfigResult result = parse(base_with(text));
    REQUIRE(result.config.has_value());
    std::string all;
    for (const dm::SectionProblem& one : dm::power_problems(*result.config))
      all += one.section + ": " + one.what;
    return all;
  };
  const auto write = [&](std::string_view text, mode_t mode) {
    std::ofstream(secret, std::ios::binary | std::ios::trunc) << text;
    REQUIRE(::chmod(secret.c_str(), mode) == 0);
  };
  write("hunter2\n", 0600);
  CHECK(problems("/bin/true").empty());
  CHECK(*dm::read_one_line_secret(secret) == "hunter2");
  CHECK(problems("/no/such").find("power.rack1: /no/such is no program that can be run here") == 0);
  write("hunter2\n", 0644);
  CHECK(problems("/bin/true").find("chmod 600") != std::string::npos);
  for (const std::string_view bad : {"hunter2\nhunter3\n", " hunter2\n", "\"hunter2\"\n", "\n", ""}) {
    write(bad, 0600);
    const std::string all = problems("/bin/true");
    INFO(all);
    CHECK_FALSE(all.empty());
    CHECK(all.find("hunter") == std::string::npos);
  }
  REQUIRE(::unlink(secret.c_str()) == 0);
  CHECK(problems("/bin/true").find("cannot be read") != std::string::npos);
}

TEST_CASE("config: the installed example of power is valid once it is no comment") {
  std::ifstream in(std::string(EXTVOLD_SOURCE_DIR) + "/packaging/extvold.toml");
  std::string text(kBase);
  bool within = false;
  for (std::string line; std::getline(in, line);) {
    within = line == "# [power.rack1]" || (within && line.starts_with("#   "));
    if (within) text += line.substr(2) + "\n";
  }
  const dm::ConfigResult result = parse(text);
  CHECK(texts(result.errors).empty());
  REQUIRE(result.config.has_value());
  REQUIRE(result.config->power.size() == 1);
  CHECK(result.config->power.front().hosts.size() == 2);
}

TEST_CASE("power: what is configured becomes the driver's, with its ports") {
  const dm::tests::TempDir folder;
  const std::string secret = folder.path("secret");
  const auto config_of = [&](std::string_view agent) {
    std::string text(kBase);
    text += fmt::format("[ledger]\npath = \"{}\"\n", folder.path("ledger.db"));
    text += fmt::format("[power.rack1]\nagent = \"{}\"\npassword_file = \"{}\"\nhosts = {{ db1 = {{}} }}\n",
                        agent, secret);
    dm::ConfigResult result = parse(text);
    REQUIRE(result.config.has_value());
    return *std::move(result.config);
  };
  dm::SystemClock clock;
  dm::uv::Loop loop;
  dm::UvProcessRunner processes(loop, clock);
  dm::uv::Deferred deferred(loop);
  CHECK(dm::make_power(*parse(kBase).config, processes, deferred, clock) == nullptr);
  const auto power = dm::make_power(config_of("/bin/true"), processes, deferred, clock);
  REQUIRE(power != nullptr);
  CHECK(power->covers("db1"));
  CHECK_FALSE(power->covers("db2"));
  const auto switch_off = [&](const std::string& host) {
    extvold::FenceCall call;
    call.act = extvold::FenceAct::set;
    call.fence.target = host;
    std::optional<extvold::FenceResult> result;
    power->change_fence(call, [&](extvold::FenceResult ended) { result = std::move(ended); });
    CHECK_FALSE(result.has_value());
    REQUIRE(dm::tests::run_until(loop, [&] { return result.has_value(); }));
    return *result;
  };
  CHECK(switch_off("db2").error.code == extvold::Errc::not_found);
  CHECK(switch_off("db1").error.code == extvold::Errc::not_found);  // its secret is not there yet
  std::ofstream(secret) << "hunter2\n";
  CHECK(switch_off("db1").state == extvold::FenceCallState::done);
}
