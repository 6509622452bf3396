#include "daemon/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <catch2/catch.hpp>
#include <cerrno>
#include <memory>
#include <optional>

#include "daemon/uv/timer.h"
#include "tests/daemon/support.h"
#include "tests/replay/gzip.h"

namespace extvold::daemon::tests {
namespace {

using Answer = std::optional<Result<HttpResponse>>;

struct Fixture {
  uv::Loop loop;
  SystemClock clock;
  std::unique_ptr<CurlHttpClient> client = std::make_unique<CurlHttpClient>(loop, clock);

  Result<HttpResponse> ask(HttpRequest request) {
    Answer answer;
    client->request(std::move(request), [&](Result<HttpResponse> got) { answer = std::move(got); });
    CHECK_FALSE(answer.has_value());  // never from inside the call
    REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    return *answer;
  }
};

HttpRequest get(std::string url) {
  HttpRequest request;
  request.url = std::move(url);
  return request;
}

HttpRequest post(std::string url, std::string body) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.body = std::move(body);
  return request;
}

int free_port() {
  const RawServer server([](Connection&, int) {});
  return std::stoi(server.host_port().substr(10));
}

TEST_CASE("a request is sent as given and its answer comes back", "[daemon][http_client]") {
  std::string seen;
  RawServer server([&](Connection& connection, int) {
    seen = connection.read_request();
    connection.send(whole_answer("404 Not Found", "no such thing", "X-Thing: a: b \r\nEmpty:\r\n"));
  });
  Fixture f;
  HttpRequest request = post(server.url("/api/v1?x=%2F"), R"({"type":"GET_AGENTS"})");
  request.headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}, {"X-Empty", ""}};
  const Instant before = f.clock.now();
  const auto answer = f.ask(request);
  REQUIRE(answer);
  CHECK(answer->status == 404);
  CHECK(answer->body == "no such thing");
  CHECK(answer->headers == std::vector<std::pair<std::string, std::string>>{
                               {"content-length", "13"}, {"x-thing", "a: b"}, {"empty", ""}});
  CHECK(answer->sent_at >= before);
  CHECK(answer->ended_at >= answer->sent_at);
  CHECK(seen == "POST /api/v1?x=%2F HTTP/1.1\r\nHost: " + server.host_port() +
                    "\r\nContent-Type: application/json\r\nAccept: application/json\r\nX-Empty:\r\n"
                    "Content-Length: 21\r\n\r\n{\"type\":\"GET_AGENTS\"}");
}

TEST_CASE("methods and bodies", "[daemon][http_client]") {
  std::string seen;
  RawServer server([&](Connection& connection, int) {
    seen = connection.read_request();
    connection.send(whole_answer("200 OK", seen.starts_with("HEAD") ? "" : "x", ""));
  });
  Fixture f;
  const auto first_line_and_length = [&](const HttpRequest& request) {
    REQUIRE(f.ask(request));
    const std::size_t length = seen.find("Content-Length");
    return seen.substr(0, seen.find(' ')) +
           (length == std::string::npos ? "" : " " + seen.substr(length, seen.find('\r', length) - length));
  };
  HttpRequest request = get(server.url("/x"));
  CHECK(first_line_and_length(request) == "GET");
  request.method = "HEAD";
  CHECK(first_line_and_length(request) == "HEAD");
  request.method = "DELETE";
  CHECK(first_line_and_length(request) == "DELETE");
  request.method = "POST";
  CHECK(first_line_and_length(request) == "POST Content-Length: 0");
  request.method = "PUT";
  request.body = std::string("a\0b", 3);
  CHECK(first_line_and_length(request) == "PUT Content-Length: 3");
  CHECK(seen.find("Content-Type") == std::string::npos);
}

TEST_CASE("nobody listens: unavailable", "[daemon][http_client]") {
  Fixture f;
  const auto answer = f.ask(post(fmt::format("http://127.0.0.1:{}/", free_port()), "x"));
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Errc::unavailable);
  CHECK(answer.error().message.find("POST http://127.0.0.1:") == 0);

  HttpRequest request = get("http://localhost/x");
  request.unix_socket = "/nonexistent/socket";
  CHECK(f.ask(request).error().code == Errc::unavailable);
}

