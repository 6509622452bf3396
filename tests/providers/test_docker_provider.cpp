// The docker provider where a plugin's protocol is loose: names that are there twice, mounts that nobody
// shows, errors that are only text, removal of what is mounted.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/providers/docker_world.h"
#include "tests/providers/http_calls.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

Volume volume_of(const std::string& key, std::int64_t size_mb = 1024) {
  Volume volume;
  volume.id = {7};
  volume.name = "pg";
  volume.key = key;
  volume.pool = {ProviderName("docker~row8"), "default"};
  volume.size_mb = size_mb;
  return volume;
}

// One that mounts on host a1 only, and shows what it has mounted.
void runs_on_a1(DockerWorld& world) {
  world.config.host = "a1";
  world.config.shows_mounts = true;
  world.restart();
}

std::vector<std::string> paths_sent(const DockerWorld& world) {
  std::vector<std::string> out;
  for (const HttpRequest& one : world.http.sent) out.push_back(one.url.substr(one.url.rfind('/')));
  return out;
}

}  // namespace

TEST_CASE("docker: the size is written as the plugin wants it, rounded up, with the options of the pool") {
  DockerWorld world;
  world.config.size_suffix = "G";
  world.config.options = {{"volumetype", "gold"}};
  world.config.size_status.clear();
  world.restart();
  const OperationResult made = execute(world, call_of(OperationKind::create, volume_of("xv-one", 1025)));
  INFO(made.error.message);
  REQUIRE(made.state == OperationState::done);
  CHECK(made.granted_size_mb == 2048);
  CHECK(world.plugin.volumes.at(0).options ==
        std::map<std::string, std::string>{{"size", "2G"}, {"volumetype", "gold"}});
  CHECK(world.provider->info().size_step_mb == 1024);
  CHECK(observe(world, "xv-one").volumes.at(0).size_mb == 0);  // nobody tells
}

TEST_CASE("docker: on the plugin's one host a volume is mounted once and let go by the same id") {
  DockerWorld world;
  runs_on_a1(world);
  world.plugin.shows_mount_in_path_only = GENERATE(false, true);
  world.plugin.loses_path = world.plugin.shows_mount_in_path_only;
  world.plugin.old_errors = GENERATE(false, true);
  const Volume volume = volume_of("xv-one");
  REQUIRE(execute(world, call_of(OperationKind::create, volume)).state == OperationState::done);

  const OperationResult first = execute(world, call_of(OperationKind::attach, volume));
  REQUIRE(first.state == OperationState::done);
  CHECK(first.outcome == Outcome::changed);
  CHECK(first.host_identity == "a1");
  CHECK(first.device == "/var/lib/rexray/volumes/xv-one/data");
  const ProviderObservation seen = observe(world, "xv-one");
  REQUIRE(seen.volumes.at(0).attachments.size() == 1);
  CHECK(seen.volumes.at(0).attachments.at(0).host_identity == "a1");
  CHECK(execute(world, call_of(OperationKind::attach, volume)).outcome == Outcome::unchanged);
  CHECK(world.plugin.volumes.at(0).users.size() == 1);

  const OperationResult other = execute(world, call_of(OperationKind::attach, volume, "a2"));
  CHECK(other.state == OperationState::failed);
  CHECK(other.error.code == Errc::conflict);
  CHECK(other.error.message.find("host a1") != std::string::npos);
  const OperationResult removed = execute(world, call_of(OperationKind::remove, volume));
  CHECK(removed.state == OperationState::failed);
  CHECK(removed.error.code == Errc::conflict);

  OperationCall detach = call_of(OperationKind::detach, volume);
  detach.operation.generation = {1, 9};
  CHECK(execute(world, detach).outcome == Outcome::changed);
  CHECK(world.plugin.volumes.at(0).users.empty());
  CHECK(execute(world, detach).outcome == Outcome::unchanged);
  const OperationResult elsewhere = execute(world, call_of(OperationKind::attach, volume, "a2"));
  CHECK(elsewhere.state == OperationState::failed);
  CHECK(elsewhere.error.code == Errc::invalid);
}

