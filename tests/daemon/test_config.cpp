// The configuration: what is read, and each way to write it wrong with its place, its key and its remedy.
#include "daemon/config.h"

#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "daemon/units.h"
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

std::string base_but(std::string_view line, std::string_view other) {
  std::string text(kBase);
  const std::size_t at = text.find(line);
  REQUIRE(at != std::string::npos);
  text.replace(at, line.size(), other);
  return text;
}

}  // namespace

TEST_CASE("config: two providers cannot share a root", "[daemon][config]") {
  const auto errors = [](std::string_view first, std::string_view second) {
    const std::string text = fmt::format(
        "[providers.a]\ntype = \"local\"\nroot = \"{}\"\nhosts_dir = \"/h\"\npools = [{{ name = \"x\" }}]\n"
        "[providers.b]\ntype = \"local\"\nroot = \"{}\"\nhosts_dir = \"/h\"\npools = [{{ name = \"x\" }}]\n",
        first, second);
    std::string all;
    for (const dm::ConfigProblem& one : dm::parse_config(text, "x.toml", "h").errors)
      all += dm::to_text(one) + "\n";
    return all;
  };
  for (const auto& [first, second] :
       {std::pair{"/r", "/r"}, std::pair{"/r", "/r/"}, std::pair{"/r", "/r/b"}, std::pair{"/r/a/..", "/r"},
        std::pair{"/r/b", "/r"}, std::pair{"/proc/self/root/r", "/r"}, std::pair{"/", "/r"}}) {
    INFO(first << " and " << second);
    CHECK(errors(first, second).find("x.toml:8:1: providers.b.root: is the root of providers.a too") == 0);
  }
  CHECK(errors("/r/a", "/r/ab").empty());
}

TEST_CASE("config: a small one, with every default") {
  const dm::ConfigResult result = parse(kBase);
  CHECK(texts(result.errors).empty());
  CHECK(texts(result.warnings).empty());
  REQUIRE(result.config.has_value());
  const dm::Config& config = *result.config;
  CHECK(config.active);
  CHECK(config.policy.observe_only.empty());
  CHECK(config.masters.urls == std::vector<std::string>{"http://127.0.0.1:5050"});
  CHECK_FALSE(config.masters.zookeeper);
  CHECK(config.ledger_path == "/var/lib/extvold/ledger.db");
  CHECK(config.socket_path == "/run/extvold/extvold.sock");
  CHECK(config.socket_group.empty());
  CHECK(config.log_level == dm::LogLevel::info);
  CHECK(config.policy.agents_use_linux_launcher);
  CHECK(config.policy.agents_api_unfiltered);
  CHECK(config.policy.detach_linger == seconds(5));
  REQUIRE(config.providers.size() == 1);
  const auto& local = std::get<extvold::providers::local::LocalConfig>(config.providers.front());
  CHECK(local.name.value == "local~lab");
  CHECK(local.root == "/srv/v");
  CHECK(local.hosts_dir == "/srv/h");
  CHECK(local.format_host == "format");
  CHECK_FALSE(local.reach_all);
  REQUIRE(local.pools.size() == 1);
  CHECK(local.pools.front() == extvold::providers::local::LocalPool{"disk", 0, 0});
  REQUIRE(config.policy.drivers.size() == 1);
  CHECK(config.policy.drivers.front().driver == "rexray");
  CHECK(config.policy.drivers.front().provider.value == "local~lab");
  CHECK(config.policy.drivers.front().attach_by == extvold::AttachBy::extvold);
  CHECK_FALSE(config.policy.drivers.front().accept_executor_terminal_after.has_value());
}

