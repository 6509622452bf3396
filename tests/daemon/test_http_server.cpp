#include "daemon/http_server.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>

#include "daemon/http_client.h"
#include "daemon/unix_listener.h"
#include "tests/daemon/support.h"
#include "tests/lib/skip.h"

namespace extvold::daemon::tests {
namespace {

using Response = HttpServer::Response;

struct Fixture {
  uv::Loop loop;
  SystemClock clock;
  TempDir dir;
  std::string path = dir.path("extvold.sock");
  CurlHttpClient client{loop, clock};
  std::vector<HttpServer::Request> seen;
  std::vector<HttpServer::Responder> waiting;
  std::function<void(HttpServer::Responder)> handle = [](HttpServer::Responder responder) {
    responder.answer({200, R"({"ok":true})", "application/json", {}});
  };
  std::unique_ptr<HttpServer> server;

  Status listen(HttpServer::Options options = {}) {
    options.socket_path = path;
    auto made = HttpServer::listen(loop, options,
                                   [this](HttpServer::Request request, HttpServer::Responder responder) {
                                     seen.push_back(std::move(request));
                                     handle(std::move(responder));
                                   });
    if (!made) return tl::make_unexpected(made.error());
    server = std::move(*made);
    return {};
  }

  HttpRequest on_socket(std::string target) const {
    HttpRequest request;
    request.url = "http://localhost" + std::move(target);
    request.unix_socket = path;
    return request;
  }

  void start(HttpRequest request, std::optional<Result<HttpResponse>>& answer) {
    client.request(std::move(request), [&answer](Result<HttpResponse> got) { answer = std::move(got); });
  }

  Result<HttpResponse> ask(HttpRequest request) {
    std::optional<Result<HttpResponse>> answer;
    start(std::move(request), answer);
    REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return *answer;
  }

  // Connects, sends `bytes` as they are and returns what comes until the server closes.
  std::string raw(std::string_view bytes) {
    std::string got;
    std::atomic<bool> ended = false;
    std::thread peer([&] {
      const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_un address{};
      address.sun_family = AF_UNIX;
      std::memcpy(address.sun_path, path.data(), path.size());
      if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        Connection(fd.get()).send(bytes);
        ::shutdown(fd.get(), SHUT_WR);
        char buffer[4096];
        for (ssize_t n = 0; (n = ::recv(fd.get(), buffer, sizeof buffer, 0)) > 0;) {
          got.append(buffer, static_cast<std::size_t>(n));
        }
      }
      ended = true;
    });
    CHECK(run_until(loop, [&] {
      run_for(loop, milliseconds(2));
      return ended.load();
    }));
    peer.join();
    return got;
  }
};

TEST_CASE("a request reaches the handler with all its parts", "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  HttpRequest request = f.on_socket("/v1/volumes/a%20b?since=1%2F2&all&x=a+b");
  request.method = "POST";
  request.body = R"({"name":"pg"})";
  request.headers = {{"X-Reason", "because"}, {"Content-Type", "application/json"}};
  const auto answer = f.ask(request);
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->body == R"({"ok":true})");
  CHECK(std::find(answer->headers.begin(), answer->headers.end(),
                  std::pair<std::string, std::string>("content-type", "application/json")) !=
        answer->headers.end());
  REQUIRE(f.seen.size() == 1);
  const HttpServer::Request& seen = f.seen[0];
  CHECK(seen.method == "POST");
  CHECK(seen.path == "/v1/volumes/a b");
  CHECK(seen.query == std::map<std::string, std::string>{{"all", ""}, {"since", "1/2"}, {"x", "a b"}});
  CHECK(seen.headers.at("x-reason") == "because");
  CHECK(seen.body == R"({"name":"pg"})");
  CHECK(seen.peer.uid == getuid());
  CHECK(seen.peer.gid == getgid());
  CHECK(seen.peer.pid == getpid());
}

TEST_CASE("many requests on one connection, and large answers", "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  const std::string large(20U << 20U, 'x');
  f.handle = [&](HttpServer::Responder responder) {
    responder.answer({200, large, "text/plain", {{"X-A", "b"}}});
  };
  for (int i = 0; i < 3; ++i) {
    const auto answer = f.ask(f.on_socket("/"));
    REQUIRE(answer);
    CHECK(answer->body == large);
  }
  HttpRequest head = f.on_socket("/");
  head.method = "HEAD";
  CHECK(f.ask(head)->body.empty());
}

