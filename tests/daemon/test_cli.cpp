// The command line in this process, on a real configuration and ledger, without a daemon; and its client
// against a real socket.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "daemon/api/ledger_backend.h"
#include "daemon/cli/render.h"
#include "daemon/cli/run.h"
#include "daemon/cli/table.h"
#include "daemon/record/record.h"
#include "daemon/uv/async.h"
#include "daemon/uv/loop.h"
#include "daemon/version.h"
#include "tests/daemon/api_world.h"

namespace extvold {
namespace {

namespace api = daemon::api;
namespace cli = daemon::cli;
namespace record = daemon::record;
namespace uv = daemon::uv;
using daemon::HttpServer;
using daemon::kVersion;

using record::Json;

struct Ran {
  int code = 0;
  std::string out;
  std::string err;
  Json json() const { return Json::parse(out); }
};

class Shell {
 public:
  explicit Shell(bool with_ledger = true) {
    std::filesystem::create_directories(folder_ / "hosts/a1");
    std::filesystem::create_directories(folder_ / "volumes/hdd");
    write_config({});
    if (with_ledger) tests::make_small_ledger(folder_ / "ledger.db");
  }

  void write_config(const std::string& more) {
    const std::string text = fmt::format(
        "[daemon]\nactive = true\n[ledger]\npath = \"{0}/ledger.db\"\n[api]\nsocket = \"{0}/x.sock\"\n{1}",
        folder_.path(), more);
    REQUIRE(record::write_file(folder_ / "extvold.toml", text));
  }

  Ran run(std::vector<std::string> args, std::optional<std::string> typed = {}) {
    std::vector<std::string> all = {"extvold"};
    all.insert(all.end(), args.begin(), args.end());
    if (args.empty() || args[0] != "version") {
      all.push_back("--config");
      all.push_back(folder_ / "extvold.toml");
    }
    std::vector<const char*> argv;
    for (const std::string& one : all) argv.push_back(one.c_str());
    std::ostringstream out;
    std::ostringstream err;
    cli::Io io{out, err,
               [&](const std::string& prompt) {
                 asked = prompt;
                 return typed;
               },
               4711, false};
    Ran ran;
    ran.code = cli::run(static_cast<int>(argv.size()), argv.data(), io);
    ran.out = hide(out.str());
    ran.err = hide(err.str());
    return ran;
  }

  // The folder's name changes from run to run.
  std::string hide(std::string text) const {
    for (std::size_t at = 0; (at = text.find(folder_.path())) != std::string::npos;)
      text.replace(at, folder_.path().size(), "DIR");
    return text;
  }
  const tests::TempFolder& folder() const { return folder_; }

  std::string asked;

 private:
  tests::TempFolder folder_;
};

// What an operator sees, compared with tests/golden/cli/NAME.txt; EXTVOLD_UPDATE_GOLDEN=1 writes it.
void check_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(EXTVOLD_SOURCE_DIR) + "/tests/golden/cli/" + name + ".txt";
  if (std::getenv("EXTVOLD_UPDATE_GOLDEN") != nullptr) REQUIRE(record::write_file(path, text));
  const auto expected = record::read_file(path);
  REQUIRE(expected);
  CHECK(text == *expected);
}

constexpr const char* kNote =
    "note: no daemon answers at DIR/x.sock: this is as of the last commit of DIR/ledger.db\n";

}  // namespace

TEST_CASE("cli: what an operator sees without a daemon") {
  Shell shell;
  for (const auto& [name, args] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"volume-list", {"volume", "list"}},
           {"volume-show", {"volume", "show", "pgdata"}},
           {"history", {"history", "pgdata"}},
           {"explain", {"explain", "pgdata"}},
           {"status", {"status"}}}) {
    DYNAMIC_SECTION(name) {
      const Ran ran = shell.run(args);
      CHECK(ran.code == 0);
      CHECK(ran.err == kNote);
      std::string text = ran.out;
      // The WAL's size is SQLite's affair.
      if (const std::size_t wal = text.find(", WAL "); wal != std::string::npos)
        text.erase(wal, text.find(" KiB") + 4 - wal);
      check_golden(name, text);
    }
  }
}

