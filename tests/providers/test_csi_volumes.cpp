// The traps of CSI drivers: what real ones answered instead of what the specification says.
#include <catch2/catch.hpp>

#include "tests/providers/csi_world.h"

using namespace extvold;
using namespace extvold::tests;

namespace {

CsiDoubleOptions recorded() {
  CsiDoubleOptions options;
  options.as_recorded = true;
  return options;
}

// It does not list, does not inspect, and does not know sizes (democratic-csi).
CsiDoubleOptions silent() {
  CsiDoubleOptions options;
  options.without = {3, 10, 12};
  options.sizes_unknown = true;
  return options;
}

bool says(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void check_failed(const OperationResult& result, Errc code, const std::string& part) {
  INFO(result.error.message);
  CHECK(result.state == OperationState::failed);
  CHECK(result.error.code == code);
  CHECK(says(result.error.message, part));
}

int times_called(CsiWorld& world, const std::string& rpc) {
  const std::vector<std::string> called = world.driver.called();
  return static_cast<int>(std::count(called.begin(), called.end(), rpc));
}

}  // namespace

TEST_CASE("csi: the recorded driver: made, published, taken back, removed", "[csi]") {
  CsiWorld world(recorded());
  const Volume volume = world.created("xv-one");
  const OperationResult attached = world.execute(world.call(OperationKind::attach, volume, "a1"));
  CHECK(attached.state == OperationState::done);
  CHECK(attached.host_identity == "n1");
  CHECK(attached.device.empty());
  // [""] is in the place of its published nodes, now as before.
  const ProviderObservation seen = world.observe("xv-one");
  REQUIRE(seen.complete);
  REQUIRE(seen.volumes.size() == 1);
  CHECK(seen.volumes.front().attachments.empty());
  CHECK(seen.volumes.front().ledger_id.empty());
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).state == OperationState::done);
  // Of a volume that is gone it shows an abnormal condition, with OK.
  const OperationCall remove = world.call(OperationKind::remove, volume);
  CHECK(world.execute(remove).outcome == Outcome::changed);
  CHECK(world.execute(remove).outcome == Outcome::unchanged);
  const ProviderObservation gone = world.observe("xv-one");
  CHECK(gone.complete);
  CHECK(gone.volumes.empty());
}

TEST_CASE("csi: a driver that lacks what the configuration counts on makes no look whole", "[csi]") {
  CsiWorld world(recorded());
  world.config.list_attachments = true;
  world.restart();
  const ProviderObservation seen = world.observe();
  CHECK_FALSE(seen.complete);
  CHECK(says(seen.why_incomplete, "LIST_VOLUMES_PUBLISHED_NODES"));
  CHECK(says(seen.why_incomplete, "list_attachments = false"));
  const OperationResult made = world.execute(world.call(OperationKind::create, world.volume("xv-one")));
  check_failed(made, Errc::invalid, "list_attachments = false");
  CHECK(world.driver.volumes().empty());
}

TEST_CASE("csi: a driver whose name is to be checked and that does not tell it", "[csi]") {
  CsiWorld world;
  world.config.driver = "hostpath.csi.k8s.io";
  world.restart();
  const ProviderObservation seen = world.observe();
  CHECK_FALSE(seen.complete);
  CHECK(says(seen.why_incomplete, "Driver is missing version"));
  CHECK(says(seen.why_incomplete, "without `driver = "));
}

TEST_CASE("csi: topology is sent only to a driver that places volumes", "[csi]") {
  CsiWorld world;
  world.config.pools.front().topology = {{"topology.hostpath.csi/node", "n1"}};
  world.restart();
  CHECK(world.observe().complete);
  CHECK(world.created("xv-one").provider_ref == "vol-1");
}

TEST_CASE("csi: published at a node without a name is not published nowhere", "[csi]") {
  CsiWorld world;
  const Volume volume = world.created("xv-one");
  world.driver.publish(volume.provider_ref, "");
  for (const std::string& key : {std::string(), std::string("xv-one")}) {
    const ProviderObservation seen = world.observe(key);
    CHECK_FALSE(seen.complete);
    CHECK(says(seen.why_incomplete, "does not say by name where it is published"));
  }
  check_failed(world.execute(world.call(OperationKind::attach, volume, "a1")), Errc::unavailable, "by name");
  check_failed(world.execute(world.call(OperationKind::remove, volume)), Errc::unavailable, "by name");
}