TEST_CASE("a connect that hangs until the deadline: unavailable", "[daemon][http_client]") {
  // A full backlog: the kernel drops further connects.
  const UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(::bind(listener.get(), generic, size) == 0);
  REQUIRE(::listen(listener.get(), 0) == 0);
  REQUIRE(::getsockname(listener.get(), generic, &size) == 0);
  std::vector<UniqueFd> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    REQUIRE((::connect(fillers.back().get(), generic, size) == 0 || errno == EINPROGRESS));
  }
  Fixture f;
  HttpRequest request = post(fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port)), "x");
  request.deadline = milliseconds(100);
  CHECK(f.ask(request).error().code == Errc::unavailable);
}

TEST_CASE("sent, but no whole answer: uncertain", "[daemon][http_client]") {
  std::string how;
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    if (how == "part") connection.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    if (how == "part chunked") connection.send(std::string(kStreamHead) + chunk("abc"));
    if (how == "reset") connection.reset();
    if (how == "silence") connection.wait_for_hangup();
  });
  how = GENERATE(as<std::string>(), "close", "part", "part chunked", "reset", "silence");
  INFO(how);
  Fixture f;
  HttpRequest request = post(server.url("/"), "x");
  request.deadline = how == "silence" ? milliseconds(100) : seconds(10);
  const auto answer = f.ask(request);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Errc::uncertain);
  CHECK(server.connections() == 1);  // not sent a second time
}

TEST_CASE("an answer that is too large: exhausted", "[daemon][http_client]") {
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(whole_answer("200 OK", std::string(1001, 'x')));
  });
  Fixture f;
  HttpRequest request = get(server.url("/"));
  request.response_bytes_max = 1000;
  CHECK(f.ask(request).error().code == Errc::exhausted);
  request.response_bytes_max = 1001;
  CHECK(f.ask(request)->body.size() == 1001);
}

TEST_CASE("headers without end: exhausted", "[daemon][http_client]") {
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    std::string headers = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 400; ++i) headers += "H: " + std::string(1000, 'x') + "\r\n";
    connection.send(headers);
    connection.wait_for_hangup();
  });
  Fixture f;
  CHECK(f.ask(get(server.url("/"))).error().code == Errc::exhausted);
}

TEST_CASE("a compressed answer is asked for and unpacked, within the bound", "[daemon][http_client]") {
  // gzip of 1000 times 'x'.
  static constexpr unsigned char kGzip[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                            0xab, 0xa8, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x0c, 0x77, 0x00,
                                            0x00, 0xe6, 0xc9, 0x41, 0x3b, 0xe8, 0x03, 0x00, 0x00};
  std::string seen;
  RawServer server([&](Connection& connection, int) {
    seen = connection.read_request();
    connection.send(whole_answer("200 OK", {reinterpret_cast<const char*>(kGzip), sizeof kGzip},
                                 "Content-Encoding: gzip\r\n"));
  });
  Fixture f;
  HttpRequest request = get(server.url("/"));
  request.accept_gzip = true;
  const auto answer = f.ask(request);
  REQUIRE(answer);
  CHECK(answer->body == std::string(1000, 'x'));
  CHECK(seen.find("Accept-Encoding: gzip\r\n") != std::string::npos);
  request.response_bytes_max = 999;
  CHECK(f.ask(request).error().code == Errc::exhausted);
  request.accept_gzip = false;
  CHECK(f.ask(request)->body.size() == sizeof kGzip);
  CHECK(seen.find("Accept-Encoding") == std::string::npos);
}

TEST_CASE("what may not be sent is refused: invalid", "[daemon][http_client]") {
  Fixture f;
  CHECK(f.ask(get("nonsense://x/")).error().code == Errc::invalid);
  CHECK(f.ask(get("file:///etc/passwd")).error().code == Errc::invalid);
  CHECK(f.ask(get("")).error().code == Errc::invalid);
  CHECK(f.ask(get("http://127.0.0.1/a b")).error().code == Errc::invalid);
  HttpRequest request = get("http://127.0.0.1/");
  request.headers = {{"X", "a\r\nHost: evil"}};
  CHECK(f.ask(request).error().code == Errc::invalid);
  request.headers = {{"X:", "a"}};
  CHECK(f.ask(request).error().code == Errc::invalid);
  request.headers.clear();
  request.method = "GET /x HTTP/1.1\r\n";
  CHECK(f.ask(request).error().code == Errc::invalid);
}

