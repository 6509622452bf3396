// extvold-replay: serves a recorded Mesos cluster. See README.md beside this file.
#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include "tests/replay/netns.h"
#include "tests/replay/server.h"

namespace extvold::replay {
namespace {

struct Options {
  std::string recording;
  double speed = 1;
  std::vector<double> holds;
  std::string netns;
  std::uint16_t port = 0;
  std::uint16_t agent_port = 0;
  std::string ports_file;
  std::vector<std::string> credentials;
  bool verbose = false;
  bool die_with_parent = false;
};

void declare(CLI::App& app, Options& options) {
  app.add_option("--recording", options.recording, "folder of the recording, as tests/data/mesos/move")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--speed", options.speed, "how many times as fast as recorded")
      ->check(CLI::Range(0.01, 1000.0));
  app.add_option(
      "--hold-at", options.holds,
      "stop the clock at this recorded second; heartbeats go on; SIGUSR1 releases it. May be repeated");
  app.add_option(
      "--netns", options.netns,
      "serve the recorded addresses inside this network namespace, made here and removed at the end unless "
      "it exists; without the right to do so: addresses are rewritten");
  app.add_option("--port", options.port, "the master's port outside of a namespace (0: any free one)");
  app.add_option("--agent-port", options.agent_port,
                 "the agents' port outside of a namespace (0: any free one)");
  app.add_option("--ports-file", options.ports_file,
                 "write the line that says what is bound to this file, too");
  app.add_option(
      "--credential", options.credentials,
      "USER:PASSWORD=CONNECTION, where the recording asks for credentials. May be repeated. Default: "
      "extvold:extvold=1 and blind:blind=2");
  app.add_flag("--verbose", options.verbose, "a line on stderr for each request");
  app.add_flag("--die-with-parent", options.die_with_parent,
               "stop when the process that started this one ends");
}

Result<Credentials> credentials_of(const Options& options) {
  if (options.credentials.empty()) return Credentials::defaults();
  Credentials credentials;
  for (const std::string& text : options.credentials) TRY(credentials.add(text));
  return credentials;
}

// What is bound where: one line of JSON.
std::string describe(const History& history, const Addresses& addresses, const Credentials& credentials,
                     const std::string& netns) {
  const Recording& recording = history.recording();
  Json line = {{"ready", true},
               {"recording", recording.name},
               {"pid", getpid()},
               {"netns", netns.empty() ? Json() : Json(netns)},
               {"rewritten", addresses.rewrites()},
               {"master", addresses.of("m1")},
               {"agents", Json::object()},
               {"starts_at", static_cast<double>(history.start(0)) / 1000.0},
               {"ends_at", static_cast<double>(recording.end) / 1000.0},
               {"credentials", Json()}};
  for (const Endpoint& endpoint : recording.endpoints) {
    if (!endpoint.is_master()) line["agents"][endpoint.name] = addresses.of(endpoint.name);
  }
  if (history.has_views()) {
    for (const auto& [user, view] : credentials.by_user()) line["credentials"][user] = view;
  }
  return dump_json(line);
}

Status write_ports_file(const std::string& path, const std::string& line) {
  const std::string temporary = path + ".new";
  std::ofstream out(temporary);
  out << line << '\n';
  out.close();
  std::error_code error;
  if (out) std::filesystem::rename(temporary, path, error);
  if (!out || error) return fail(Errc::permission, "{}: cannot write it", path);
  return {};
}

int signal_descriptor() {
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

Status serve(const Options& options) {
  ASSIGN(const Credentials credentials, credentials_of(options));
  ASSIGN(const Recording recording, load_recording(options.recording));
  for (const std::string& remark : recording.remarks) fmt::print(stderr, "extvold-replay: {}\n", remark);
  const History history(recording);

  const int signal_fd = signal_descriptor();  // before anything exists that a signal would leave behind
  if (options.die_with_parent) prctl(PR_SET_PDEATHSIG, SIGTERM);

  std::optional<Netns> netns;
  if (!options.netns.empty()) {
    auto entered = Netns::enter(options.netns);
    if (entered) {
      netns.emplace(std::move(*entered));
    } else if (entered.error().code == Errc::permission) {
      fmt::print(stderr, "extvold-replay: {}; serving here, with addresses rewritten\n",
                 entered.error().message);
    } else {
      return wrap(entered.error(), "network namespace");
    }
  }

  Addresses addresses;
  addresses.learn(recording);
  const Answers answers(history, addresses, credentials);
  std::vector<Millis> holds;
  for (const double hold : options.holds) holds.push_back(std::llround(hold * 1000.0));
  Server server(history, addresses, answers, ReplayClock(options.speed, holds), options.verbose);
  for (const Endpoint& endpoint : recording.endpoints) {
    const std::uint16_t elsewhere = endpoint.is_master() ? options.port : options.agent_port;
    ASSIGN(Listener listener, Listener::bind(endpoint.ip, netns ? endpoint.port : elsewhere));
    addresses.add(endpoint, listener.port());
    server.add(endpoint, std::move(listener));
  }
  TRY(server.open());

  const std::string line = describe(history, addresses, credentials, netns ? options.netns : "");
  if (!options.ports_file.empty()) TRY(write_ports_file(options.ports_file, line));
  fmt::print("{}\n", line);
  std::fflush(stdout);

  Status ran = server.run(signal_fd);
  if (!options.ports_file.empty()) ::unlink(options.ports_file.c_str());
  ::close(signal_fd);
  return ran;
}

}  // namespace
}  // namespace extvold::replay

int main(int argc, char** argv) {
  extvold::replay::Options options;
  CLI::App app{
      "Serves a recorded Mesos master and its agents as they answered. The recording's clock starts with the "
      "first "
      "subscriber and never goes back. Prints one line of JSON when it is ready; stops at SIGTERM."};
  app.name("extvold-replay");
  declare(app, options);
  CLI11_PARSE(app, argc, argv);
  if (const auto served = extvold::replay::serve(options); !served) {
    fmt::print(stderr, "extvold-replay: {}\n", served.error().message);
    return 1;
  }
  return 0;
}