TEST_CASE("csi: no unpublish leaves without the id of a node", "[csi]") {
  CsiWorld world;
  const Volume volume = world.created("xv-one");
  world.driver.publish(volume.provider_ref, "node-a2");
  const OperationResult result = world.execute(world.call(OperationKind::detach, volume, "a3"));
  check_failed(result, Errc::not_found, "hosts of provider");
  CHECK(world.driver.unpublished_nodes().empty());
  // By name, where the configuration says so; the driver does not know that node, and a look shows nothing
  // there.
  world.config.hosts_by_name = true;
  world.restart();
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a3")).outcome == Outcome::unchanged);
  CHECK(world.driver.unpublished_nodes() == std::vector<std::string>{"a3"});
  CHECK(world.driver.volumes().front().nodes.size() == 1);
}

TEST_CASE("csi: the node ids of agents' attributes come after those of the configuration", "[csi]") {
  CsiWorld world;
  world.config.hosts_attribute = "csi_node";
  world.restart();
  world.provider->inner->know_hosts({{"a1", "node-a9"}, {"a3", "node-a2"}, {"a4", "node-a4"}, {"a5", ""}});
  CHECK(world.provider->info().host_identities ==
        std::vector<HostIdentity>{{"a1", "node-a1"}, {"a2", "node-a2"}, {"a4", "node-a4"}});
  const Volume volume = world.created("xv-one");
  check_failed(world.execute(world.call(OperationKind::attach, volume, "a3")), Errc::not_found,
               "or give its agent the attribute csi_node");
  world.provider->inner->know_hosts({});
  CHECK(world.provider->info().host_identities.size() == 2);
  world.config.hosts_attribute = "csi:node";
  CHECK_FALSE(check_csi_config(world.config));
}

TEST_CASE("csi: a detach is sent also where nothing is shown, as an attach may still be at work", "[csi]") {
  CsiWorld world;
  const Volume volume = world.created("xv-one");
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).outcome == Outcome::unchanged);
  CHECK(world.driver.unpublished_nodes() == std::vector<std::string>{"node-a1"});
}

TEST_CASE("csi: a list in pages, whose token is forgotten once", "[csi]") {
  CsiDoubleOptions options;
  options.page = 2;
  CsiWorld world(options);
  for (const char* key : {"xv-a", "xv-b", "xv-c", "xv-d", "xv-e"}) world.created(key);
  world.driver.refuse("ListVolumes", 10, "The type of startingToken should be integer", 1);
  const ProviderObservation seen = world.observe();
  INFO(seen.why_incomplete);
  CHECK(seen.complete);
  CHECK(seen.volumes.size() == 5);
  world.driver.refuse("ListVolumes", 13, "page two is broken", 1);
  const ProviderObservation broken = world.observe();
  CHECK_FALSE(broken.complete);
  CHECK(broken.volumes.empty());
  CHECK(says(broken.why_incomplete, "INTERNAL (13): page two is broken"));
}

TEST_CASE("csi: pools: what is free, and no more", "[csi]") {
  CsiWorld world;
  world.config.pools.front().capacity_mb = 1000;
  world.restart();
  world.created("xv-one");
  const ProviderObservation seen = world.observe();
  REQUIRE(seen.pools.size() == 1);
  CHECK(seen.pools.front().name.pool == "fast");
  CHECK(seen.pools.front().free_mb == 240);
  CHECK(seen.pools.front().capacity_mb == 1000);
  CHECK(seen.pools.front().iops == 1000);
  world.driver.refuse("GetCapacity", 13, "no");
  const ProviderObservation untold = world.observe();
  CHECK(untold.complete);  // of the volumes; of the pool it does not say
  CHECK(untold.volumes.size() == 1);
  REQUIRE(untold.pools.size() == 1);
  CHECK(untold.pools.front().free_mb == -1);
  CHECK(untold.pools.front().capacity_mb == 1000);
}

TEST_CASE("csi: a driver that shows next to nothing", "[csi]") {
  CsiWorld world(silent());
  world.config.list_attachments = false;
  world.config.resize = false;
  world.restart();
  CsiDoubleVolume foreign;
  foreign.id = "somebodys-id";
  world.driver.put(foreign);
  const OperationResult made = world.execute(world.call(OperationKind::create, world.volume("xv-one")));
  REQUIRE(made.state == OperationState::done);
  CHECK(made.outcome == Outcome::unchanged);  // it may have been there: nobody can tell
  CHECK(made.granted_size_mb == 16);
  const ProviderObservation list = world.observe();
  CHECK(list.complete);
  REQUIRE(list.volumes.size() == 1);  // what is not ours cannot be seen
  CHECK(list.volumes.front().key == "xv-one");
  CHECK(list.volumes.front().size_mb == 16);  // as the ledger has it
  CHECK(times_called(world, "ListVolumes") == 0);
  CHECK(times_called(world, "ControllerGetVolume") == 0);
  Volume volume = world.volume("xv-one");
  volume.provider_ref = made.provider_ref;
  CHECK(world.execute(world.call(OperationKind::remove, volume)).outcome == Outcome::changed);
  CHECK(world.observe("xv-one").complete);
  CHECK(world.observe("xv-never").complete);
}