TEST_CASE("an answer may come later, in any order", "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  f.handle = [&](HttpServer::Responder responder) { f.waiting.push_back(std::move(responder)); };
  std::optional<Result<HttpResponse>> first;
  std::optional<Result<HttpResponse>> second;
  f.start(f.on_socket("/1"), first);
  REQUIRE(run_until(f.loop, [&] { return f.waiting.size() == 1; }));
  f.start(f.on_socket("/2"), second);
  REQUIRE(run_until(f.loop, [&] { return f.waiting.size() == 2; }));
  run_for(f.loop, milliseconds(20));
  CHECK_FALSE(first.has_value());
  f.waiting[1].answer({201, "two", "text/plain", {}});
  REQUIRE(run_until(f.loop, [&] { return second.has_value(); }));
  CHECK((*second)->status == 201);
  CHECK_FALSE(first.has_value());
  f.waiting[0].answer({200, "one", "text/plain", {}});
  REQUIRE(run_until(f.loop, [&] { return first.has_value(); }));
  CHECK((*first)->body == "one");
}

TEST_CASE("a request that nobody answers gets 500", "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  f.handle = [](HttpServer::Responder) {};
  const auto answer = f.ask(f.on_socket("/"));
  REQUIRE(answer);
  CHECK(answer->status == 500);
}

TEST_CASE("a client that hangs up while it waits does no harm", "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  f.handle = [&](HttpServer::Responder responder) { f.waiting.push_back(std::move(responder)); };
  HttpRequest request = f.on_socket("/");
  request.deadline = milliseconds(300);
  CHECK(f.ask(request).error().code == Errc::uncertain);
  REQUIRE(f.waiting.size() == 1);
  f.waiting[0].answer({200, std::string(1U << 20U, 'x'), "text/plain", {}});
  run_for(f.loop, milliseconds(20));
  f.handle = [](HttpServer::Responder responder) { responder.answer({}); };
  CHECK(f.ask(f.on_socket("/"))->status == 200);
}