TEST_CASE("docker: a Mount that comes twice and late is undone by one Unmount where its id counts") {
  DockerWorld world;
  runs_on_a1(world);
  world.plugin.counts_calls = GENERATE(true, false);
  const Volume volume = volume_of("xv-one");
  REQUIRE(execute(world, call_of(OperationKind::create, volume)).state == OperationState::done);
  world.http.arm(HttpDouble::Stage::change, HttpDouble::Fault::late);
  CHECK(execute(world, call_of(OperationKind::attach, volume)).state == OperationState::uncertain);
  CHECK(execute(world, call_of(OperationKind::attach, volume)).state == OperationState::uncertain);
  world.http.disarm();
  CHECK(execute(world, call_of(OperationKind::attach, volume)).state == OperationState::done);
  world.http.let_late_calls_work();
  const OperationResult detached = execute(world, call_of(OperationKind::detach, volume));
  if (!world.plugin.counts_calls) {
    CHECK(detached.state == OperationState::done);
    CHECK(world.plugin.volumes.at(0).users.empty());
    return;
  }
  // Who the other two are, nobody can tell; they may be containers.
  CHECK(detached.state == OperationState::uncertain);
  CHECK(world.plugin.volumes.at(0).users.size() == 2);
  const OperationResult again = execute(world, call_of(OperationKind::detach, volume));
  CHECK(again.state == OperationState::failed);
  CHECK(again.error.code == Errc::conflict);
  CHECK(again.error.message.find("its own Mount") != std::string::npos);
  CHECK(world.plugin.volumes.at(0).users.size() == 2);
  // Its next Mount is undone again.
  world.plugin.volumes.at(0).users.clear();
  CHECK(execute(world, call_of(OperationKind::attach, volume)).outcome == Outcome::changed);
  CHECK(execute(world, call_of(OperationKind::detach, volume)).outcome == Outcome::changed);
}

TEST_CASE("docker: after an Unmount, what Path does not find is a mount and no volume") {
  DockerWorld world;
  runs_on_a1(world);
  world.plugin.old_errors = GENERATE(false, true);
  const Volume volume = volume_of("xv-one");
  REQUIRE(execute(world, call_of(OperationKind::create, volume)).state == OperationState::done);
  for (int i = 0; i < 2; ++i) {
    CHECK(execute(world, call_of(OperationKind::attach, volume)).outcome == Outcome::changed);
    CHECK(execute(world, call_of(OperationKind::detach, volume)).outcome == Outcome::changed);
    const ProviderObservation seen = observe(world, "xv-one");
    INFO(seen.why_incomplete);
    REQUIRE(seen.complete);
    CHECK(seen.volumes.at(0).attachments.empty());
  }
  CHECK(execute(world, call_of(OperationKind::remove, volume)).outcome == Outcome::changed);
}

TEST_CASE("docker: a detach from another host than the plugin's takes nothing from that one") {
  DockerWorld world;
  runs_on_a1(world);
  const Volume volume = volume_of("xv-one");
  REQUIRE(execute(world, call_of(OperationKind::create, volume)).state == OperationState::done);
  REQUIRE(execute(world, call_of(OperationKind::attach, volume)).state == OperationState::done);
  const OperationResult refused = execute(world, call_of(OperationKind::detach, volume, "a2"));
  CHECK(refused.state == OperationState::failed);
  CHECK(refused.error.code == Errc::invalid);
  CHECK(world.plugin.volumes.at(0).users.size() == 1);
}

TEST_CASE("docker: a plugin of scope local that always shows a Mountpoint makes and removes on its host") {
  DockerWorld world;
  world.plugin.scope = "local";
  world.plugin.always_shows_mountpoint = true;
  world.plugin.shows_mount_in_path_only = false;
  world.config.host = "a1";
  SECTION("sshfs") {}
  SECTION("local-persist, which is older and has its own words") {
    world.plugin.old_errors = true;
    world.plugin.knows_capabilities = false;
    world.plugin.missing_text = "No volume found with the name ";
  }
  world.restart();
  CHECK_FALSE(world.provider->info().capabilities.attach_to_named_host);
  const Volume volume = volume_of("xv-one");
  const OperationResult made = execute(world, call_of(OperationKind::create, volume));
  INFO(made.error.message);
  CHECK(made.outcome == Outcome::changed);
  REQUIRE(world.plugin.volumes.size() == 1);
  CHECK(observe(world, "xv-one").volumes.at(0).attachments.empty());
  const OperationResult attached = execute(world, call_of(OperationKind::attach, volume));
  CHECK(attached.error.code == Errc::invalid);
  CHECK(attached.error.message.find("shows_mounts") != std::string::npos);
  CHECK(execute(world, call_of(OperationKind::remove, volume)).outcome == Outcome::changed);
  CHECK(world.plugin.volumes.empty());
}