TEST_CASE("cli: JSON is JSON, and nothing else is on standard output") {
  Shell shell;
  CHECK(shell.run({"volume", "list", "--output", "json"}).json()["volumes"].size() == 3);
  CHECK(shell.run({"--output", "json", "volume", "show", "pgdata"}).json()["name"] == "pgdata");
  CHECK(shell.run({"status", "--output", "json"}).json()["daemon"] == "none");
  CHECK(shell.run({"history", "--since", "2026-01-01", "--output", "json"}).json()["history"].is_array());
  CHECK(shell.run({"explain", "pgdata", "--output", "json"}).json()["blocked"].size() == 1);
  CHECK(shell.run({"config", "check", "--output", "json"}).json()["usable"] == true);
  CHECK(shell.run({"ledger", "check", "--output", "json"}).json()["findings"].is_array());
  CHECK(shell.run({"hold", "logs", "--output", "json"}).json()["message"] == "volume logs is held");
  CHECK(shell.run({"version", "--output", "json"}).json()["version"].is_string());
}

TEST_CASE("cli: orders go into the ledger where no daemon runs") {
  Shell shell;
  const Ran held = shell.run({"hold", "logs"});
  CHECK(held.code == 0);
  CHECK(held.out == "volume logs is held\n");
  CHECK(held.err ==
        "note: no daemon answers at DIR/x.sock: the order goes into DIR/ledger.db, and the next daemon "
        "carries it out\n");
  const Ran list = shell.run({"volume", "show", "logs", "--output", "json"});
  CHECK(list.json()["hold"] == "held");
  CHECK(shell.run({"history", "logs", "--output", "json"}).json()["history"][0]["user_uid"] == 4711);
  CHECK(shell.run({"release", "--all"}).out == "everything is released, save what is held by name\n");
}

TEST_CASE("cli: the first volume of a new cluster needs no daemon and no ledger") {
  Shell shell(/*with_ledger=*/false);
  shell.write_config(
      fmt::format("[providers.laptop]\ntype = \"local\"\nroot = \"{0}/volumes\"\nhosts_dir = \"{0}/hosts\"\n"
                  "pools = [{{ name = \"hdd\" }}]\nreach = \"all\"\nformat_host = \"a1\"\n",
                  shell.folder().path()));
  const Ran nothing = shell.run({"volume", "list"});
  CHECK(nothing.code == 3);
  CHECK(nothing.err.find("DIR/ledger.db") != std::string::npos);
  const Ran made =
      shell.run({"volume", "create", "db", "--pool", "local~laptop~hdd", "--size", "1.5GB", "--fs", "ext4"});
  INFO(made.err);
  CHECK(made.code == 0);
  CHECK(made.out == "volume db of 1536 MB is recorded and will be created in local~laptop~hdd\n");
  const Json db = shell.run({"volume", "show", "db", "--output", "json"}).json();
  CHECK(db["state"] == "planned");
  CHECK(db["operation"].is_null());
  CHECK(shell.run({"status", "--output", "json"}).json()["mode"] == "observe");
}