TEST_CASE("bodies are bounded", "[daemon][http_server]") {
  Fixture f;
  HttpServer::Options options;
  options.body_bytes_max = 1000;
  REQUIRE(f.listen(options));
  HttpRequest request = f.on_socket("/");
  request.method = "POST";
  request.body = std::string(1000, 'x');
  CHECK(f.ask(request)->status == 200);
  request.body = std::string(1001, 'x');
  CHECK(f.ask(request)->status == 413);
  const std::string head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
  CHECK(f.raw(head + chunk(std::string(1001, 'x')) + "0\r\n\r\n").starts_with("HTTP/1.1 413 "));
  CHECK(f.raw(head + chunk(std::string(50'000, 'x'))).find("HTTP/1.1 200") == std::string::npos);
  CHECK(f.seen.size() == 1);
}

TEST_CASE("what is not clear is refused", "[daemon][http_server]") {
  Fixture f;
  HttpServer::Options options;
  // libmicrohttpd may miss a half-close that comes together with a part of a request; then this ends the
  // connection.
  options.idle_timeout_s = 1;
  REQUIRE(f.listen(options));
  for (const std::string target : {"/a%2Fb", "/a%00b", "/a%zz", "/a%2", "/?x=1&x=2", "/?a%"}) {
    INFO(target);
    CHECK(f.raw("GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 400 "));
  }
  CHECK(f.raw("GET http://elsewhere/ HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 400 "));
  CHECK(f.raw("nonsense\r\n\r\n").find("HTTP/1.1 200") == std::string::npos);
  CHECK(f.raw(std::string(100'000, 'x')).find("HTTP/1.1 200") == std::string::npos);
  CHECK(f.raw("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n").find("200") ==
        std::string::npos);
  CHECK(f.raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n").find("HTTP/1.1 200") ==
        std::string::npos);
  CHECK(f.raw("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc").find("HTTP/1.1 200") ==
        std::string::npos);
  CHECK(f.raw("").empty());
  CHECK(f.seen.empty());
}

TEST_CASE("destroying the server answers 503, mutes the responders and removes the socket",
          "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  f.handle = [&](HttpServer::Responder responder) { f.waiting.push_back(std::move(responder)); };
  std::optional<Result<HttpResponse>> answer;
  f.start(f.on_socket("/"), answer);
  REQUIRE(run_until(f.loop, [&] { return f.waiting.size() == 1; }));
  f.server.reset();
  CHECK(access(f.path.c_str(), F_OK) != 0);
  f.waiting[0].answer({200, "too late", "text/plain", {}});
  REQUIRE(run_until(f.loop, [&] { return answer.has_value(); }));
  REQUIRE(*answer);
  CHECK((*answer)->status == 503);
}

TEST_CASE("the handler may destroy the server", "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  f.handle = [&](HttpServer::Responder responder) {
    responder.answer({200, "bye", "text/plain", {}});
    f.server.reset();
  };
  std::optional<Result<HttpResponse>> answer;
  f.start(f.on_socket("/"), answer);
  REQUIRE(run_until(f.loop, [&] { return answer.has_value(); }));
  REQUIRE(*answer);
  CHECK((*answer)->body == "bye");
}

TEST_CASE("an idle connection is closed", "[daemon][http_server]") {
  Fixture f;
  HttpServer::Options options;
  options.idle_timeout_s = 1;
  REQUIRE(f.listen(options));
  std::string got;
  std::atomic<bool> ended = false;
  std::thread peer([&] {
    const UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, f.path.data(), f.path.size());
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
      Connection connection(fd.get());
      connection.send("GET / HT");
      connection.wait_for_hangup();
    }
    ended = true;
  });
  CHECK(run_until(f.loop, [&] {
    run_for(f.loop, milliseconds(10));
    return ended.load();
  }));
  peer.join();
}

TEST_CASE("the socket is private, whatever the umask", "[daemon][http_server]") {
  Fixture f;
  const mode_t old = umask(0);
  const auto listening = f.listen();
  umask(old);
  REQUIRE(listening);
  struct stat status {};
  REQUIRE(stat(f.path.c_str(), &status) == 0);
  CHECK(S_ISSOCK(status.st_mode));
  CHECK((status.st_mode & 07777) == 0600);
}

TEST_CASE("a configured group may use the socket", "[daemon][http_server]") {
  Fixture f;
  HttpServer::Options options;
  options.group = "no-such-group-here";
  const auto missing = f.listen(options);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == Errc::not_found);
  CHECK(access(f.path.c_str(), F_OK) != 0);

  if (geteuid() != 0) return extvold::tests::skip_test("needs root: giving a file to a group");
  options.group = "daemon";
  REQUIRE(f.listen(options));
  struct stat status {};
  REQUIRE(stat(f.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0660);
  CHECK(status.st_gid == getgrnam("daemon")->gr_gid);
}

TEST_CASE("a living daemon keeps its socket, a dead one's is taken over", "[daemon][http_server]") {
  Fixture f;
  {
    const auto left_behind = listen_unix(f.path, "");
    REQUIRE(left_behind);
    Fixture second;
    second.path = f.path;
    const auto refused = second.listen();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == Errc::conflict);
    CHECK(refused.error().message.find("a daemon answers on " + f.path) == 0);
  }
  CHECK(access(f.path.c_str(), F_OK) == 0);
  REQUIRE(f.listen());
  CHECK(f.ask(f.on_socket("/"))->status == 200);
}

TEST_CASE("what is in the way and is no socket stays", "[daemon][http_server]") {
  Fixture f;
  std::ofstream(f.path) << "precious";
  CHECK(f.listen().error().code == Errc::conflict);
  CHECK(read_file(f.path) == "precious");
  f.path = f.dir.path("no/such/directory");
  CHECK(f.listen().error().code == Errc::not_found);
  f.path = f.dir.path(std::string(200, 'x'));
  CHECK(f.listen().error().code == Errc::invalid);
}

TEST_CASE("a socket that another has taken over meanwhile is not removed", "[daemon][http_server]") {
  Fixture f;
  REQUIRE(f.listen());
  REQUIRE(unlink(f.path.c_str()) == 0);
  const auto other = listen_unix(f.path, "");
  REQUIRE(other);
  f.server.reset();
  CHECK(access(f.path.c_str(), F_OK) == 0);
}

}  // namespace
}  // namespace extvold::daemon::tests