TEST_CASE("docker: an Unmount after which somebody else still uses the volume is not called done") {
  DockerWorld world;
  runs_on_a1(world);
  const Volume volume = volume_of("xv-one");
  REQUIRE(execute(world, call_of(OperationKind::create, volume)).state == OperationState::done);
  REQUIRE(execute(world, call_of(OperationKind::attach, volume)).state == OperationState::done);
  world.plugin.volumes.at(0).users.push_back("a container");
  const OperationResult result = execute(world, call_of(OperationKind::detach, volume));
  CHECK(result.state == OperationState::uncertain);
  CHECK(result.error.message.find("somebody else") != std::string::npos);
}

TEST_CASE("docker: a Mount that was answered well and is shown nowhere is uncertain") {
  DockerWorld world;
  runs_on_a1(world);
  const Volume volume = volume_of("xv-one");
  REQUIRE(execute(world, call_of(OperationKind::create, volume)).state == OperationState::done);
  world.plugin.shows_mounts = false;
  CHECK(execute(world, call_of(OperationKind::attach, volume)).state == OperationState::uncertain);
}

TEST_CASE("docker: a Mountpoint says nothing where the configuration does not say that it does") {
  DockerWorld world;
  world.plugin.volumes.push_back({"xv-one", {{"size", "1"}}, {"c1"}});
  CHECK(observe(world, "xv-one").volumes.at(0).attachments.empty());
  CHECK_FALSE(world.provider->info().capabilities.list_attachments);
  // remove-mounted.txt: the real one removes what is mounted; here nobody can know that it is.
  CHECK(execute(world, call_of(OperationKind::remove, volume_of("xv-one"))).state == OperationState::done);

  world.config.shows_mounts = true;  // on whichever host
  world.restart();
  world.plugin.volumes.push_back({"xv-one", {{"size", "1"}}, {"c1"}});
  REQUIRE(observe(world, "xv-one").volumes.at(0).attachments.size() == 1);
  CHECK(observe(world, "xv-one").volumes.at(0).attachments.at(0).host_identity.empty());
  CHECK(execute(world, call_of(OperationKind::remove, volume_of("xv-one"))).error.code == Errc::conflict);
}

TEST_CASE("docker: what a plugin refuses is failed only if a look shows that nothing came of it") {
  DockerWorld world;
  const Volume volume = volume_of("xv-one");
  world.plugin.change_error = "docker-legacy: Create: failed: something is wrong";
  world.plugin.old_errors = GENERATE(false, true);
  const OperationResult refused = execute(world, call_of(OperationKind::create, volume));
  CHECK(refused.state == OperationState::failed);
  CHECK(refused.error.message.find("something is wrong") != std::string::npos);
  world.plugin.does_it_first = true;
  CHECK(execute(world, call_of(OperationKind::create, volume)).state == OperationState::uncertain);
}

TEST_CASE("docker: a refusal that speaks of time or of a connection is uncertain") {
  DockerWorld world;
  world.plugin.change_error = GENERATE("request timed out", "context deadline exceeded", "unexpected EOF",
                                       "read: connection reset by peer");
  CHECK(execute(world, call_of(OperationKind::create, volume_of("xv-one"))).state ==
        OperationState::uncertain);
}