TEST_CASE("cli: providers are listed without a daemon, and checked by a look of one's own") {
  Shell shell;
  const std::string folder = shell.folder().path();
  shell.write_config(
      fmt::format("[providers.fast]\ntype = \"csi\"\nendpoint = \"unix:{0}/nobody.sock\"\n"
                  "pools = [{{ name = \"p\", capacity = \"1TB\" }}]\n"
                  "[providers.plug]\ntype = \"docker\"\nplugin = \"nobody\"\nsockets_folder = \"{0}\"\n",
                  folder));
  const Ran config = shell.run({"config", "check"});
  INFO(config.out << config.err);
  REQUIRE(config.code == 0);
  const Ran list = shell.run({"provider", "list"});
  CHECK(list.code == 0);
  CHECK(list.out.find("csi~fast") != std::string::npos);
  CHECK(list.out.find("formats its own half on the host that uses the volume") != std::string::npos);
  const Ran dead = shell.run({"provider", "check", "fast"});
  CHECK(dead.code == 1);
  CHECK(dead.out.find("csi~fast: not whole: ") != std::string::npos);
  const Json json = shell.run({"provider", "check", "csi~fast", "--output", "json"}).json();
  CHECK(json["complete"] == false);
  CHECK(json["drift"].is_null());
  CHECK(json["capabilities"]["formatting"] == "node_side");
  CHECK(json["capabilities"]["shows_created"] == false);
  CHECK(shell.run({"provider", "check", "slow"}).err.find("is not configured") != std::string::npos);
  CHECK(shell.run({"volume", "list", "--foreign"}).out.find("no volume at its providers") != std::string::npos);
  CHECK(shell.run({"volume", "list", "--foreign", "--removed"}).code == 4);
}

TEST_CASE("cli: a copy takes its size from its source, a volume of its own needs one") {
  Shell shell;
  const Ran none = shell.run({"volume", "create", "db", "--pool", "local~lab~hdd"});
  CHECK(none.code == 1);
  CHECK(none.err.find("--size is missing") != std::string::npos);
}

TEST_CASE("cli: names are typed once more before anything is removed") {
  Shell shell;
  const Ran nobody = shell.run({"volume", "remove", "logs"});
  CHECK(nobody.code == 1);
  CHECK(nobody.err == "extvold: nobody is there to type the name; scripts say --yes-i-mean NAME\n");
  CHECK(shell.asked == "Type the name of the volume to remove (logs): ");
  const Ran wrong = shell.run({"volume", "remove", "logs"}, "log");
  CHECK(wrong.code == 1);
  CHECK(wrong.err.ends_with("extvold: volume logs is not removed: its name was not typed again\n"));
  CHECK(shell.run({"volume", "remove", "logs"}, "logs").code == 0);
  CHECK(shell.run({"volume", "list", "--output", "json"}).json()["volumes"][0]["state"] == "trashed");
  CHECK(shell.run({"volume", "restore", "logs"}).out == "volume logs is back\n");
  CHECK(shell.run({"volume", "remove", "logs", "--yes-i-mean", "logs"}).code == 0);
  const Ran early = shell.run({"volume", "purge", "logs", "--yes-i-mean", "logs"});
  CHECK(
      early.err.ends_with("extvold: volume logs is kept in the trash for 7 days; --now deletes it before\n"));
  const Ran confirm = shell.run({"fence", "confirm", "a1", "--reason", "powered off"}, "a1");
  CHECK(confirm.code == 0);
  CHECK(shell.asked.find("data will be destroyed") != std::string::npos);
  CHECK(shell.run({"fence", "confirm", "a1"}).code == 4);  // no reason
  CHECK(shell.run({"status", "--output", "json"}).json()["hosts"]["quarantined"] == Json::array({"a1"}));
}

