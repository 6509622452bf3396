// What a real libStorage server and a real Docker volume plugin sent, byte for byte with its headers, comes
// through the real HTTP client as the tests of their providers take it: a 205 with a body, a 204 that names
// the type of a body that it has not, answers at a unix socket.
#include <sys/socket.h>
#include <sys/un.h>
#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>

#include "daemon/http_client.h"
#include "providers/rexray/libstorage.h"
#include "tests/daemon/support.h"
#include "tests/lib/forking_process_runner.h"

namespace extvold::daemon::tests {
namespace {

const std::string kFolder = std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/";

struct Recording {
  std::string file;
  std::string method;
  std::string path;
  std::string answer;  // as it came, from its status line to the end of its body
  int status = 0;
  std::string body;
};

Recording recording_of(const std::string& file) {
  const std::string text = read_file(file);
  Recording out;
  out.file = file;
  out.method = text.substr(0, text.find(' '));
  out.path = text.substr(text.find(' ') + 1, text.find('\n') - text.find(' ') - 1);
  const std::size_t begin = text.find("HTTP/1.1 ");
  REQUIRE(begin != std::string::npos);
  out.status = std::stoi(text.substr(begin + 9));
  const std::size_t end_of_head = text.find("\r\n\r\n", begin) + 4;
  const std::size_t length = text.find("Content-Length: ", begin);
  if (length < end_of_head) out.body = text.substr(end_of_head, std::stoul(text.substr(length + 16)));
  out.answer = text.substr(begin, end_of_head - begin) + out.body;
  return out;
}

std::vector<Recording> recordings_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + folder))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Recording> out;
  for (const std::string& file : files) out.push_back(recording_of(file));
  return out;
}

// A unix socket that answers each request with `answer`.
class UnixServer {
 public:
  explicit UnixServer(const std::string& path) : listener_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof(address.sun_path));
    path.copy(address.sun_path, path.size());
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(listener_.get(), 16) == 0);
    thread_ = std::thread([this] {
      for (;;) {
        const UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd) return;
        Connection connection(fd.get());
        connection.read_request();
        connection.send(*answer.load());
      }
    });
  }
  ~UnixServer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  UnixServer(const UnixServer&) = delete;
  UnixServer& operator=(const UnixServer&) = delete;

  std::atomic<const std::string*> answer{nullptr};  // outlives the server, which may send it yet

 private:
  UniqueFd listener_;
  std::thread thread_;
};

struct Fixture {
  uv::Loop loop;
  SystemClock clock;
  CurlHttpClient client{loop, clock};

  void check(const Recording& recorded, HttpRequest request) {
    std::optional<Result<HttpResponse>> answer;
    client.request(std::move(request), [&](Result<HttpResponse> got) { answer = std::move(got); });
    REQUIRE(run_until(loop, [&] { return answer.has_value(); }));
    INFO((*answer ? std::string() : answer->error().message));
    REQUIRE(*answer);
    CHECK((*answer)->status == recorded.status);
    CHECK((*answer)->body == recorded.body);
  }
};

}  // namespace

TEST_CASE("what a real libStorage server sent comes through the client", "[daemon][http_client]") {
  const std::vector<Recording> recordings = recordings_in("rexray/libstorage");
  std::atomic<const std::string*> answer{nullptr};
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(*answer.load());
  });
  Fixture fixture;
  for (const Recording& recorded : recordings) {
    INFO(recorded.file);
    answer = &recorded.answer;
    HttpRequest request;
    request.method = recorded.method;
    request.url = server.url(recorded.path);
    if (request.method == "POST") request.body = "{}";
    fixture.check(recorded, request);
  }
}

TEST_CASE("what a real Docker volume plugin sent comes through a unix socket", "[daemon][http_client]") {
  const TempDir dir;
  const std::vector<Recording> recordings = recordings_in("docker-plugin");
  UnixServer server(dir.path("rexray.sock"));
  Fixture fixture;
  for (const Recording& recorded : recordings) {
    INFO(recorded.file);
    server.answer = &recorded.answer;
    HttpRequest request;
    request.method = recorded.method;
    request.url = "http://localhost" + recorded.path;
    request.unix_socket = dir.path("rexray.sock");
    request.body = "{}";
    fixture.check(recorded, request);
  }
}

TEST_CASE("a detach answered 205 and a removal answered 204 are done", "[daemon][http_client]") {
  std::string answer;
  RawServer server([&](Connection& connection, int) {
    connection.read_request();
    connection.send(answer);
  });
  Fixture fixture;
  extvold::tests::ForkingProcessRunner no_programs;
  providers::rexray::RexrayConfig config;
  config.url = server.url();
  config.service = "vfs";
  config.driver = "vfs";
  providers::rexray::Libstorage storage(
      config, {fixture.client, no_programs, [](const std::string&) { return std::string(); },
               [](Duration, const std::function<void()>&) {}, [&] { return fixture.clock.now(); }});
  std::optional<Status> said;
  const auto ends_well = [&] {
    REQUIRE(run_until(fixture.loop, [&] { return said.has_value(); }));
    INFO((*said ? std::string() : said->error().message));
    CHECK(*said);
    said.reset();
  };
  const auto note = [&](const Status& status) { said = status; };
  answer = recording_of(kFolder + "rexray/libstorage/11-detach-a1.txt").answer;
  storage.detach("vfs-000", "a1", seconds(10), note);
  ends_well();
  answer = recording_of(kFolder + "rexray/libstorage/18-remove-attached.txt").answer;
  storage.remove("vfs-000", seconds(10), note);
  ends_well();
}

}  // namespace extvold::daemon::tests
