// What the programs of Ceph print, as recorded from 16.2.15 (tests/data/rbd), and what their ends mean;
// without a Ceph.
#include <catch2/catch.hpp>

#include "providers/rbd/ceph_output.h"
#include "providers/rbd/ceph_tools.h"
#include "providers/rbd/fence_target.h"
#include "providers/rbd/image_ref.h"
#include "providers/rbd/rbd_config.h"
#include "providers/rbd/storage_address.h"
#include "tests/providers/local_world.h"

using namespace extvold;
using namespace extvold::providers::rbd;

namespace {

std::string recorded(const std::string& name) {
  std::string text = tests::read_text(std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/rbd/" + name);
  REQUIRE_FALSE(text.empty());
  return text;
}

// A text that was cut off is never half an answer.
template <typename Parse>
void check_every_cut(const std::string& text, Parse parse) {
  const std::size_t end = text.find_last_not_of(" \n") + 1;
  for (std::size_t size = 0; size < end; ++size) {
    INFO(size);
    CHECK_FALSE(parse(text.substr(0, size)).has_value());
  }
}

ToolAnswer answer(int exit_status, const std::string& said = "", bool connected = true) {
  ToolAnswer one;
  one.exit_status = exit_status;
  one.said = said;
  one.connected = connected;
  return one;
}

ToolAnswer answer_of(Program program, int exit_status, const std::string& said) {
  ToolAnswer one = answer(exit_status, said);
  one.program = program;
  return one;
}

RbdConfig good_config() {
  RbdConfig config;
  config.name = ProviderName("rbd~test");
  config.keyring = "/etc/ceph/ceph.client.extvold.keyring";
  config.pools = {{"p1", 0}};
  config.host_identities = {{"a1", "10.0.0.7"}, {"a2", "10.0.7.0/24"}, {"a3", "fd00::7"}};
  return config;
}

}  // namespace

TEST_CASE("rbd output: what was recorded is read, and nothing that was cut off") {
  CHECK(*parse_names(recorded("ls.json")) == std::vector<std::string>{"xv-one", "xv-two"});
  const auto rows = parse_rows(recorded("ls-long.json"));
  REQUIRE(rows);
  REQUIRE(rows->size() == 2);  // the snapshot's row is none of them
  CHECK((*rows)[1] == ImageRow{"xv-two", "1021b6210831", 64 << 20});
  CHECK(*parse_info(recorded("info.json")) == ImageInfo{"xv-two", "1021b6210831", 64 << 20, 1, {}});
  const auto clone = parse_info(recorded("info-clone.json"));
  REQUIRE(clone);
  CHECK(clone->parent == ParentSnapshot{"p1", "xv-two", "s1"});
  const auto watchers = parse_watchers(recorded("status.json"));
  REQUIRE(watchers);
  REQUIRE(watchers->size() == 1);
  CHECK(to_text(watchers->front().address) == "10.99.0.1");
  CHECK(watchers->front().nonce == 1341639868);
  CHECK(parse_watchers(recorded("status-none.json"))->empty());
  CHECK(*parse_snapshots(recorded("snap-ls.json")) == std::vector<Snapshot>{{"s1", true}});
  CHECK(*parse_omap_value(recorded("getomapval.txt")) == "7c9e6679-7425-40de-944b-e07fc1f90ae7 1021b6210831");
  CHECK_FALSE(parse_omap_value(recorded("getomapval-no-key.txt")));
  const auto pools = parse_df(recorded("df.json"));
  REQUIRE(pools);
  CHECK(pools->front().name == "p1");
  CHECK(pools->front().free_bytes > 3'000'000'000);

  check_every_cut(recorded("ls.json"), &parse_names);
  check_every_cut(recorded("ls-long.json"), &parse_rows);
  check_every_cut(recorded("info-clone.json"), &parse_info);
  check_every_cut(recorded("status.json"), &parse_watchers);
  check_every_cut(recorded("snap-ls.json"), &parse_snapshots);
  check_every_cut(recorded("df.json"), &parse_df);
  const std::string value = recorded("getomapval.txt");
  check_every_cut(value.substr(0, value.find("  |1")), &parse_omap_value);
}

TEST_CASE("rbd output: the blocklist of an osd dump, clients and ranges, with their ends") {
  const auto list = parse_osd_dump(recorded("osd-dump.json"));
  REQUIRE(list);
  CHECK(list->epoch == 41);
  REQUIRE(list->clients.size() == 3);
  REQUIRE(list->ranges.size() == 2);
  bool found = false;
  for (const BlockedClient& one : list->clients) {
    if (to_text(one.client.address) != "10.99.1.2" || one.client.nonce != 0) continue;
    found = true;
    CHECK(one.until == wall_time_from_text("2031-11-27T15:51:29.405114+0000"));
  }
  CHECK(found);
  CHECK(to_text(list->ranges[0].range) == "10.99.2.0/24");
  CHECK(to_text(list->ranges[1].range) == "fd01::/64");
  check_every_cut(recorded("osd-dump.json"), &parse_osd_dump);
  // Before 16.2 there was another word for it: then nothing is known, and not that nothing is there.
  CHECK_FALSE(parse_osd_dump(R"({"epoch":1,"blacklist":{}})"));
  CHECK_FALSE(parse_osd_dump(R"({"epoch":1,"blocklist":{"10.0.0.1":"2031-11-27T15:51:29.4+0000"}})"));
  CHECK_FALSE(parse_osd_dump(R"({"epoch":1,"blocklist":{"10.0.0.1:0/0":"soon"}})"));
}

TEST_CASE("rbd output: watchers as a list and, in older releases, as an object") {
  const auto old = parse_watchers(R"({"watchers":{"watcher":{"address":"[fd00::7]:0\/5","client":1}}})");
  REQUIRE(old);
  REQUIRE(old->size() == 1);
  CHECK(to_text(old->front().address) == "fd00::7");
  for (const char* text : {"{}", "[]", R"({"watchers":null})", R"({"watchers":[{}]})",
                           R"({"watchers":[{"address":"somewhere"}]})", R"({"watchers":[{"address":7}]})"})
    CHECK_FALSE(parse_watchers(text));
}

TEST_CASE("rbd output: times") {
  CHECK(wall_time_from_text("1970-01-02T00:00:01.5+0000") == WallTime{86401'500'000'000});
  CHECK(wall_time_from_text("1970-01-02T02:00:00+0200") == WallTime{86400'000'000'000});
  CHECK(wall_time_from_text("1970-01-01T23:00:00-0100") == WallTime{86400'000'000'000});
  CHECK(wall_time_from_text("1970-01-02 00:00:00.000000") == WallTime{86400'000'000'000});
  for (const char* text :
       {"", "soon", "2031-13-01T00:00:00+0000", "2031-02-30T00:00:00", "9999-01-01T00:00:00",
        "2031-11-27T15:51:29.405114+0000 ", "2031-11-27T15:51", "0.000000"})
    CHECK_FALSE(wall_time_from_text(text));
}

TEST_CASE("rbd addresses: a host's, a range's, a client's") {
  for (const char* text : {"10.0.0.7", "10.0.7.0/24", "fd00::7", "fd00::/64"})
    CHECK(to_text(*address_range_from_text(text)) == text);
  for (const char* text : {"", "a1", "10.0.0", "10.0.0.7/24", "10.0.0.0/33", "10.0.0.0/", "10.0.0.7:0/5",
                           " 10.0.0.7", "[fd00::7]", "fd00::7/64", "10.0.0.0/-1", "010.0.0.7"})
    CHECK_FALSE(address_range_from_text(text));
  const auto range = *address_range_from_text("10.0.7.0/24");
  CHECK(contains(range, *address_range_from_text("10.0.7.200")));
  CHECK_FALSE(contains(range, *address_range_from_text("10.0.8.1")));
  CHECK_FALSE(contains(*address_range_from_text("10.0.7.200"), range));
  CHECK_FALSE(contains(*address_range_from_text("::/0"), range));
  CHECK(client_address_from_text("10.0.0.7:0/3710147553")->nonce == 3710147553);
  CHECK(client_address_from_text("[fd00::7]:0/0")->nonce == 0);
  for (const char* text :
       {"10.0.0.7", "10.0.0.7/5", "fd00::7:0/5", "[10.0.0.7]:0/5", "10.0.0.7:0/", ":0/5", "/"})
    CHECK_FALSE(client_address_from_text(text));
  CHECK(to_text(*blocked_range_from_text("cidr:10.0.7.0:0/24")) == "10.0.7.0/24");
  CHECK(to_text(*blocked_range_from_text("10.0.7.0/24")) == "10.0.7.0/24");
}

TEST_CASE("rbd names: references with their id, tags, keys") {
  const ImageRef ref{"p1", "xv-one", "1021b6210831"};
  CHECK(to_text(ref) == "p1/xv-one#1021b6210831");
  CHECK(image_ref_from_text(to_text(ref)) == ref);
  for (const char* text :
       {"", "p1/xv-one", "p1/xv-one#", "p1#1", "/x#1", "-p/x#1", "p1/a/b#1", "p1/a@s#1", "p1/x#1 2"})
    CHECK_FALSE(image_ref_from_text(text));
  CHECK(is_own_key("xv-abc"));
  for (const char* name : {"xv-", "xv-one.new", "Xv-one", "xv-a/b", "xv-a@b", "one"})
    CHECK_FALSE(is_own_key(name));
  CHECK(tag_from_text("ledger-1 1021b") == Tag{"ledger-1", "1021b"});
  for (const char* text : {"", "ledger-1", "ledger-1 ", " 1", "a b c"}) CHECK_FALSE(tag_from_text(text));
}

TEST_CASE("rbd tools: what the end of a program means for a look and for a change") {
  CHECK(looked(answer(0), "x"));
  CHECK(looked(answer(1), "x").error().code == Errc::permission);
  CHECK(looked(answer(2), "x").error().code == Errc::unavailable);  // no proof that anything is not there
  CHECK(looked(answer(110), "x").error().code == Errc::unavailable);
  CHECK(looked(answer(137), "x").error().code == Errc::unavailable);
  ToolAnswer large = answer(0);
  large.truncated = true;
  CHECK(looked(large, "x").error().code == Errc::unavailable);
  const Result<ToolAnswer> killed = fail(Errc::uncertain, "killed at its deadline");
  CHECK(looked(killed, "x").error().code == Errc::unavailable);  // a look changed nothing

  CHECK(changed(answer(0), "x"));
  CHECK(changed(answer(16), "x").error().code == Errc::conflict);
  CHECK(changed(answer(28), "x").error().code == Errc::exhausted);
  for (const int maybe : {5, 11, 95, 108, 110, 127, 134, 137, 255})
    CHECK(changed(answer(maybe), "x").error().code == Errc::uncertain);
  CHECK(changed(answer(129), "x").error().code == Errc::uncertain);  // SIGHUP, not EPERM
  CHECK(changed(killed, "x").error().code == Errc::uncertain);
  CHECK(changed(answer(110, "couldn't connect", false), "x").error().code == Errc::unavailable);
  CHECK(changed(answer(5, "monclient: keyring not found", false), "x").error().code == Errc::permission);
}

TEST_CASE(
    "rbd tools: 1 is permission of rbd alone, else the words say so, and an image in a group is a conflict") {
  constexpr const char* kException = "Traceback (most recent call last):";
  for (const Program program : {Program::ceph, Program::rados}) {
    CHECK(looked(answer_of(program, 1, kException), "x").error().code == Errc::unavailable);
    CHECK(changed(answer_of(program, 1, kException), "x").error().code == Errc::uncertain);
    const ToolAnswer denied = answer_of(program, 1, "error creating p1/x: (1) Operation not permitted");
    CHECK(looked(denied, "x").error().code == Errc::permission);
    CHECK(changed(denied, "x").error().code == Errc::permission);
  }
  CHECK(changed(answer_of(Program::rbd, 1, ""), "x").error().code == Errc::permission);
  CHECK(changed(answer_of(Program::ceph, 13, "Error EACCES: access denied"), "x").error().code ==
        Errc::permission);
  CHECK(changed(answer(31), "x").error().code == Errc::conflict);
}

TEST_CASE("rbd fence: what would bar more than a host is refused, and only its own entries are ours") {
  const auto range = [](const char* text) { return *address_range_from_text(text); };
  const StoragePlaces places{
      {range("10.99.0.5")}, {range("10.99.0.1")}, {range("10.99.0.1"), range("10.99.3.2")}};
  CHECK(check_barred(range("10.99.1.2"), places));
  CHECK(check_barred(range("10.99.3.2"), places));  // a host that has an OSD besides
  for (const char* text : {"10.99.0.5", "10.99.0.4/30", "10.99.0.0/30", "10.99.3.0/24"})
    CHECK(check_barred(range(text), places).error().code == Errc::invalid);

  const auto list = parse_osd_dump(
      R"({"epoch":1,"blocklist":{"10.99.1.2:6789/0":"2031-11-27T15:51:29.4+0000",)"
      R"("10.99.4.9:0/0":"2031-11-27T15:51:29.4+0000","10.99.4.9:0/7":"2031-11-27T15:51:29.4+0000"},)"
      R"("range_blocklist":{"cidr:10.99.1.2:0/32":"2031-11-27T15:51:29.4+0000",)"
      R"("cidr:10.99.4.0:0/24":"2031-11-27T15:51:29.4+0000"}})");
  REQUIRE(list);
  // What bars one port bars nobody; the range of that one address is the other form of its fence.
  CHECK(fence_end(*list, range("10.99.1.2")));
  CHECK_FALSE(end_of(*list, forms_of(range("10.99.1.2"))[0]));
  CHECK(others_of(*list, range("10.99.1.2")) == "; 1 entries of single clients there run out by themselves");
  CHECK(fence_end(*list, range("10.99.4.9")));
  CHECK_THAT(others_of(*list, range("10.99.4.9")), Catch::Contains("the range 10.99.4.0/24 stands there"));
  CHECK_FALSE(fence_end(*list, range("10.99.4.8")));
  CHECK(fence_end(*list, range("10.99.4.0/24")));
  CHECK_FALSE(fence_end(*list, range("10.99.4.0/23")));  // only one half stands
  CHECK_THAT(others_of(*list, range("10.99.4.0/24")), Catch::Contains("the address 10.99.4.9"));
  CHECK(others_of(*list, range("10.99.7.1")).empty());
}

TEST_CASE(
    "rbd fence: the second form of it bars the same clients, and it lasts as long as the one that ends "
    "later") {
  const auto range = [](const char* text) { return *address_range_from_text(text); };
  CHECK(forms_of(range("10.99.4.0/24"))[1].parts ==
        std::vector{range("10.99.4.0/25"), range("10.99.4.128/25")});
  CHECK(forms_of(range("fd00::/64"))[1].parts ==
        std::vector{range("fd00::/65"), range("fd00::8000:0:0:0/65")});
  CHECK(forms_of(range("10.99.4.9"))[1].parts == std::vector{range("10.99.4.9")});
  const auto list = parse_osd_dump(
      R"({"epoch":1,"blocklist":{"10.99.1.2:0/0":"2031-11-27T15:51:29.4+0000"},)"
      R"("range_blocklist":{"cidr:10.99.1.2:0/32":"2036-11-27T15:51:29.4+0000",)"
      R"("cidr:10.99.4.0:0/25":"2036-11-27T15:51:29.4+0000","cidr:10.99.4.128:0/25":"2031-11-27T15:51:29.4+0000"}})");
  REQUIRE(list);
  CHECK(fence_end(*list, range("10.99.1.2")) == wall_time_from_text("2036-11-27T15:51:29.4+0000"));
  CHECK(fence_end(*list, range("10.99.4.0/24")) == wall_time_from_text("2031-11-27T15:51:29.4+0000"));
}

TEST_CASE("rbd output: where the monitors and the OSDs are, and the id that a pool's list has") {
  const auto monitors = parse_monitors(recorded("mon-dump.json"));
  REQUIRE(monitors);
  REQUIRE(monitors->size() == 1);
  CHECK(to_text(monitors->front()) == "10.99.0.1");
  check_every_cut(recorded("mon-dump.json"), &parse_monitors);
  const auto list = parse_osd_dump(recorded("osd-dump.json"));
  REQUIRE(list);
  REQUIRE(list->osds.size() == 1);
  CHECK(to_text(list->osds.front()) == "10.99.0.1");
  CHECK(*parse_listed_id(recorded("getomapval-directory.txt")) == "103f820cc481");
  CHECK_FALSE(parse_listed_id(recorded("getomapval.txt")));
}

TEST_CASE("rbd tools: a key that Ceph repeats in an error is not repeated by us") {
  const std::string said = recorded("bad-keyring.stderr");
  CHECK_THAT(said, Catch::Contains("AQZZ"));
  const std::string shown = shown_of(said);
  CHECK_THAT(shown, !Catch::Contains("AQ"));
  CHECK_THAT(shown, Catch::Contains("[redacted]"));
  CHECK_THAT(shown, Catch::Contains("error parsing file /etc/ceph/ceph.client.extvold.keyring"));
  CHECK(shown.size() <= 400);
}

TEST_CASE("rbd config: what is refused") {
  CHECK(check_rbd_config(good_config()));
  const auto refused = [](void (*spoil)(RbdConfig&)) {
    RbdConfig config = good_config();
    spoil(config);
    const Status status = check_rbd_config(config);
    return !status && status.error().code == Errc::invalid;
  };
  CHECK(refused([](RbdConfig& config) { config.keyring = "keyring"; }));
  CHECK(refused([](RbdConfig& config) { config.rbd_program = "rbd"; }));
  CHECK(refused([](RbdConfig& config) { config.user = "client admin"; }));
  CHECK(refused([](RbdConfig& config) { config.pools.clear(); }));
  CHECK(refused([](RbdConfig& config) { config.pools = {{"--yes", 0}}; }));
  CHECK(refused([](RbdConfig& config) { config.pools = {{"p1", 0}, {"p1", 0}}; }));
  CHECK(refused([](RbdConfig& config) { config.host_identities.push_back({"a4", "10.0.7.9"}); }));
  CHECK(refused([](RbdConfig& config) { config.host_identities.push_back({"a4", "10.0.0.0/8"}); }));
  CHECK(refused([](RbdConfig& config) { config.host_identities.push_back({"a4", "a4"}); }));
  CHECK(refused([](RbdConfig& config) { config.host_identities.push_back({"a4", "::ffff:10.0.0.7"}); }));
  CHECK(refused([](RbdConfig& config) { config.blocklist_for = seconds(3600); }));
  CHECK(refused([](RbdConfig& config) { config.storage_timeout = {}; }));
}