TEST_CASE("csi: where the name is the id, a create whose answer was lost is found", "[csi]") {
  CsiDoubleOptions options;
  options.id_is_name = true;
  CsiWorld world(options);
  world.driver.arm(conformance::Stage::change, conformance::Fault::lost_answer);
  const OperationResult lost = world.execute(world.call(OperationKind::create, world.volume("xv-one")));
  CHECK(lost.state == OperationState::uncertain);
  world.driver.disarm();
  CHECK(world.ledger.empty());
  const ProviderObservation seen = world.observe("xv-one");
  REQUIRE(seen.volumes.size() == 1);
  CHECK(seen.volumes.front().provider_ref == "xv-one");
  CHECK(seen.volumes.front().ledger_id.empty());
}

TEST_CASE("csi: elsewhere it is called again, and is the same volume", "[csi]") {
  CsiWorld world;
  world.driver.arm(conformance::Stage::change, conformance::Fault::lost_answer);
  CHECK(world.execute(world.call(OperationKind::create, world.volume("xv-one"))).state ==
        OperationState::uncertain);
  world.driver.disarm();
  const ProviderObservation seen = world.observe("xv-one");
  CHECK(seen.complete);
  CHECK(seen.volumes.empty());
  CHECK(world.created("xv-one").provider_ref == "vol-1");
  CHECK(world.driver.volumes().size() == 1);
}

TEST_CASE("csi: what publishing tells is the device", "[csi]") {
  CsiWorld world;
  const Volume volume = world.created("xv-one");
  const OperationResult attached = world.execute(world.call(OperationKind::attach, volume, "a1"));
  CHECK(attached.device == R"({"devicePath":"/dev/xvdb"})");
  OperationCall read_only = world.call(OperationKind::attach, volume, "a1");
  read_only.read_only = true;
  check_failed(world.execute(read_only), Errc::conflict, "ALREADY_EXISTS (6)");
}

TEST_CASE("csi: a driver that cannot publish read-only is not asked to", "[csi]") {
  CsiDoubleOptions options;
  options.without = {8};
  CsiWorld world(options);
  OperationCall attach = world.call(OperationKind::attach, world.created("xv-one"), "a1");
  attach.read_only = true;
  check_failed(world.execute(attach), Errc::invalid, "PUBLISH_READONLY");
  CHECK(times_called(world, "ControllerPublishVolume") == 0);
  // What everybody only reads, its access mode says.
  attach.volume.access = AccessMode::ro;
  CHECK(world.execute(attach).state == OperationState::done);
  CHECK_FALSE(world.driver.volumes().front().nodes.at("node-a1"));
}

TEST_CASE("csi: many readers share what is only read", "[csi]") {
  CsiWorld world;
  Volume volume = world.created("xv-one");
  volume.access = AccessMode::ro;
  for (const char* host : {"a1", "a2"})
    CHECK(world.execute(world.call(OperationKind::attach, volume, host)).state == OperationState::done);
  CHECK(world.observe("xv-one").volumes.front().attachments.size() == 2);
}

TEST_CASE("csi: secrets come from their files, and go nowhere else", "[csi]") {
  CsiDoubleOptions options;
  options.secrets = {{"user", "extvold"}, {"password", "hunter2"}};
  CsiWorld world(options);
  world.config.create_secrets_file = "/etc/csi/create.json";
  world.config.publish_secrets_file = "/etc/csi/publish.json";
  world.restart();
  const OperationCall create = world.call(OperationKind::create, world.volume("xv-one"));
  check_failed(world.execute(create), Errc::not_found, "/etc/csi/create.json");
  world.files["/etc/csi/create.json"] = R"({"user": "extvold", "password": 7})";
  check_failed(world.execute(create), Errc::invalid, "one JSON object of texts");
  CHECK(times_called(world, "CreateVolume") == 0);
  world.files["/etc/csi/create.json"] = R"({"user": "extvold", "password": "wrong"})";
  check_failed(world.execute(create), Errc::permission, "UNAUTHENTICATED");
  world.files["/etc/csi/create.json"] = R"({"user": "extvold", "password": "hunter2"})";
  world.files["/etc/csi/publish.json"] = world.files["/etc/csi/create.json"];
  world.driver.refuse("CreateVolume", 3, "no user extvold with password hunter2");
  const OperationResult refused = world.execute(create);
  check_failed(refused, Errc::invalid, "INVALID_ARGUMENT");
  CHECK_FALSE(says(refused.error.message, "hunter2"));
  const Volume volume = world.created("xv-one");
  CHECK(world.execute(world.call(OperationKind::attach, volume, "a1")).state == OperationState::done);
  CHECK(world.execute(world.call(OperationKind::detach, volume, "a1")).state == OperationState::done);
  CHECK(world.execute(world.call(OperationKind::remove, volume)).state == OperationState::done);
}