TEST_CASE("redirects are not followed", "[daemon][http_client]") {
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(whole_answer("307 Temporary Redirect", "", "Location: //127.0.0.1:1/api/v1\r\n"));
  });
  Fixture f;
  const auto answer = f.ask(get(server.url("/")));
  REQUIRE(answer);
  CHECK(answer->status == 307);
}

TEST_CASE("connections are kept for what is safe to repeat, and only for that", "[daemon][http_client]") {
  RawServer server([&](Connection& connection, int) {
    while (!connection.read_request().empty()) connection.send(whole_answer("200 OK", "x"));
  });
  Fixture f;
  REQUIRE(f.ask(get(server.url("/"))));
  REQUIRE(f.ask(get(server.url("/"))));
  HttpRequest reading = post(server.url("/"), "x");
  reading.safe_to_repeat = true;
  REQUIRE(f.ask(reading));
  CHECK(server.connections() == 1);
  REQUIRE(f.ask(post(server.url("/"), "x")));
  CHECK(server.connections() == 2);
}

TEST_CASE("a kept connection that died is replaced for a reading request", "[daemon][http_client]") {
  const bool by_reset = GENERATE(false, true);
  RawServer server([&](Connection& connection, int number) {
    connection.read_request();
    connection.send(whole_answer("200 OK", "x"));
    if (number > 0) return;
    connection.read_request();
    if (by_reset) connection.reset();
  });
  Fixture f;
  REQUIRE(f.ask(get(server.url("/"))));
  CHECK(f.ask(get(server.url("/"))));
  CHECK(server.connections() == 2);
}

TEST_CASE("destroying the client cancels without a callback", "[daemon][http_client]") {
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.wait_for_hangup();
  });
  Fixture f;
  bool called = false;
  f.client->request(get(server.url("/")), [&](Result<HttpResponse>) { called = true; });
  auto stream = f.client->start_stream(get(server.url("/")), {{}, {}, [&](Status) { called = true; }});
  f.client->request(get("bad url"), [&](Result<HttpResponse>) { called = true; });
  SECTION("at once") {}
  SECTION("when connected") {
    run_until(f.loop, [&] { return server.connections() == 2; });
    called = false;
  }
  f.client.reset();
  stream->resume();
  run_for(f.loop, milliseconds(20));
  CHECK_FALSE(called);
}

TEST_CASE("a callback may destroy the client", "[daemon][http_client]") {
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(whole_answer("200 OK", "x"));
  });
  Fixture f;
  int called = 0;
  const auto done = [&](const Result<HttpResponse>&) {
    ++called;
    f.client.reset();
  };
  f.client->request(get(server.url("/")), done);
  f.client->request(get(server.url("/")), done);
  REQUIRE(run_until(f.loop, [&] { return f.client == nullptr; }));
  run_for(f.loop, milliseconds(20));
  CHECK(called == 1);
}

struct StreamLog {
  int status = 0;
  std::string type;
  std::string bytes;
  std::optional<Status> end;
  std::unique_ptr<HttpStream> stream;

  HttpStreamCallbacks callbacks() {
    return {[this](int got, const HttpHeaders& headers) {
              status = got;
              for (const auto& [name, value] : headers) {
                if (name == "content-type") type = value;
              }
            },
            [this](std::string_view got) {
              CHECK(status != 0);
              CHECK_FALSE(end.has_value());
              bytes += got;
              return Flow::go_on;
            },
            [this](Status got) { end = std::move(got); }};
  }
};