TEST_CASE("cli: fencing is looked at, stopped and let go on") {
  Shell shell;
  CHECK(shell.run({"fence", "list"}).out == "no fence stands\n");
  CHECK(shell.run({"fence", "show", "a1"}).out.starts_with("host a1: neither quarantined nor held\n"));
  CHECK(shell.run({"fence", "show", "nobody"}).code == 1);
  CHECK(shell.run({"fence", "show"}).code == 4);
  CHECK(shell.run({"fence", "hold", "a1", "--reason", "it is being moved"}).out ==
        "host a1 is not fenced until `extvold fence release a1 --only-hold --reason ...`\n");
  CHECK(shell.run({"fence", "hold"}).code == 4);  // of a variable that is not set, say
  CHECK(shell.run({"fence", "hold", ""}).code == 4);
  CHECK(shell.run({"fence", "hold", "--all"}).code == 0);
  const Ran list = shell.run({"fence", "list"});
  CHECK(list.out.starts_with("fencing is stopped: "));
  CHECK(list.out.find("not to be fenced") != std::string::npos);
  CHECK(shell.run({"status"}).out.find("no host is fenced: `extvold fence release --all --reason ...`") !=
        std::string::npos);
  CHECK(shell.run({"fence", "list", "--output", "json"}).json()["stopped"] == true);
  const Ran forgotten = shell.run({"fence", "release", "--reason", "x"});
  CHECK(forgotten.code == 4);
  CHECK(forgotten.err == "say what: a host, or --all\n");
  CHECK(shell.run({"fence", "release", "a1", "--all", "--reason", "x"}).code == 4);
  CHECK(shell.run({"fence", "release", "--all"}).code == 4);  // no reason
  CHECK(shell.run({"fence", "release", "--all", "--reason", "it was a switch"}).code == 0);
  CHECK(shell.run({"fence", "release", "--all", "--only-hold", "--reason", "x"}).err ==
        "--only-hold needs a host\n");
  CHECK(shell.run({"fence", "release", "a1", "--only-hold", "--reason", "moved"}).out ==
        "host a1 may be fenced again\n");
  CHECK(shell.run({"fence", "release", "a1", "--only-hold", "--reason", "moved"}).out ==
        "host a1 is not held\n");
  CHECK(shell.run({"fence", "list"}).out == "no fence stands\n");
}

TEST_CASE("cli: a volume's profile is one that the configuration has") {
  Shell shell;
  const std::string provider = fmt::format(
      "[providers.laptop]\ntype = \"local\"\nroot = \"{0}/volumes\"\nhosts_dir = \"{0}/hosts\"\n"
      "pools = [{{ name = \"hdd\" }}]\nreach = \"all\"\n",
      shell.folder().path());
  const auto make = [&](const char* name) {
    return shell.run(
        {"volume", "create", name, "--pool", "local~laptop~hdd", "--size", "1GB", "--profile", "gold"});
  };
  shell.write_config(provider);
  CHECK(make("db").out ==
        "volume db of 1024 MB is recorded and will be created in local~laptop~hdd; but the configuration has "
        "no "
        "[profiles.gold.fence], so that its profile says nothing\n");
  shell.write_config(provider + "[profiles.silver.fence]\nafter = \"5m\"\n");
  const Ran refused = make("db2");
  CHECK(refused.code == 1);
  CHECK(refused.err.find("--profile gold: the configuration has no [profiles.gold.fence]; it has: silver") !=
        std::string::npos);
  shell.write_config(provider + "[profiles.gold.fence]\nafter = \"5m\"\n");
  CHECK(make("db2").out == "volume db2 of 1024 MB is recorded and will be created in local~laptop~hdd\n");
  CHECK(shell.run({"volume", "show", "db2", "--output", "json"}).json()["profile"] == "gold");
  CHECK(shell.run({"volume", "show", "db2"}).out.find("\nprofile     gold\n") != std::string::npos);
}

TEST_CASE("cli: what is refused is said, and the exit status says so") {
  Shell shell;
  const auto refused = [&](std::vector<std::string> args, int code, const std::string& message) {
    const Ran ran = shell.run(std::move(args));
    CHECK(ran.code == code);
    CHECK(ran.out.empty());
    INFO(ran.err);
    CHECK(ran.err.find(message) != std::string::npos);
  };
  refused({"explain", "nothing"}, 1, "extvold: no volume nothing");
  refused({"volume", "create", "x", "--pool", "hdd", "--size", "1GB"}, 1,
          "--pool hdd: a pool is written type~instance~pool");
  refused({"volume", "create", "x", "--pool", "a~b~c", "--size", "10"}, 1, "extvold: --size: ");
  refused({"volume", "create", "x", "--pool", "a~b~c", "--size", "1GB", "--fs", "zfs"}, 1,
          "--fs zfs: one of none, ext4, xfs is expected");
  refused({"volume", "create", "x", "--size", "1GB"}, 4, "--pool is required");
  refused({"history", "--since", "yesterday"}, 1, "--since yesterday: a time");
  refused({"hold"}, 4, "say what: a host, a volume, or --all");
  refused({"nonsense"}, 4, "");
  refused({"reconcile", "--dry-run", "--of-daemon"}, 3, "--of-daemon: no daemon answers at DIR/x.sock");
  refused({"volume", "adopt", "x", "--pool", "local~laptop~hdd", "--key", "y"}, 3, "start it first");
}