TEST_CASE("csi: a copy is a copy, or is not made", "[csi]") {
  {
    CsiWorld world;
    const Volume source = world.created("xv-source");
    OperationCall copy = world.call(OperationKind::create, world.volume("xv-copy"));
    copy.source_ref = source.provider_ref;
    CHECK(world.execute(copy).outcome == Outcome::changed);
    CHECK(world.driver.volumes().back().source == source.provider_ref);
    CHECK(world.execute(copy).outcome == Outcome::unchanged);
    copy.source_ref = "nosuch";
    copy.volume.key = "xv-other";
    check_failed(world.execute(copy), Errc::not_found, "NOT_FOUND (5)");
  }
  CsiWorld world;
  world.config.clone = false;
  world.restart();
  OperationCall copy = world.call(OperationKind::create, world.volume("xv-copy"));
  copy.source_ref = world.created("xv-source").provider_ref;
  check_failed(world.execute(copy), Errc::invalid, "clone = false");
  CsiDoubleOptions options;
  options.without = {5, 7};
  CsiWorld lacks(options);
  check_failed(lacks.execute(lacks.call(OperationKind::create, lacks.volume("xv-one"))), Errc::invalid,
               "CLONE_VOLUME: set clone = false");
}

TEST_CASE("csi: what it cannot do is refused in words", "[csi]") {
  CsiWorld world;
  const Volume volume = world.created("xv-one");
  check_failed(world.execute(world.call(OperationKind::format, volume, "a1")), Errc::invalid, "node plugin");
  Volume nameless = volume;
  nameless.provider_ref.clear();
  check_failed(world.execute(world.call(OperationKind::resize, nameless)), Errc::invalid, "by its name");
  Volume elsewhere = world.volume("xv-two");
  elsewhere.pool.pool = "slow";
  check_failed(world.execute(world.call(OperationKind::create, elsewhere)), Errc::not_found, "\"slow\"");
  const OperationResult huge = world.execute(world.call(OperationKind::create, world.volume("xv-two", 300)));
  check_failed(huge, Errc::exhausted, "RESOURCE_EXHAUSTED (8)");
  check_failed(world.execute(world.call(OperationKind::create, world.volume("xv-two", 2 << 20))),
               Errc::invalid, "OUT_OF_RANGE (11)");
}

TEST_CASE("csi: an answer that says done and is not so is in doubt", "[csi]") {
  CsiWorld world;
  const Volume volume = world.created("xv-one");
  world.driver.refuse("ControllerGetVolume", 14, "gone for a moment", 1);
  const OperationResult attached = world.execute(world.call(OperationKind::attach, volume, "a1"));
  CHECK(attached.state == OperationState::uncertain);
  CHECK(says(attached.error.message, "not read back"));
}

TEST_CASE("csi: after a change only what the specification calls undone is failed", "[csi]") {
  const std::map<int, Errc> undone = {{3, Errc::invalid},    {5, Errc::not_found}, {6, Errc::conflict},
                                      {7, Errc::permission}, {8, Errc::exhausted}, {9, Errc::conflict},
                                      {10, Errc::busy},      {11, Errc::invalid},  {12, Errc::invalid},
                                      {16, Errc::permission}};
  CsiWorld world;
  const Volume volume = world.created("xv-one");
  for (int code = 1; code <= 16; ++code) {
    INFO(code);
    world.driver.refuse("ControllerPublishVolume", code, "raw text");
    const OperationResult result = world.execute(world.call(OperationKind::attach, volume, "a1"));
    const auto found = undone.find(code);
    CHECK(result.error.code == (found == undone.end() ? Errc::uncertain : found->second));
    CHECK(says(result.error.message, "(" + std::to_string(code) + "): raw text"));
  }
}
