// The Docker volume plugin protocol as a real plugin spoke it (tests/data/docker-plugin): the double answers
// byte for byte like it, and the provider's reader reads it.
#include <catch2/catch.hpp>

#include "providers/docker/plugin_answers.h"
#include "tests/providers/docker_plugin_double.h"

using namespace extvold;
using namespace extvold::tests;
using namespace extvold::providers::docker;

namespace {

Result<nlohmann::json> read(const HttpResponse& response) {
  const Result<providers::JsonAnswer> answer = providers::json_answer(response, "plugin");
  REQUIRE(answer);
  return answer_body(*answer, "call");
}

Result<nlohmann::json> read_recorded(const std::string& name) {
  return read(recorded_docker_call(name).response);
}

void answers_as_recorded(DockerPluginDouble& plugin, const std::string& name) {
  INFO(name);
  const RecordedCall recorded = recorded_docker_call(name);
  HttpRequest request;
  request.method = "POST";
  request.url = "http://localhost" + recorded.path;
  request.body = recorded.request_body;
  const HttpResponse answer = plugin.answer(request);
  CHECK(answer.status == recorded.response.status);
  CHECK(answer.body == recorded.response.body);
}

DockerConfig config_with_status() {
  DockerConfig config;
  config.size_status = "size";
  return config;
}

}  // namespace

TEST_CASE("docker recordings: the double answers as the real plugin did") {
  DockerPluginDouble plugin;
  for (const char* name :
       {"activate", "capabilities", "create", "create-again", "get", "get-missing", "path"})
    answers_as_recorded(plugin, name);
  for (const char* name :
       {"mount", "mount-second", "unmount", "remove-mounted", "unmount2", "remove-missing"})
    answers_as_recorded(plugin, name);
  plugin.volumes = {{"dv0", {}, {}}};
  answers_as_recorded(plugin, "remove");
  answers_as_recorded(plugin, "bad");
}

TEST_CASE("docker recordings: what the real plugin answered is read as it was meant") {
  const DockerConfig config = config_with_status();
  CHECK(is_volume_driver(read_recorded("activate").value()));
  CHECK(is_global_scope(read_recorded("capabilities").value()));
  for (const char* name : {"create", "create-again", "unmount", "remove", "remove-mounted"})
    CHECK(read_recorded(name));
  CHECK(volume_in(read_recorded("get").value(), "dv0", config).value() == PluginVolume{"dv0", "", 1024});
  CHECK(read_recorded("get-missing").error().code == Errc::not_found);
  CHECK(read_recorded("remove-missing").error().code == Errc::not_found);
  CHECK(read_recorded("unmount2").error().code == Errc::not_found);
  CHECK(read_recorded("bad").error().code == Errc::invalid);
  const auto listed = volumes_in(read_recorded("list").value(), config).value();
  CHECK(listed == std::vector<PluginVolume>{{"pg2", "", 1024}, {"pgdata", "", 1024}});
}

TEST_CASE("docker: answers of other plugins, old and new") {
  const DockerConfig config;
  const auto answer = [](int status, const std::string& body) {
    HttpResponse response;
    response.status = status;
    response.body = body;
    return read(response);
  };
  CHECK(answer(200, R"({"Err":""})"));
  CHECK(answer(200, R"({"Err":null})"));
  CHECK(answer(200, ""));
  CHECK(answer(200, R"({"Err":"no such volume"})").error().code == Errc::not_found);
  for (const char* text : {"No volume found with the name \\u001b[36mpg0\\u001b[0m", "Could not find pg0",
                           "couldn't find volume pg0", "cannot find pg0", "unknown volume pg0",
                           "volume pg0 not found", "volume pg0 does not exist"}) {
    INFO(text);
    CHECK(answer(500, std::string(R"({"Err":")") + text + "\"}").error().code == Errc::not_found);
  }
  // Of the storage, not of the volume.
  CHECK(answer(500, R"({"Err":"cannot find pg0: connection refused"})").error().code == Errc::conflict);
  CHECK(answer(200, R"({"Err":"out of space"})").error().code == Errc::conflict);
  CHECK(answer(500, R"({"Err":"out of space"})").error().code == Errc::conflict);
  CHECK(answer(500, R"({"Err":""})").error().code == Errc::uncertain);
  CHECK(answer(500, "oops").error().code == Errc::uncertain);
  CHECK(answer(503, "").error().code == Errc::uncertain);
  CHECK(answer(404, "404 page not found").error().code == Errc::invalid);
  CHECK(answer(403, "").error().code == Errc::permission);
  CHECK(answer(429, "").error().code == Errc::throttled);
  CHECK(answer(200, "[]").error().code == Errc::uncertain);
  CHECK(answer(200, R"({"Err":7})").error().code == Errc::uncertain);
  CHECK(answer(302, R"({})").error().code == Errc::uncertain);

  CHECK(volume_in(answer(200, R"({"Volume":null,"Err":""})").value(), "x", config).error().code ==
        Errc::not_found);
  // A plugin that takes names for prefixes answers with another volume.
  CHECK(
      volume_in(answer(200, R"({"Volume":{"Name":"xv-one-more"}})").value(), "xv-one", config).error().code ==
      Errc::uncertain);
  CHECK(volumes_in(answer(200, R"({"Volumes":null})").value(), config).value().empty());
  CHECK(volumes_in(answer(200, R"({"Volumes":{}})").value(), config).error().code == Errc::uncertain);
  CHECK(volumes_in(answer(200, R"({"Volumes":[{"Mountpoint":"/x"}]})").value(), config).error().code ==
        Errc::uncertain);
  CHECK(
      volumes_in(answer(200, R"({"Volumes":[{"Name":"a","Mountpoint":7}]})").value(), config).error().code ==
      Errc::uncertain);
}

TEST_CASE("docker: a size in a volume's Status is read in its unit, or not at all") {
  DockerConfig config = config_with_status();
  config.size_suffix = "G";
  const auto size = [&](const std::string& value) {
    const auto got = nlohmann::json::parse(R"({"Volume":{"Name":"v","Status":{"size":)" + value + "}}}");
    return volume_in(got, "v", config).value().size_mb;
  };
  CHECK(size("2") == 2048);
  CHECK(size(R"("2")") == 2048);
  CHECK(size(R"("2G")") == 2048);
  CHECK(size(R"("2M")") == 0);
  CHECK(size("2.5") == 0);
  CHECK(size("-2") == 0);
  CHECK(size("18446744073709551615") == 0);
  CHECK(size("9223372036854775807") == 0);
  CHECK(size("null") == 0);
  config.size_unit = SizeUnit::B;
  CHECK(size("1073741824") == 1024);
}