TEST_CASE("docker: no error but \"not found\", of Get and List together, means that there is none") {
  DockerWorld world;
  world.plugin.get_error = "docker-legacy: Get: failed: service not available";
  const ProviderObservation seen = observe(world, "xv-one");
  CHECK_FALSE(seen.complete);
  CHECK(seen.why_incomplete.find("service not available") != std::string::npos);

  // List shows it, Get says that there is none.
  world.plugin.get_error = "docker-legacy: Get: failed: resource not found";
  world.plugin.volumes.push_back({"xv-one", {}, {}});
  CHECK_FALSE(observe(world, "xv-one").complete);
  world.plugin.get_error.clear();
  world.plugin.left_out_of_list = {"xv-one"};
  CHECK(observe(world, "xv-one").volumes.size() == 1);
  CHECK(observe(world, "xv-two").complete);
  CHECK(observe(world, "xv-two").volumes.empty());
}

TEST_CASE("docker: two of ours of one name make a list incomplete, two of somebody else's do not") {
  DockerWorld world;
  world.plugin.volumes = {{"vol1", {}, {}}, {"vol1", {}, {}}};
  CHECK(observe(world).complete);
  CHECK(observe(world).volumes.size() == 2);
  world.plugin.volumes = {{"xv-one", {}, {}}, {"xv-one", {}, {}}};
  CHECK_FALSE(observe(world).complete);
  Volume adopted = volume_of("vol1");
  adopted.origin = VolumeOrigin::adopted;
  adopted.provider_ref = "vol1";
  world.plugin.volumes = {{"vol1", {}, {}}, {"vol1", {}, {}}};
  CHECK(execute(world, call_of(OperationKind::remove, adopted)).state == OperationState::failed);
  world.plugin.volumes = {{"vol1", {}, {}}};
  CHECK(execute(world, call_of(OperationKind::remove, adopted)).state == OperationState::done);
}

TEST_CASE("docker: a plugin of scope local makes volumes only where the configuration names its host") {
  DockerWorld world;
  world.plugin.scope = GENERATE("local", "GLOBAL", "");
  const OperationResult refused = execute(world, call_of(OperationKind::create, volume_of("xv-one")));
  CHECK(refused.state == OperationState::failed);
  CHECK(refused.error.code == Errc::invalid);
  CHECK(world.plugin.volumes.empty());
  runs_on_a1(world);
  CHECK(execute(world, call_of(OperationKind::create, volume_of("xv-one"))).state == OperationState::done);
}

TEST_CASE("docker: a plugin that is no volume driver is asked for nothing else") {
  DockerWorld world;
  world.plugin.implements = "NetworkDriver";
  CHECK_FALSE(observe(world).complete);
  CHECK(execute(world, call_of(OperationKind::create, volume_of("xv-one"))).state == OperationState::failed);
  CHECK(paths_sent(world) == std::vector<std::string>{"/Plugin.Activate", "/Plugin.Activate"});
}

TEST_CASE("docker: what the protocol cannot do is refused in words, and nothing is asked") {
  DockerWorld world;
  runs_on_a1(world);
  OperationCall clone = call_of(OperationKind::create, volume_of("xv-one"));
  clone.source_ref = "xv-two";
  OperationCall read_only = call_of(OperationKind::attach, volume_of("xv-one"));
  read_only.read_only = true;
  OperationCall limited = call_of(OperationKind::create, volume_of("xv-one"));
  limited.volume.iops = 100;
  for (const OperationCall& call :
       {clone, read_only, limited, call_of(OperationKind::format, volume_of("xv-one"))}) {
    const OperationResult result = execute(world, call);
    CHECK(result.state == OperationState::failed);
    CHECK(result.error.code == Errc::invalid);
  }
  FenceResult fenced;
  FenceCall fence;
  fence.act = FenceAct::set;
  world.provider->change_fence(fence, [&](FenceResult result) { fenced = std::move(result); });
  world.http.drain();
  CHECK(fenced.state == FenceCallState::failed);
  CHECK(world.http.sent.empty());
}

TEST_CASE("docker: what a configuration must not say") {
  DockerWorld world;
  providers::docker::DockerConfig config = world.config;
  CHECK(check_docker_config(config));
  config.plugin = "../rexray";
  CHECK_FALSE(check_docker_config(config));
  config = world.config;
  config.options = {{"size", "3"}};
  CHECK_FALSE(check_docker_config(config));
  config = world.config;
  config.specs_folders = {"plugins"};
  CHECK_FALSE(check_docker_config(config));
}