TEST_CASE("cli: a bad configuration is told whole, with places") {
  Shell shell;
  shell.write_config("[nonsense]\nx = 1\n[policy]\nretry_min = \"soon\"\n");
  const Ran checked = shell.run({"config", "check"});
  CHECK(checked.code == 4);
  CHECK(checked.out.find("error: DIR/extvold.toml:") != std::string::npos);
  CHECK(checked.out.ends_with("DIR/extvold.toml: not usable\n"));
  const Ran status = shell.run({"status"});
  CHECK(status.code == 4);
  CHECK(status.err.find("DIR/extvold.toml:") != std::string::npos);
}

TEST_CASE("cli: ledger check, backup and restore") {
  Shell shell;
  const std::string backup = shell.folder() / "backup.db";
  const Ran saved = shell.run({"ledger", "backup", backup});
  CHECK(saved.code == 0);
  CHECK(saved.out == "DIR/backup.db holds the ledger of DIR/ledger.db as of sequence 2\n");
  CHECK(shell.run({"ledger", "backup", backup}).code == 1);
  const Ran restored = shell.run({"ledger", "restore", backup});
  INFO(restored.err);
  CHECK(restored.code == 0);
  CHECK(restored.out.find("incarnation 2") != std::string::npos);
  CHECK(shell.run({"status", "--output", "json"}).json()["mode"] == "observe");
  CHECK(shell.run({"volume", "show", "pgdata", "--output", "json"}).json()["attachments"][0]["state"] ==
        "uncertain");
}