TEST_CASE("config: every key at work") {
  const dm::ConfigResult result = parse(R"(
[daemon]
active = "m1.example"
[mesos]
master = ["http://m1:5050/", "http://[::1]:5050"]
host_by = ["attribute:rack-unit", "ip", "hostname"]
poll = "2m"
poll_min = "2s"
poll_deadline = "30s"
agent_poll_min = "250ms"
agent_poll_max = "10s"
agent_deadline = "2s"
agent_answer_max = "16MB"
reconnect_min = "100ms"
reconnect_max = "5s"
silent_heartbeats_max = 3
[mesos.agents]
launcher = "posix"
api = "filtered"
[ledger]
path = "/l/x.db"
history = "7d"
[api]
socket = "/s/x.sock"
group = "ops"
[log]
level = "debug"
[providers.a]
type = "local"
root = "/r"
hosts_dir = "/h"
pools = [{ name = "ssd", iops = 1000, capacity = "1.5TB" }, { name = "hdd" }]
reach = "all"
calls_max = 7
observe_deadline = "5s"
[drivers.x]
provider = "local~a"
attach_by = "plugin"
accept = ["executor_terminal+10m"]
[policy]
linger = "0s"
retry_min = "2s"
retry_max = "3m"
operation_deadline = "1m"
provider_list = "10s"
observation_age_max = "1m"
audit = "1h"
detach_storm_max = 5
detach_storm_percent = 50
detach_storm_window = "1m"
)");
  CHECK(texts(result.errors).empty());
  REQUIRE(result.config.has_value());
  const dm::Config& config = *result.config;
  CHECK(config.active);
  CHECK(config.masters.urls == std::vector<std::string>{"http://m1:5050", "http://[::1]:5050"});
  CHECK(config.policy.host_by == std::vector<extvold::HostRule>{{extvold::HostBy::attribute, "rack-unit"},
                                                                {extvold::HostBy::ip, {}},
                                                                {extvold::HostBy::hostname, {}}});
  CHECK(config.policy.master_poll == minutes(2));
  CHECK(config.policy.master_poll_min == seconds(2));
  CHECK(config.master_deadline == seconds(30));
  CHECK(config.policy.agent_poll_min == extvold::milliseconds(250));
  CHECK(config.policy.agent_poll_max == seconds(10));
  CHECK(config.agent_deadline == seconds(2));
  CHECK(config.agent_answer_max_mb == 16);
  CHECK(config.subscription.backoff_min == extvold::milliseconds(100));
  CHECK(config.subscription.backoff_max == seconds(5));
  CHECK(config.subscription.silent_heartbeats_max == 3);
  CHECK_FALSE(config.policy.agents_use_linux_launcher);
  CHECK_FALSE(config.policy.agents_api_unfiltered);
  CHECK(config.ledger_path == "/l/x.db");
  CHECK(config.history_kept == seconds(7 * 86'400));
  CHECK(config.socket_path == "/s/x.sock");
  CHECK(config.socket_group == "ops");
  CHECK(config.log_level == dm::LogLevel::debug);
  const auto& local = std::get<extvold::providers::local::LocalConfig>(config.providers.at(0));
  CHECK(local.reach_all);
  CHECK(local.calls_max == 7);
  CHECK(local.observe_deadline == seconds(5));
  CHECK(local.pools.at(0) == extvold::providers::local::LocalPool{"ssd", 1000, 1536 * 1024});
  const extvold::DriverMapping& driver = config.policy.drivers.at(0);
  CHECK(driver.attach_by == extvold::AttachBy::plugin);
  CHECK(driver.accept_executor_terminal_after == minutes(10));
  CHECK(config.policy.detach_linger == extvold::Duration{});
  CHECK(config.policy.retry_min == seconds(2));
  CHECK(config.policy.retry_max == minutes(3));
  CHECK(config.policy.operation_deadline == minutes(1));
  CHECK(config.policy.provider_list == seconds(10));
  CHECK(config.policy.observation_age_max == minutes(1));
  CHECK(config.policy.audit == minutes(60));
  CHECK(config.policy.detach_storm_max == 5);
  CHECK(config.policy.detach_storm_percent == 50);
  CHECK(config.policy.detach_storm_window == minutes(1));
  // An assumption and agents that prove nothing: it works, and it is said.
  CHECK(result.warnings.size() == 3);  // mesos.agents, format_host, accept
}

TEST_CASE("config: the leader by ZooKeeper, and a guard for those who may act") {
  const auto with = [](std::string_view active, std::string_view more = "") {
    std::string text = base_but("\"http://127.0.0.1:5050\"", "\"zk://me:secret@h1:2181,h2:2182/a/mesos\"");
    const std::size_t at = text.find("active = true");
    text.replace(at, std::string_view("active = true").size(), std::string(active));
    return parse(text + std::string(more));
  };
  const dm::ConfigResult result = with("");
  REQUIRE(result.config.has_value());
  const dm::Config& config = *result.config;
  CHECK(config.masters.urls.empty());
  CHECK(config.policy.has_master);
  REQUIRE(config.masters.zookeeper);
  CHECK(config.masters.zookeeper->address.text() == "zk://h1:2181,h2:2182/a/mesos");
  CHECK(config.masters.zookeeper->address.credentials == "me:secret");
  CHECK(config.masters.zookeeper->guard_path == "/extvold/a/mesos");
  CHECK(config.masters.zookeeper->identity.host == "m1.example");
  CHECK(config.masters.zookeeper->session.timeout == seconds(10));
  CHECK(config.active);  // left out: the guard decides
  CHECK(with("active = true").config->active);
  CHECK_FALSE(with("active = false").config->policy.observe_only.empty());
  CHECK_FALSE(with("active = \"m2.example\"").config->policy.observe_only.empty());

  CHECK_FALSE(config.agents_https);

  // Spoken to by https, if the configuration says so: ZooKeeper does not.
  std::string secure =
      base_but("master = \"http://127.0.0.1:5050\"", "master = \"zk://h1:2181/mesos\"\nhttps = true");
  const dm::ConfigResult https = parse(secure);
  REQUIRE(https.config.has_value());
  CHECK(https.config->masters.zookeeper->https);
  CHECK(https.config->agents_https);
  // A password in a file that all can read.
  const dm::tests::TempDir folder;
  const auto exposed = [&](mode_t mode) {
    const std::string path = folder.path("extvold.toml");
    std::ofstream(path) << base_but("\"http://127.0.0.1:5050\"", "\"zk://me:secret@h1:2181/mesos\"");
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    std::string out;
    for (const std::string& text : texts(dm::load_config(path).warnings)) out += text + "\n";
    CHECK(out.find("secret") == std::string::npos);
    return out.find("mesos.master: holds a password") != std::string::npos;
  };
  CHECK(exposed(0644));
  CHECK_FALSE(exposed(0600));

  const dm::ConfigResult changed = with("guard = \"/x\"");
  REQUIRE(changed.config.has_value());
  CHECK(changed.config->masters.zookeeper->guard_path == "/x");
  CHECK(dm::needs_restart(config, *changed.config) == std::vector<std::string>{"daemon.guard"});
  CHECK(dm::needs_restart(config, *parse(kBase).config) == std::vector<std::string>{"mesos.master"});
  const dm::ConfigResult bad = with("guard = \"x\"");
  REQUIRE(bad.errors.size() == 1);
  CHECK(dm::to_text(bad.errors[0]).find("daemon.guard: \"x\" does not begin with a /") != std::string::npos);
}

TEST_CASE("config: who may act") {
  const auto observe_only = [](std::string_view active) {
    const dm::ConfigResult result = parse(base_but("active = true", active));
    REQUIRE(result.config.has_value());
    CHECK(result.config->active == result.config->policy.observe_only.empty());
    return result.config->policy.observe_only;
  };
  CHECK(observe_only("active = true").empty());
  CHECK(observe_only("active = \"m1.example\"").empty());
  CHECK(observe_only("active = false").find("active = true") != std::string::npos);
  CHECK(observe_only("").find("x.toml does not name this host active") != std::string::npos);
  const std::string other = observe_only("active = \"m2.example\"");
  CHECK(other.find("m2.example") != std::string::npos);
  CHECK(other.find("m1.example") != std::string::npos);
}

TEST_CASE("config: each way to write it wrong is said with its place, its key and its remedy") {
  struct Row {
    std::string text;
    std::string error;  // its beginning
  };
  const std::vector<Row> rows = {
      // shape
      {"[daemon", "x.toml:1:"},
      {"a = 1\na = 2\n", "x.toml:2:"},
      {base_with("[polcy]\nx = 1\n"),
       "x.toml:16:2: polcy: is not a key that this version knows: do you mean \"policy\"?"},
      {base_with("[log]\ncolour = \"red\"\n"),
       "x.toml:17:1: log.colour: is not a key that this version knows: known here: level"},
      {base_with("[policy]\nlingr = \"1s\"\n"),
       "x.toml:17:1: policy.lingr: is not a key that this version knows: "
       "do you mean \"linger\"?"},
      // types
      {base_but("active = true", "active = 1"),
       "x.toml:2:1: daemon.active: is a whole number: write true or false, without quotes"},
      {"mesos = 3\n" + base_but("[mesos]\nmaster = \"http://127.0.0.1:5050\"\n[mesos.agents]\nlauncher = "
                                "\"linux\"\napi = \"unfiltered\"\n",
                                ""),
       "x.toml:1:1: mesos: is a whole number: write a table: [mesos]"},
      {base_with("[policy]\nlinger = 5\n"),
       "x.toml:17:1: policy.linger: is a whole number: write a duration in quotes"},
      {base_with("[policy]\ndetach_storm_max = \"5\"\n"),
       "x.toml:17:1: policy.detach_storm_max: is a text: write a whole number from 1 to"},
      {base_with("[policy]\ndetach_storm_max = 1.5\n"),
       "x.toml:17:1: policy.detach_storm_max: is a number with a fraction: write a whole number"},
      {base_but("pools = [{ name = \"disk\" }]", "pools = \"disk\""),
       "x.toml:12:1: providers.lab.pools: is a text: write a list of tables"},
      {base_but("root = \"/srv/v\"", "root = 2020-01-01"),
       "x.toml:10:1: providers.lab.root: is a date or time: write a text in quotes"},
      // values
      {base_with("[policy]\nlinger = \"5 s\"\n"),
       "x.toml:17:1: policy.linger: \"5 s\" is no duration: write a number and a unit"},
      {base_with("[policy]\nlinger = \"2h\"\n"),
       "x.toml:17:1: policy.linger: \"2h\" is out of range: write a duration from 0s to 1h"},
      {base_with("[policy]\nretry_min = \"2m\"\n"),
       "x.toml:17:1: policy.retry_min: is more than retry_max: lower it"},
      {base_with("[policy]\nprovider_list = \"10m\"\n"),
       "x.toml:16:1: policy.observation_age_max: is less than twice provider_list"},
      {base_with("[policy]\ndetach_storm_percent = 101\n"),
       "x.toml:17:1: policy.detach_storm_percent: 101 is out of range: write a whole number from 0 to 100"},
      {base_with("[log]\nlevel = \"loud\"\n"),
       "x.toml:17:1: log.level: \"loud\" is not known here: write one of: debug, info, warning, error"},
      {base_with("[ledger]\npath = \"ledger.db\"\n"),
       "x.toml:17:1: ledger.path: \"ledger.db\" is not an absolute path: begin it with a /"},
      {base_with("[ledger]\nhistory = \"1h\"\n"), "x.toml:17:1: ledger.history: \"1h\" is out of range"},
      {base_with("[api]\nsocket = \"/" + std::string(120, 's') + "\"\n"),
       "x.toml:17:1: api.socket: has 121 bytes: a unix socket's path has at most 107"},
      {base_with("[api]\ngroup = \"\"\n"), "x.toml:17:1: api.group: is empty"},
      // the master
      {base_but("\"http://127.0.0.1:5050\"", "\"zk://10.0.0.1/mesos\""),
       "x.toml:4:1: mesos.master: \"10.0.0.1\" has no port: write zk://HOST:2181"},
      {base_but("\"http://127.0.0.1:5050\"", "[\"zk://a:1/m\", \"http://b:5050\"]"),
       "x.toml:4:1: mesos.master: names a zk:// address and something else besides: leave only"},
      {base_but("\"http://127.0.0.1:5050\"", "\"zk:/me:secret@h:2181/m\""),
       "x.toml:4:1: mesos.master: \"...@h:2181/m\" is no URL: write http://HOST:PORT"},
      {base_but("\"http://127.0.0.1:5050\"", "\"127.0.0.1:5050\""),
       "x.toml:4:1: mesos.master: \"127.0.0.1:5050\" is no URL: write http://HOST:PORT"},
      {base_but("\"http://127.0.0.1:5050\"", "\"http://127.0.0.1\""),
       "x.toml:4:1: mesos.master: \"http://127.0.0.1\" is not HOST:PORT"},
      {base_but("\"http://127.0.0.1:5050\"", "\"http://127.0.0.1:99999\""), "x.toml:4:1: mesos.master:"},
      {base_but("\"http://127.0.0.1:5050\"", "\"http://me:pw@h:5050\""),
       "x.toml:4:1: mesos.master: has credentials in the URL"},
      {base_but("\"http://127.0.0.1:5050\"", "[]"), "x.toml:4:1: mesos.master: is empty"},
      {base_but("\"http://127.0.0.1:5050\"", "[\"http://a:1\", 7]"),
       "x.toml:4:25: mesos.master: holds a whole number: write texts in quotes only"},
      {base_but("\"http://127.0.0.1:5050\"", "\"htp://me:pw@h:5050\""),
       "x.toml:4:1: mesos.master: has credentials in the URL: remove them"},
      // who we are
      {base_but("[mesos]\n", "[mesos]\nsecret = \"hush\"\n"),
       "x.toml:4:1: mesos.secret: is no key: secrets do not belong in the configuration: put `PRINCIPAL "
       "SECRET`"},
      {base_but("[mesos]\n", "[mesos]\ntoken = \"hush\"\n"),
       "x.toml:4:1: mesos.token: is no absolute path and no systemd credential (what it says is not "
       "repeated"},
      {base_but("[mesos]\n", "[mesos]\ncredential = \"/c\"\ntoken = \"/t\"\n"),
       "x.toml:5:1: mesos.token: is there beside credential"},
      {base_but("[mesos]\n", "[mesos]\ntoken_prefix = \"Bearer \"\n"),
       "x.toml:4:1: mesos.token_prefix: is there without token"},
      {base_but("[mesos]\n", "[mesos]\nkey = \"/k\"\n"),
       "x.toml:4:1: mesos.key: is there without certificate"},
      {base_but("[mesos]\n", "[mesos]\ntls = true\n"), "x.toml:4:1: mesos.tls: is not a key"},
      {base_but("launcher = \"linux\"", "verify = \"name\""),
       "x.toml:6:1: mesos.agents.verify: \"name\" is not known here: write \"hostname\""},
      {base_but("[mesos]\n", "[mesos]\nhost_by = [\"name\"]\n"),
       "x.toml:4:1: mesos.host_by: \"name\" is no rule: write \"hostname\", \"ip\" or \"attribute:NAME\""},
      {base_but("[mesos]\n", "[mesos]\nhost_by = [\"attribute\"]\n"),
       "x.toml:4:1: mesos.host_by: \"attribute\" is no rule"},
      {base_but("[mesos]\n", "[mesos]\nhost_by = [\"attribute:\", \"ip\"]\n"),
       "x.toml:4:1: mesos.host_by: has an attribute: without a name"},
      {base_but("[mesos]\n", "[mesos]\nhost_by = [\"ip\", \"hostname\", \"ip\"]\n"),
       "x.toml:4:1: mesos.host_by: names \"ip\" twice: leave one"},
      {base_but("[mesos]\n", "[mesos]\nhost_by = []\n"), "x.toml:4:1: mesos.host_by: is empty"},
      {base_but("[mesos]\n", "[mesos]\nagent_poll_min = \"2m\"\n"),
       "x.toml:4:1: mesos.agent_poll_min: is more than agent_poll_max"},
      {base_but("launcher = \"linux\"", "launcher = \"Linux\""),
       "x.toml:6:1: mesos.agents.launcher: \"Linux\" is not known here: write \"linux\" or \"posix\""},
      {base_but("api = \"unfiltered\"", "api = \"open\""),
       "x.toml:7:1: mesos.agents.api: \"open\" is not known here"},
      // providers
      {base_but("type = \"local\"", "type = \"ebs\""),
       "x.toml:9:1: providers.lab.type: \"ebs\" is not built yet"},
      {base_but("root = \"/srv/v\"\n", ""), "x.toml:8:1: providers.lab.root: is missing: name the folder"},
      {base_but("pools = [{ name = \"disk\" }]", "pools = []"),
       "x.toml:12:1: providers.lab.pools: names no pool"},
      {base_but("{ name = \"disk\" }", "{ iops = 1 }"),
       "x.toml:12:10: providers.lab.pools[0].name: is missing"},
      {base_but("{ name = \"disk\" }", "{ name = \"a/b\" }"),
       "x.toml:12:12: providers.lab.pools[0].name: \"a/b\" is no name of a pool"},
      {base_but("{ name = \"disk\" }", "{ name = \"a\" }, { name = \"a\" }"),
       "x.toml:12:28: providers.lab.pools[1].name: \"a\" is there twice"},
      {base_but("name = \"disk\"", "name = \".ssd\""),
       "x.toml:12:12: providers.lab.pools[0].name: \".ssd\" is no name of a pool: write up to 64"},
      {base_but("name = \"disk\"", "name = \"" + std::string(65, 'a') + "\""),
       "x.toml:12:12: providers.lab.pools[0].name: \"" + std::string(65, 'a') + "\" is no name"},
      {base_but("format_host = \"format\"", "format_host = \"../a1\""),
       "x.toml:13:1: providers.lab.format_host: \"../a1\" is no name of a folder"},
      {base_but("{ name = \"disk\" }", "{ name = \"disk\", capacity = \"10\" }"),
       "x.toml:12:27: providers.lab.pools[0].capacity: \"10\" is no size"},
      {base_but("format_host = \"format\"", "format_host = \"f\"\nreach = \"none\""),
       "x.toml:14:1: providers.lab.reach: \"none\" is not known here"},
      {base_but("format_host = \"format\"", "format_host = \"f\"\ncalls_max = 0"),
       "x.toml:14:1: providers.lab.calls_max: 0 is out of range"},
      {base_but("[drivers.rexray]", "[providers]\nx = 1\n[drivers.rexray]"),
       "x.toml:15:1: providers.x: is a whole number: write a table: [providers.NAME]"},
      // drivers
      {base_but("provider = \"local~lab\"", "provider = \"local~other\""),
       "x.toml:15:1: drivers.rexray.provider: \"local~other\" is not configured: write TYPE~NAME"},
      {base_but("provider = \"local~lab\"", ""), "x.toml:14:1: drivers.rexray.provider: is missing"},
      {base_with("attach_by = \"me\"\n"),
       "x.toml:16:1: drivers.rexray.attach_by: \"me\" is not known here: write one of: extvold, plugin"},
      {base_with("accept = [\"hope\"]\n"),
       "x.toml:16:1: drivers.rexray.accept: \"hope\" is no ground that can be accepted"},
      {base_with("accept = [\"executor_terminal+0s\"]\n"), "x.toml:16:1: drivers.rexray.accept:"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const std::string error = error_of(row.text);
    CHECK(error.substr(0, row.error.size()) == row.error);
    CHECK(error.find(": ", row.error.size() > 8 ? 8 : 0) != std::string::npos);
  }
}

TEST_CASE("config: a header that is mistyped is an error with its place, whatever it is") {
  for (const char* line :
       {"[=a]", "[\x01\x02]", "[.a]", "[ ", "[", "[[", "[[=]]", "[*]", "[]", "[[]]", "[ ]", "[#"}) {
    for (const char* rest : {"", "\n", "\nx = 1\n"}) {
      INFO(line << rest);
      const dm::ConfigResult result = parse("[log]\n" + std::string(line) + rest);
      CHECK_FALSE(result.config.has_value());
      REQUIRE_FALSE(result.errors.empty());
      CHECK(result.errors.front().line >= 2);
      CHECK(result.errors.front().what.find("is not TOML") != std::string::npos);
    }
  }
}

TEST_CASE("config: a character that is not ASCII stands in quotes and comments only") {
  for (const char* line :
       {"a = {b\u00ed = 1}", "\u00ed = 1", "[\u00ed]", "a = \u00ed", "a = 1 \u00a0", "a = \"\"\u00ed"}) {
    INFO(line);
    const dm::ConfigResult result = parse("# \u00ed\n" + std::string(line) + "\n");
    CHECK_FALSE(result.config.has_value());
    REQUIRE(result.errors.size() == 1);
    CHECK(result.errors.front().line == 2);
    CHECK(result.errors.front().what.find("not ASCII") != std::string::npos);
  }
  for (const char* line : {"a = \"\u00ed\"", "a = '\u00ed' # \u00ed", "a = \"\"\"\n\u00ed\"\"\"\"\"",
                           "a = \"\\\"\u00ed\"", "'\u00ed' = 1", "a = '''\u00ed''''", "a = \"\u00ed"}) {
    INFO(line);
    for (const dm::ConfigProblem& problem : parse(std::string(line) + "\n").errors)
      CHECK(problem.what.find("not ASCII") == std::string::npos);
  }
}

TEST_CASE("config: all problems at once, in the order of the file") {
  const dm::ConfigResult result = parse(R"([log]
level = 3
[mesos]
master = "zk://x"
[drivers.a]
provider = "local~nowhere"
[typo]
)");
  CHECK_FALSE(result.config.has_value());
  REQUIRE(result.errors.size() == 4);
  const std::vector<std::uint32_t> lines = {2, 4, 6, 7};
  for (std::size_t i = 0; i < 4; ++i) CHECK(result.errors[i].line == lines[i]);
}

TEST_CASE("config: what works but is perhaps not meant is a warning") {
  const auto warning = [](std::string_view text) {
    const dm::ConfigResult result = parse(text);
    REQUIRE(result.config.has_value());
    REQUIRE(result.warnings.size() == 1);
    return dm::to_text(result.warnings.front());
  };
  CHECK(warning(base_but("launcher = \"linux\"\n", "")).find("agent_gone") != std::string::npos);
  CHECK(warning(base_but("[mesos.agents]\nlauncher = \"linux\"\napi = \"unfiltered\"\n", ""))
            .find("x.toml:3:1: mesos.agents") == 0);
  CHECK(warning(base_but("[mesos]\nmaster = \"http://127.0.0.1:5050\"\n[mesos.agents]\nlauncher = "
                         "\"linux\"\napi = \"unfiltered\"\n",
                         ""))
            .find("mesos.master: is missing") != std::string::npos);
  CHECK(warning(base_but("[drivers.rexray]\nprovider = \"local~lab\"\n", "")).find("no driver") !=
        std::string::npos);
  CHECK(warning(base_but("format_host = \"format\"\n", "")).find("format_host") != std::string::npos);
  CHECK(warning(base_but("[mesos]\n", "[mesos]\nhost_by = [\"attribute:unit\"]\n"))
            .find("mesos.host_by: names only attributes") != std::string::npos);
}

TEST_CASE("config: a file that cannot be read is one clear error") {
  dm::tests::TempDir folder;
  const dm::ConfigResult none = dm::load_config(folder.path("none.toml"));
  REQUIRE(none.errors.size() == 1);
  CHECK(dm::to_text(none.errors.front()).find("none.toml: cannot be read: No such file") !=
        std::string::npos);
  CHECK(dm::to_text(none.errors.front()).find("--config FILE") != std::string::npos);
  const dm::ConfigResult directory = dm::load_config(folder.path(""));
  CHECK(directory.errors.size() == 1);
  std::ofstream(folder.path("big.toml")) << std::string(2U << 20U, '#');
  CHECK(dm::load_config(folder.path("big.toml")).errors.at(0).what == "is larger than 1 MiB");
}

TEST_CASE("config: the installed example is valid, names every key, and warns of nothing") {
  const std::string path = std::string(EXTVOLD_SOURCE_DIR) + "/packaging/extvold.toml";
  const dm::ConfigResult example = dm::load_config(path);
  CHECK(texts(example.errors).empty());
  CHECK(texts(example.warnings).empty());
  REQUIRE(example.config.has_value());
  // With every commented key switched on it is valid, too, and means the same: what it shows are the
  // defaults.
  std::ifstream in(path);
  std::string text;
  for (std::string line; std::getline(in, line);) {
    const bool key = line.starts_with("# ") && line.find(" = ") != std::string::npos &&
                     line.find(" = ") < 40 && line.find(' ', 2) == line.find(" = ");
    text += (key ? line.substr(2) : line) + "\n";
  }
  const dm::ConfigResult full = parse(text);
  CHECK(texts(full.errors).empty());
  REQUIRE(full.config.has_value());
  CHECK(dm::needs_restart(*example.config, *full.config) == std::vector<std::string>{"api.group"});
  CHECK(full.config->policy.detach_linger == example.config->policy.detach_linger);
  CHECK(full.config->policy.master_poll == example.config->policy.master_poll);
  CHECK(full.config->policy.detach_storm_window == example.config->policy.detach_storm_window);
  // Every key that the example has is described.
  std::ifstream page_in(std::string(EXTVOLD_SOURCE_DIR) + "/docs/configuration.md");
  std::stringstream page;
  page << page_in.rdbuf();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t equals = line.find(" = ");
    if (line.starts_with("#") || equals == std::string::npos) continue;
    const std::string key = line.substr(0, equals);
    INFO(key);
    CHECK(page.str().find("`" + key + "`") != std::string::npos);
  }
}

TEST_CASE("config: who we are and whom we trust, for masters and for agents") {
  const dm::ConfigResult plain = parse(kBase);
  CHECK_FALSE(plain.config->agents_https);
  CHECK_FALSE(plain.config->master_auth.has_credentials());
  const dm::ConfigResult got = parse(
      "[mesos]\nmaster = [\"https://m1:5050\", \"https://m2:5050\"]\ncredential = \"systemd:mesos\"\n"
      "ca = \"/ca\"\ncertificate = \"/c\"\nkey = \"systemd:key\"\n[mesos.agents]\nlauncher = \"linux\"\n"
      "api = \"unfiltered\"\nverify = \"address\"\ntoken = \"/t\"\ntoken_prefix = \"Bearer \"\n"
      "[providers.lab]\ntype = \"local\"\nroot = \"/v\"\nhosts_dir = \"/h\"\npools = [{ name = \"d\" }]\n"
      "format_host = \"f\"\n[drivers.x]\nprovider = \"local~lab\"\n");
  REQUIRE(got.config.has_value());
  CHECK(texts(got.warnings).empty());
  CHECK(got.config->masters.urls == std::vector<std::string>{"https://m1:5050", "https://m2:5050"});
  CHECK(got.config->master_auth ==
        dm::AuthConfig{"mesos", "systemd:mesos", "", "", "/ca", "/c", "systemd:key", false});
  CHECK(got.config->agents_auth == dm::AuthConfig{"mesos.agents", "", "/t", "Bearer ", "", "", "", false});
  CHECK(got.config->agents_https);  // as the masters
  CHECK_FALSE(got.config->agents_verify_hostname);

  const auto warns = [](std::string_view line, std::string_view what) {
    const dm::ConfigResult result = parse(base_but("[mesos]\n", "[mesos]\n" + std::string(line) + "\n"));
    REQUIRE(result.config.has_value());
    REQUIRE_FALSE(result.warnings.empty());
    CHECK(to_text(result.warnings[0]).starts_with("x.toml:4:1: mesos." + std::string(what)));
  };
  warns("credential = \"/c\"", "credential: is sent without encryption");
  warns("token = \"/t\"", "token: is sent without encryption");
  warns("ca = \"/ca\"", "ca: has no effect");
  warns("https = true", "https: is without effect");
  warns("zookeeper_timeout = \"5s\"", "zookeeper_timeout: is without effect");
  const dm::ConfigResult insecure = parse(base_but(
      "master = \"http://127.0.0.1:5050\"", "insecure_skip_verify = true\nmaster = \"https://m:5050\""));
  REQUIRE_FALSE(insecure.warnings.empty());
  CHECK(to_text(insecure.warnings[0]).find("insecure_skip_verify: turns off the check") != std::string::npos);
  // Taken over by SIGHUP, but for how agents are dialled.
  CHECK(dm::needs_restart(*plain.config, *parse(base_but("[mesos]\n", "[mesos]\ntoken = \"/t\"\n")).config)
            .empty());
  CHECK(dm::needs_restart(*plain.config, *insecure.config) ==
        std::vector<std::string>{"mesos.master", "mesos.agents.https, verify"});
}

TEST_CASE("config: what needs a restart is named") {
  const dm::Config running = *parse(kBase).config;
  CHECK(dm::needs_restart(running, running).empty());
  const auto changed = [&](std::string_view line, std::string_view other) {
    return dm::needs_restart(running, *parse(base_but(line, other)).config);
  };
  CHECK(changed("http://127.0.0.1:5050", "http://127.0.0.1:5051") ==
        std::vector<std::string>{"mesos.master"});
  CHECK(changed("root = \"/srv/v\"", "root = \"/srv/w\"") == std::vector<std::string>{"providers"});
  CHECK(changed("[drivers.rexray]", "[drivers.other]") == std::vector<std::string>{"drivers"});
  CHECK(changed("active = true", "active = false").empty());
  CHECK(changed("launcher = \"linux\"", "launcher = \"posix\"").empty());
}

TEST_CASE("units: durations") {
  const std::vector<std::pair<std::string, extvold::Duration>> good = {{"0s", {}},
                                                                       {"250ms", extvold::milliseconds(250)},
                                                                       {"10s", seconds(10)},
                                                                       {"5m", minutes(5)},
                                                                       {"5min", minutes(5)},
                                                                       {"1h30m", minutes(90)},
                                                                       {"7d", seconds(7 * 86'400)}};
  for (const auto& [text, duration] : good) {
    INFO(text);
    REQUIRE(dm::parse_duration(text).has_value());
    CHECK(*dm::parse_duration(text) == duration);
    CHECK(*dm::parse_duration(dm::duration_text(duration)) == duration);
  }
  for (const char* bad : {"", "s", "10", "10 s", "-1s", "1s1h", "1s1s", "1.5h", "1w", "10S", "99999999999d",
                          "9223372036854775808ms", "+1s", "1h "}) {
    INFO(bad);
    CHECK_FALSE(dm::parse_duration(bad).has_value());
  }
  CHECK(dm::duration_text(minutes(90)) == "1h30m");
  CHECK(dm::duration_text(extvold::milliseconds(1500)) == "1s500ms");
}

TEST_CASE("units: sizes are megabytes of 2^20, as Mesos counts") {
  const std::vector<std::pair<std::string, std::int64_t>> good = {
      {"1MB", 1}, {"512MiB", 512}, {"10GB", 10'240}, {"1.5GB", 1536}, {"2 TB", 2 << 20}, {"0.25GiB", 256}};
  for (const auto& [text, megabytes] : good) {
    INFO(text);
    REQUIRE(dm::parse_size_mb(text).has_value());
    CHECK(*dm::parse_size_mb(text) == megabytes);
    CHECK(*dm::parse_size_mb(dm::size_text(megabytes)) == megabytes);
  }
  for (const char* bad : {"", "10", "GB", "10gb", "-1GB", "1.GB", ".5GB", "1.1MB", "1.0000001GB",
                          "99999999999TB", "10GBB", "1e3MB"}) {
    INFO(bad);
    CHECK_FALSE(dm::parse_size_mb(bad).has_value());
  }
  CHECK(dm::size_text(10'240) == "10GB");
  CHECK(dm::size_text(1536) == "1536MB");
}