TEST_CASE("a stream delivers headers, bytes and its end", "[daemon][http_client]") {
  const bool clean = GENERATE(true, false);
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send("HTTP/1.1 100 Continue\r\n\r\n" + std::string(kStreamHead) + chunk("abc"));
    connection.send(chunk("def") + (clean ? "0\r\n\r\n" : ""));
  });
  Fixture f;
  StreamLog log;
  log.stream = f.client->start_stream(post(server.url("/api/v1"), "{}"), log.callbacks());
  REQUIRE(run_until(f.loop, [&] { return log.end.has_value(); }));
  CHECK(log.status == 200);
  CHECK(log.type == "application/json");
  CHECK(log.bytes == "abcdef");
  CHECK(log.end->has_value() == clean);
  if (!clean) CHECK(log.end->error().code == Errc::uncertain);
}

TEST_CASE("a stream has no deadline and no size", "[daemon][http_client]") {
  constexpr std::size_t kBytes = 24U << 20U;
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    connection.send(chunk(std::string(kBytes, 'x')) + "0\r\n\r\n");
  });
  Fixture f;
  StreamLog log;
  HttpRequest request = post(server.url("/"), "{}");
  request.deadline = milliseconds(10);
  request.response_bytes_max = 10;
  log.stream = f.client->start_stream(request, log.callbacks());
  REQUIRE(run_until(f.loop, [&] { return log.end.has_value(); }));
  CHECK(log.end->has_value());
  CHECK(log.bytes.size() == kBytes);
}

TEST_CASE("a paused stream stops the sender, and nothing is lost", "[daemon][http_client]") {
  constexpr std::size_t kPieces = 4096;
  std::atomic<std::size_t> sent = 0;
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(kStreamHead);
    for (std::size_t i = 0; i < kPieces; ++i) {
      if (!connection.send(chunk(std::string(16384, static_cast<char>('a' + i % 26))))) return;
      ++sent;
    }
    connection.send("0\r\n\r\n");
  });
  Fixture f;
  std::string bytes;
  std::optional<Status> end;
  int calls = 0;
  int calls_while_paused = 0;
  bool paused = false;
  const auto stream =
      f.client->start_stream(post(server.url("/"), "{}"), {{},
                                                           [&](std::string_view got) {
                                                             ++calls;
                                                             if (paused) ++calls_while_paused;
                                                             bytes += got;
                                                             paused = calls == 1;
                                                             return paused ? Flow::pause : Flow::go_on;
                                                           },
                                                           [&](Status got) { end = std::move(got); }});
  REQUIRE(run_until(f.loop, [&] { return paused; }));
  for (std::size_t before = kPieces + 1; before != sent;) {  // until the buffers of both sides are full
    before = sent;
    run_for(f.loop, milliseconds(200));
  }
  CHECK(sent < kPieces);
  CHECK(calls_while_paused == 0);
  paused = false;
  stream->resume();
  REQUIRE(run_until(
      f.loop, [&] { return end.has_value(); }, seconds(30)));
  CHECK(end->has_value());
  REQUIRE(bytes.size() == kPieces * 16384);
  bool right = true;
  for (std::size_t i = 0; i < kPieces; ++i)
    right = right && bytes[i * 16384] == static_cast<char>('a' + i % 26);
  CHECK(right);
}