TEST_CASE("cli: help says where to begin and what the exit status means") {
  Shell shell;
  const Ran help = shell.run({"--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("extvold reconcile --dry-run") != std::string::npos);
  CHECK(help.out.find("3 the command needs a running daemon") != std::string::npos);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{{"serve"},
                                                                                       {"reconcile"},
                                                                                       {"hold"},
                                                                                       {"release"},
                                                                                       {"volume", "create"},
                                                                                       {"status"},
                                                                                       {"history"},
                                                                                       {"explain"},
                                                                                       {"fence", "confirm"},
                                                                                       {"fence", "release"},
                                                                                       {"fence", "list"},
                                                                                       {"fence", "show"},
                                                                                       {"fence", "hold"},
                                                                                       {"ledger", "check"},
                                                                                       {"ledger", "backup"},
                                                                                       {"ledger", "restore"},
                                                                                       {"config", "check"},
                                                                                       {"version"}}) {
    std::vector<std::string> args = command;
    args.push_back("--help");
    const Ran one = shell.run(args);
    INFO(command.front());
    CHECK(one.code == 0);
    CHECK(one.out.find("Usage: ") != std::string::npos);
  }
}

TEST_CASE("cli: every command and option is in the man page and in the completion") {
  const auto page = record::read_file(std::string(EXTVOLD_SOURCE_DIR) + "/docs/man/extvold.8");
  const auto completion =
      record::read_file(std::string(EXTVOLD_SOURCE_DIR) + "/packaging/extvold.bash-completion");
  REQUIRE(page);
  REQUIRE(completion);
  std::string plain = *page;
  for (std::size_t at = 0; (at = plain.find("\\-", at)) != std::string::npos;) plain.erase(at, 1);
  const auto commands = cli::command_names();
  CHECK(commands.size() > 20);
  for (const cli::CommandName& command : commands) {
    INFO(command.path);
    const std::size_t begin = plain.find("\n.SS " + command.path);
    REQUIRE(begin != std::string::npos);
    const std::string section = plain.substr(begin, plain.find("\n.S", begin + 1) - begin);
    const std::string last = command.path.substr(command.path.rfind(' ') + 1);
    CHECK(completion->find(" " + last) != std::string::npos);
    for (const std::string& option : command.options) {
      INFO(option);
      CHECK(section.find(option) != std::string::npos);
      CHECK(completion->find(" " + option) != std::string::npos);
    }
  }
  CHECK(plain.find("\"extvold " + std::string(kVersion) + "\"") != std::string::npos);
}

TEST_CASE("cli: tables are aligned, whatever is in them") {
  cli::Table table({"NAME", ">SIZE", "WHY"});
  table.add({"a", "1", "x"});
  table.add({"größer", "1024", ""});
  table.add({cli::Cell("evil\x1b[31m\n", cli::Paint::bad), "2", "y"});
  CHECK(table.text(false) ==
        "NAME           SIZE  WHY\n"
        "a                 1  x\n"
        "größer         1024  -\n"
        "evil\\x1b[31m      2  y\n");
  CHECK(table.text(true).find("\x1b[31mevil\\x1b[31m \x1b[0m") != std::string::npos);
  CHECK(cli::painted("x", cli::Paint::good, false) == "x");
  // An 8-bit CSI, a line that runs from right to left, a line separator; and what only looks like them.
  CHECK(cli::printable("a\xc2\x9b"
                       "31m") == "a\\xc2\\x9b31m");
  CHECK(cli::printable("\xe2\x80\xae"
                       "b\xe2\x80\xa8\xe2\x81\xa6") == "\\xe2\\x80\\xaeb\\xe2\\x80\\xa8\\xe2\\x81\\xa6");
  CHECK(cli::printable("caf\xc3\xa9 \xe2\x82\xac") == "caf\xc3\xa9 \xe2\x82\xac");
}

TEST_CASE("cli: the client speaks with a daemon over its socket") {
  Shell shell;
  const tests::FixedClock clock;
  auto backend = api::LedgerBackend::open(shell.folder() / "ledger.db", tests::small_policy(), clock);
  REQUIRE(backend);
  // The daemon's half, on a loop of its own thread.
  std::thread daemon;
  std::unique_ptr<uv::Loop> loop;
  std::unique_ptr<uv::Async> stop;
  {
    loop = std::make_unique<uv::Loop>();
    stop = std::make_unique<uv::Async>(*loop, [&] { loop->stop(); });
  }
  api::Api api(**backend);
  HttpServer::Options options;
  options.socket_path = shell.folder() / "x.sock";
  auto server =
      HttpServer::listen(*loop, options, [&](HttpServer::Request request, HttpServer::Responder responder) {
        const auto shared = std::make_shared<HttpServer::Responder>(std::move(responder));
        api.handle(request, [shared](HttpServer::Response response) { shared->answer(std::move(response)); });
      });
  REQUIRE(server);
  daemon = std::thread([&] { loop->run(); });

  const Ran list = shell.run({"volume", "list"});
  CHECK(list.code == 0);
  CHECK(list.err.empty());
  CHECK(list.out.find("pgdata") != std::string::npos);
  const Ran held = shell.run({"hold", "a1"});
  CHECK(held.err.empty());
  CHECK(held.out == "host a1 is held\n");
  const Ran missing = shell.run({"volume", "show", "no such/volume"});
  CHECK(missing.code == 1);
  CHECK(missing.err.starts_with("extvold: "));
  const Ran plan = shell.run({"reconcile", "--dry-run", "--of-daemon", "--detailed-exitcode", "--record",
                              shell.folder() / "recording"});
  INFO(plan.err);
  CHECK(plan.code == 2);
  CHECK(plan.out.find("create volume new of 1536 MB in local~laptop~hdd") != std::string::npos);
  CHECK(std::filesystem::exists(shell.folder() / "recording/expected-plan.txt"));
  CHECK(record::read_recording(shell.folder() / "recording"));

  stop->send();
  daemon.join();
  server->reset();
  stop.reset();
}

}  // namespace extvold
