// The small files and messages: what is written reads back, and nothing else is read.
#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "providers/local/helper_messages.h"
#include "providers/local/layout.h"
#include "providers/local/local_provider.h"

using namespace extvold;
using namespace extvold::providers::local;
using nlohmann::json;

namespace {

std::string printable() { return *rc::gen::container<std::string>(rc::gen::inRange<char>(' ', '\x7f')); }

Sidecar a_sidecar() {
  Sidecar sidecar{"xv-1", "ledger",        SidecarState::available, 16,
                  5,      Filesystem::xfs, SidecarFormat::intended, "hdd/xv-0.img"};
  return sidecar;
}

}  // namespace

TEST_CASE("local messages: a sidecar and a record read back as written") {
  CHECK(rc::check("sidecar", [] {
    Sidecar sidecar = a_sidecar();
    sidecar.key = printable();
    sidecar.ledger_id = printable();
    sidecar.size_mb = *rc::gen::inRange<std::int64_t>(1, kSizeMbMax);
    sidecar.state = static_cast<SidecarState>(*rc::gen::inRange(0, 3));
    const Result<Sidecar> again = parse_sidecar(sidecar_text(sidecar));
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == sidecar);
  }));
  CHECK(rc::check("record", [] {
    AttachmentRecord record;
    record.volume = printable();
    record.image_device = *rc::gen::arbitrary<std::uint64_t>();
    record.image_inode = *rc::gen::arbitrary<std::uint64_t>();
    record.generation =
        Generation{*rc::gen::inRange<std::int64_t>(0, 99), *rc::gen::inRange<std::int64_t>(0, 99)};
    record.read_only = *rc::gen::arbitrary<bool>();
    const Result<AttachmentRecord> again = parse_record(record_text(record));
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == record);
  }));
}

TEST_CASE("local messages: a sidecar is read strictly") {
  const json good = json::parse(sidecar_text(a_sidecar()));
  for (const auto& item : good.items()) {
    json bad = good;
    bad.erase(item.key());
    INFO("without " << item.key());
    CHECK_FALSE(parse_sidecar(bad.dump()));
    bad[item.key()] = nullptr;
    CHECK_FALSE(parse_sidecar(bad.dump()));
    bad[item.key()] = json::array({1});
    CHECK_FALSE(parse_sidecar(bad.dump()));
  }
  json bad = good;
  bad["surprise"] = 1;
  CHECK_FALSE(parse_sidecar(bad.dump()));
  for (const json& size : {json(0), json(-1), json(1.5), json(UINT64_MAX), json(kSizeMbMax + 1)}) {
    bad = good;
    bad["size_mb"] = size;
    CHECK_FALSE(parse_sidecar(bad.dump()));
  }
  const std::string text = sidecar_text(a_sidecar());
  for (std::size_t n = 0; n + 2 < text.size(); ++n) CHECK_FALSE(parse_sidecar(text.substr(0, n)));
}

TEST_CASE("local messages: every cut or changed answer is no answer") {
  OperationAnswer answer;
  answer.changed = true;
  answer.device = "/dev/loop1";
  json value = answer_json(answer);
  value["ok"] = true;
  const std::string text = value.dump();
  REQUIRE(parse_operation_answer(text));
  CHECK(*parse_operation_answer(text) == answer);
  for (std::size_t n = 0; n < text.size(); ++n) {
    const Result<OperationAnswer> cut = parse_operation_answer(text.substr(0, n));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == Errc::uncertain);
  }
  CHECK_FALSE(parse_operation_answer(text + text));
  CHECK_FALSE(parse_observe_answer(text));
}

TEST_CASE("local messages: names of volumes") {
  CHECK(volume_ref_from_text("hdd/xv-1.img"));
  for (const char* bad : {"", "hdd", "hdd/", "/x", "hdd/a/b", "hdd/..", "../x", "hdd/.x", ".hdd/x", "h~d/x",
                          "hdd/a b", "hdd/a\n"}) {
    INFO(bad);
    CHECK_FALSE(volume_ref_from_text(bad));
  }
  CHECK_FALSE(volume_ref_from_text("hdd/" + std::string(161, 'a')));
  CHECK(key_of(own_ref("hdd", "xv-1")) == "xv-1");
  CHECK(key_of({"hdd", "disk.raw"}).empty());
  CHECK(key_of({"hdd", ".img"}).empty());
}

TEST_CASE("local messages: a configuration that cannot work is refused") {
  LocalConfig good;
  good.name = ProviderName("local~x");
  good.root = "/r";
  good.hosts_dir = "/h";
  good.program = "/p";
  good.pools = {{"hdd", 1, 0}};
  CHECK(check_local_config(good));
  const auto bad = [&](auto change) {
    LocalConfig config = good;
    change(config);
    return !check_local_config(config).has_value();
  };
  CHECK(bad([](LocalConfig& c) { c.root = "relative"; }));
  CHECK(bad([](LocalConfig& c) { c.hosts_dir = ""; }));
  CHECK(bad([](LocalConfig& c) { c.program = "extvold"; }));
  CHECK(bad([](LocalConfig& c) { c.pools.clear(); }));
  CHECK(bad([](LocalConfig& c) { c.pools.push_back(c.pools[0]); }));
  CHECK(bad([](LocalConfig& c) { c.pools[0].name = "a/b"; }));
  CHECK(bad([](LocalConfig& c) { c.pools[0].name = "a~b"; }));
  CHECK(bad([](LocalConfig& c) { c.pools[0].capacity_mb = -1; }));
}

TEST_CASE("local messages: marks of fences and looks at them read back, and nothing else is read") {
  CHECK(rc::check("marks", [] {
    FenceMarks marks{printable(), {}};
    for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
      const Generation generation{*rc::gen::inRange<std::int64_t>(0, 99),
                                  *rc::gen::inRange<std::int64_t>(0, 99)};
      marks.marks.push_back({printable(), generation, printable()});
    }
    const Result<FenceMarks> again = parse_marks(marks_text(marks));
    RC_ASSERT(again.has_value());
    RC_ASSERT(*again == marks);
  }));
  const std::string text = marks_text({"hdd/xv-1.img", {{"a1", {1, 2}, "op-1"}}});
  const json good = json::parse(text);
  for (std::size_t n = 0; n + 2 < text.size(); ++n) CHECK_FALSE(parse_marks(text.substr(0, n)));
  for (const auto& item : good["fences"][0].items()) {
    json bad = good;
    bad["fences"][0].erase(item.key());
    CHECK_FALSE(parse_marks(bad.dump()));
    bad["fences"][0][item.key()] = json::array({1});
    CHECK_FALSE(parse_marks(bad.dump()));
  }
  json bad = good;
  bad["fences"][0]["surprise"] = 1;
  CHECK_FALSE(parse_marks(bad.dump()));
  bad = good;
  bad["fences"] = "a1";
  CHECK_FALSE(parse_marks(bad.dump()));

  json value = answer_json(FenceAnswer{TriState::yes, "barred"});
  value["ok"] = true;
  const std::string answer = value.dump();
  REQUIRE(parse_fence_answer(answer));
  CHECK(*parse_fence_answer(answer) == FenceAnswer{TriState::yes, "barred"});
  for (std::size_t n = 0; n < answer.size(); ++n) {
    const Result<FenceAnswer> cut = parse_fence_answer(answer.substr(0, n));
    REQUIRE_FALSE(cut);
    CHECK(cut.error().code == Errc::uncertain);
  }
  value["held"] = "perhaps";
  CHECK_FALSE(parse_fence_answer(value.dump()));
}