TEST_CASE("a stream is unpacked where that was asked for, through pauses", "[daemon][http_client]") {
  std::string whole;
  for (int i = 0; i < 400'000; ++i) whole += fmt::format(R"({{"task_id":{{"value":"pg.{}"}}}},)", i);
  const std::string packed = replay::gzip(whole);
  REQUIRE(packed.size() < whole.size() / 4);
  std::string seen;
  RawServer server([&](Connection& connection, int) {
    seen = connection.read_request();
    const bool asked = seen.find("Accept-Encoding: gzip\r\n") != std::string::npos;
    connection.send(
        whole_answer("200 OK", asked ? packed : whole, asked ? "Content-Encoding: gzip\r\n" : ""));
  });
  for (const bool accept : {true, false}) {
    Fixture f;
    std::string bytes;
    std::optional<Status> end;
    int calls = 0;
    int pauses = 0;
    HttpRequest request = post(server.url("/"), "{}");
    request.accept_gzip = accept;
    std::unique_ptr<HttpStream> stream;
    uv::Timer resume(f.loop);
    stream = f.client->start_stream(request, {{},
                                              [&](std::string_view got) {
                                                bytes += got;
                                                if (++calls % 3 != 0) return Flow::go_on;
                                                ++pauses;
                                                resume.start(milliseconds(1), [&] { stream->resume(); });
                                                return Flow::pause;
                                              },
                                              [&](Status got) { end = std::move(got); }});
    REQUIRE(run_until(f.loop, [&] { return end.has_value(); }));
    CHECK(end->has_value());
    CHECK(pauses > 2);
    CHECK(bytes == whole);
    CHECK((seen.find("Accept-Encoding") != std::string::npos) == accept);
  }
}

TEST_CASE("the end of a stream waits while it is paused", "[daemon][http_client]") {
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("abc") + "0\r\n\r\n");
  });
  Fixture f;
  std::optional<Status> end;
  int calls = 0;
  const auto stream =
      f.client->start_stream(get(server.url("/")), {{},
                                                    [&](std::string_view) {
                                                      ++calls;
                                                      return Flow::pause;
                                                    },
                                                    [&](Status got) { end = std::move(got); }});
  REQUIRE(run_until(f.loop, [&] { return calls == 1; }));
  run_for(f.loop, milliseconds(30));
  CHECK_FALSE(end.has_value());
  stream->resume();
  CHECK_FALSE(end.has_value());
  REQUIRE(run_until(f.loop, [&] { return end.has_value(); }));
}

TEST_CASE("a stream may be cancelled, and the client destroyed, in each callback", "[daemon][http_client]") {
  const bool whole_client = GENERATE(false, true);
  const std::string where = GENERATE(as<std::string>(), "headers", "bytes", "end");
  INFO(where << (whole_client ? ", client" : ", stream"));
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(std::string(kStreamHead) + chunk("abc") + "0\r\n\r\n");
    connection.wait_for_hangup();
  });
  Fixture f;
  std::unique_ptr<HttpStream> stream;
  std::string calls;
  const auto at = [&](const std::string& place) {
    calls += place + " ";
    if (place != where) return;
    if (whole_client) f.client.reset();
    stream.reset();
  };
  stream = f.client->start_stream(get(server.url("/")), {[&](int, const HttpHeaders&) { at("headers"); },
                                                         [&](std::string_view) {
                                                           at("bytes");
                                                           return Flow::go_on;
                                                         },
                                                         [&](Status) { at("end"); }});
  REQUIRE(run_until(f.loop, [&] { return stream == nullptr; }));
  run_for(f.loop, milliseconds(20));
  CHECK(calls == std::string("headers bytes end ")
                     .substr(0, std::string("headers bytes end ").find(where) + where.size() + 1));
}

TEST_CASE("a stream that cannot start says why", "[daemon][http_client]") {
  Fixture f;
  for (const auto& [url, code] : {std::pair<std::string, Errc>{"http://bad host/", Errc::invalid},
                                  {fmt::format("http://127.0.0.1:{}/", free_port()), Errc::unavailable}}) {
    StreamLog log;
    log.stream = f.client->start_stream(get(url), log.callbacks());
    CHECK_FALSE(log.end.has_value());
    REQUIRE(run_until(f.loop, [&] { return log.end.has_value(); }));
    REQUIRE_FALSE(log.end->has_value());
    CHECK(log.end->error().code == code);
  }
}

TEST_CASE("redirects are resolved against where they came from", "[daemon][http_client]") {
  const std::string base = "http://m1:5050/api/v1";
  CHECK(*resolve_redirect(base, "//m2.example:5051/api/v1") == "http://m2.example:5051/api/v1");
  CHECK(*resolve_redirect("https://m1:5050/api/v1", "//m2:5050/api/v1") == "https://m2:5050/api/v1");
  CHECK(*resolve_redirect(base, "https://m2:5050/api/v1") == "https://m2:5050/api/v1");
  CHECK(*resolve_redirect(base, "/other") == "http://m1:5050/other");
  CHECK(resolve_redirect(base, "").error().code == Errc::invalid);
  CHECK(resolve_redirect(base, "file:///etc/passwd").error().code == Errc::invalid);
  CHECK(resolve_redirect("https://m1:5050/api/v1", "http://m2:5050/api/v1").error().code == Errc::invalid);
}

}  // namespace
}  // namespace extvold::daemon::tests
