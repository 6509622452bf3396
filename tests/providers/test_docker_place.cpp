// Where a Docker volume plugin listens: found in the order in which Docker looks.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "providers/docker/plugin_place.h"
#include "tests/providers/docker_world.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::providers::docker;

namespace {

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

void make_socket(const std::string& path) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.size() < sizeof(address.sun_path));
  path.copy(address.sun_path, path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  REQUIRE(fd >= 0);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
  ::close(fd);
}

}  // namespace

TEST_CASE("docker: a plugin is found by its socket first, then by .spec and .json, folder by folder") {
  DockerWorld world;  // for its folder
  DockerConfig config;
  config.plugin = "p";
  config.sockets_folder = world.dir + "/run";
  config.specs_folders = {world.dir + "/etc", world.dir + "/usr"};
  const Result<PluginPlace> none = find_plugin(config);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Errc::unavailable);
  CHECK(none.error().message.find("\"p\"") != std::string::npos);

  write(world.dir + "/usr/p.spec", "unix:///usr.sock\n");
  CHECK(find_plugin(config)->unix_socket == "/usr.sock");
  write(world.dir + "/etc/p/p.json", R"({"Name":"p","Addr":"unix:///etc-json.sock"})");
  CHECK(find_plugin(config)->unix_socket == "/etc-json.sock");
  write(world.dir + "/etc/p/p.spec", "  unix:///etc-folder.sock \r\n");
  CHECK(find_plugin(config)->unix_socket == "/etc-folder.sock");
  write(world.dir + "/etc/p.spec", "unix:///etc.sock");
  CHECK(find_plugin(config)->unix_socket == "/etc.sock");
  write(world.dir + "/run/p.sock", "is no socket");
  CHECK(find_plugin(config)->unix_socket == "/etc.sock");
  make_socket(world.dir + "/run/p/p.sock");
  CHECK(find_plugin(config)->unix_socket == world.dir + "/run/p/p.sock");
  CHECK(find_plugin(config)->url == "http://localhost");
}

TEST_CASE("docker: a plugin on another machine is reached over TLS, or by a decision") {
  DockerWorld world;
  DockerConfig config = world.config;
  write(world.dir + "/rexray.spec", "tcp://10.0.0.1:9000");
  REQUIRE_FALSE(find_plugin(config));
  CHECK(find_plugin(config).error().code == Errc::permission);
  config.plain_tcp = true;
  CHECK(find_plugin(config)->url == "http://10.0.0.1:9000");
  config.plain_tcp = false;
  write(world.dir + "/rexray.spec", "tcp://127.0.0.1:9000/");
  CHECK(find_plugin(config)->url == "http://127.0.0.1:9000");
  write(world.dir + "/rexray.spec", "https://row8.example:9000");
  CHECK(find_plugin(config)->url == "https://row8.example:9000");
  std::filesystem::remove(world.dir + "/rexray.spec");
  write(world.dir + "/rexray.json",
        R"({"Name":"rexray","Addr":"tcp://10.0.0.1:9000","TLSConfig":{"InsecureSkipVerify":false,
            "CAFile":"/etc/ca.pem","CertFile":"/etc/cert.pem","KeyFile":"/etc/key.pem"}})");
  const PluginPlace place = find_plugin(config).value();
  CHECK(place.url == "https://10.0.0.1:9000");
  CHECK(place.tls == HttpTls{"/etc/ca.pem", "/etc/cert.pem", "/etc/key.pem", true});
  write(world.dir + "/rexray.json", R"({"Addr":"tcp://10.0.0.1:9000","TLSConfig":null})");
  CHECK(find_plugin(config).error().code == Errc::permission);
}

TEST_CASE("docker: the example of Docker's own pages is read, its path ignored as Docker does") {
  const Result<PluginPlace> place = parse_plugin_json(R"({
  "Name": "plugin-example",
  "Addr": "https://example.com/docker/plugin",
  "TLSConfig": {
    "InsecureSkipVerify": false,
    "CAFile": "/usr/shared/docker/certs/example-ca.pem",
    "CertFile": "/usr/shared/docker/certs/example-cert.pem",
    "KeyFile": "/usr/shared/docker/certs/example-key.pem"
  }
})");
  REQUIRE(place);
  CHECK(place->url == "https://example.com");
  CHECK(place->tls == HttpTls{"/usr/shared/docker/certs/example-ca.pem",
                              "/usr/shared/docker/certs/example-cert.pem",
                              "/usr/shared/docker/certs/example-key.pem", true});
  CHECK(parse_spec("tcp://host:9000/path?x=1")->url == "http://host:9000");
}

TEST_CASE("docker: http:// is plain also beside a TLSConfig, so that it needs a decision") {
  DockerWorld world;
  DockerConfig config = world.config;
  std::filesystem::remove(world.dir + "/rexray.spec");
  write(world.dir + "/rexray.json",
        R"({"Addr":"http://10.0.0.1:9000","TLSConfig":{"CAFile":"/etc/ca.pem"}})");
  REQUIRE_FALSE(find_plugin(config));
  CHECK(find_plugin(config).error().code == Errc::permission);
  config.plain_tcp = true;
  CHECK(find_plugin(config)->url == "http://10.0.0.1:9000");
}

TEST_CASE("docker: a socket's path is as long as the kernel takes it") {
  const std::string longest = "/run/" + std::string(102, 'x');
  REQUIRE(longest.size() == 107);
  CHECK(parse_spec("unix://" + longest)->unix_socket == longest);
  CHECK_FALSE(parse_spec("unix://" + longest + "x"));
}

TEST_CASE("docker: what is no address of a plugin is refused") {
  for (const char* text : {"", "unix://relative", "ftp://x", "tcp://", "tcp:///path", "tcp://a b",
                           "/run/x.sock", "http://user:secret@host/"}) {
    INFO(text);
    CHECK_FALSE(parse_spec(text));
  }
  for (const char* text : {"", "[]", "{}", R"({"Addr":7})", R"({"Addr":"tcp://h:1","TLSConfig":[]})"}) {
    INFO(text);
    CHECK_FALSE(parse_plugin_json(text));
  }
}
