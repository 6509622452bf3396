#include "tests/zookeeper/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "model/check.h"

namespace extvold::daemon::zookeeper::tests {
namespace {

constexpr const char* kJava = "/usr/bin/java";
constexpr std::string_view kJars = "/usr/share/java/";
// slf4j-nop: without a log.
constexpr std::array<std::string_view, 11> kNeeded = {
    "zookeeper",    "zookeeper-jute", "slf4j-api",  "slf4j-nop",   "log4j-over-slf4j", "netty-all",
    "metrics-core", "commons-cli",    "commons-io", "snappy-java", "jackson-databind"};

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int free_port() {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  EXTVOLD_CHECK(::bind(fd.get(), generic, size) == 0 && ::getsockname(fd.get(), generic, &size) == 0);
  return ntohs(address.sin_port);
}

bool answers(int port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

std::string why_no_server() {
  if (::access(kJava, X_OK) != 0) return "needs a Java: apt-get install openjdk-17-jre-headless";
  for (std::string_view jar : kNeeded) {
    const std::string path = fmt::format("{}{}.jar", kJars, jar);
    if (::access(path.c_str(), R_OK) != 0)
      return fmt::format("needs a ZooKeeper server ({}): apt-get install libzookeeper-java", path);
  }
  return {};
}

Server::Server() : port_(free_port()) {
  configure("");
  start();
}

Server::Server(int number, const std::string& ensemble) : port_(free_port()), in_ensemble_(true) {
  configure("initLimit=50\nsyncLimit=10\n" + ensemble);
  std::filesystem::create_directory(folder_.path("data"));
  std::ofstream(folder_.path("data/myid")) << number << "\n";
}

void Server::configure(const std::string& more) {
  std::ofstream(folder_.path("zoo.cfg")) << fmt::format(
      "tickTime=200\ndataDir={}\nclientPortAddress=127.0.0.1\nclientPort={}\nadmin.enableServer=false\n"
      "maxClientCnxns=0\n{}",
      folder_.path("data"), port_, more);
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  std::ofstream(folder_.path("hosts")) << "127.0.0.1 localhost " << host.data() << "\n";
}

Server::~Server() { kill(); }

void Server::start() {
  begin();
  wait_until_it_listens();
}

void Server::begin() {
  std::string jars;
  for (std::string_view jar : kNeeded) jars += fmt::format("{}{}{}.jar", jars.empty() ? "" : ":", kJars, jar);
  // Names are looked up in a file: a machine's resolver may take its time.
  std::vector<std::string> arguments = {kJava,
                                        "-Djdk.net.hosts.file=" + folder_.path("hosts"),
                                        "-XX:TieredStopAtLevel=1",
                                        "-XX:+UseSerialGC",
                                        "-Xmx64m",
                                        "-Dzookeeper.forceSync=no",
                                        "-cp",
                                        jars,
                                        in_ensemble_ ? "org.apache.zookeeper.server.quorum.QuorumPeerMain"
                                                     : "org.apache.zookeeper.server.ZooKeeperServerMain",
                                        folder_.path("zoo.cfg")};
  std::vector<char*> raw;
  raw.reserve(arguments.size() + 1);
  for (std::string& one : arguments) raw.push_back(one.data());
  raw.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const std::string log = folder_.path("server.log");
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  REQUIRE(posix_spawn(&pid_, kJava, &actions, nullptr, raw.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
}

void Server::wait_until_it_listens() {
  const std::string log = folder_.path("server.log");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!answers(port_)) {
    INFO(daemon::tests::read_file(log));
    REQUIRE(::waitpid(pid_, nullptr, WNOHANG) == 0);
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));  // nothing tells when it listens
  }
}

void Server::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void Server::freeze() {
  ::kill(pid_, SIGSTOP);
  ::waitpid(pid_, nullptr, WUNTRACED);
}

void Server::thaw() { ::kill(pid_, SIGCONT); }

Address Server::address(std::string path, std::string credentials) const {
  return {{{"127.0.0.1", port_}}, std::move(credentials), std::move(path)};
}

Ensemble::Ensemble() {
  std::string lines;
  for (std::size_t i = 0; i < servers_.size(); ++i)
    lines += fmt::format("server.{}=127.0.0.1:{}:{}\n", i + 1, free_port(), free_port());
  for (std::size_t i = 0; i < servers_.size(); ++i) {
    servers_[i] = std::make_unique<Server>(static_cast<int>(i) + 1, lines);
    servers_[i]->begin();
  }
  for (auto& server : servers_) server->wait_until_it_listens();
}

std::size_t Ensemble::connected() const {
  for (int fd = 3; fd < 256; ++fd) {
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0 || peer.sin_family != AF_INET)
      continue;
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (servers_[i]->port() == ntohs(peer.sin_port)) return i;
    }
  }
  FAIL("connected to none of the ensemble");
  return 0;
}

Address Ensemble::address(const std::string& path) const {
  Address out = servers_[0]->address(path);
  for (std::size_t i = 1; i < servers_.size(); ++i)
    out.servers.push_back(servers_[i]->address().servers.at(0));
  return out;
}

Client::Client(uv::Loop& loop, Address address)
    : loop_(loop), session_(loop, clock_, random_, std::move(address), options(), {[](SessionState) {}, {}}) {
  session_.start();
  REQUIRE(run_until(loop_, [&] { return session_.connected(); }));
}

Status Client::try_create(const std::string& path) {
  std::optional<Status> status;
  session_.create(path, "", NodeKind::permanent, [&](const Result<std::string>& made) {
    status = made ? Status{} : Status(tl::make_unexpected(made.error()));
  });
  REQUIRE(run_until(loop_, [&] { return status.has_value(); }));
  return *status;
}

void Client::create(const std::string& path, std::string_view data, NodeKind kind) {
  std::optional<Result<std::string>> made;
  session_.create(path, data, kind, [&](Result<std::string> answer) { made = std::move(answer); });
  REQUIRE(run_until(loop_, [&] { return made.has_value(); }));
  INFO((*made ? **made : made->error().message));
  REQUIRE(made->has_value());
}

void Client::remove(const std::string& path) {
  session_.remove(path);
  std::optional<bool> there;
  session_.exists(path, nullptr, [&](const Result<bool>& answer) { there = answer.value_or(true); });
  REQUIRE(run_until(loop_, [&] { return there.has_value(); }));
  REQUIRE_FALSE(*there);
}

std::vector<std::string> Client::children(const std::string& path) {
  std::optional<std::vector<std::string>> names;
  session_.children(path, nullptr, [&](const Result<std::vector<std::string>>& answer) {
    names = answer.value_or(std::vector<std::string>{});
  });
  REQUIRE(run_until(loop_, [&] { return names.has_value(); }));
  return *names;
}

Node Client::get(const std::string& path) {
  std::optional<Node> node;
  session_.get(path, [&](const Result<Node>& answer) { node = answer.value_or(Node{}); });
  REQUIRE(run_until(loop_, [&] { return node.has_value(); }));
  return *node;
}

}  // namespace extvold::daemon::zookeeper::tests
