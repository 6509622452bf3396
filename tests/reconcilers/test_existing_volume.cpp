// A create that the provider answers with "exists already".
#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/reconcilers/engine_world.h"

using extvold::testing::EngineWorld;
namespace ev = extvold;

TEST_CASE("what existed before its create is not formatted, until an operator says so") {
  EngineWorld world;
  world.subscribe();
  world.mishap[ev::OperationKind::create] = extvold::testing::Mishap::fail_before;
  world.make_volume("pgdata", ev::Filesystem::ext4);
  const ev::Volume volume = world.volume("pgdata").volume;
  REQUIRE(volume.state == ev::VolumeState::planned);
  const std::string& ledger_id = world.engine().snapshot().ledger.id;
  extvold::testing::FakeVolume there{volume, ledger_id, {}, {}, {}};
  there.blank = false;
  world.truth.emplace(volume.key, there);
  world.mishap.clear();
  world.advance(ev::minutes(10));

  const auto formats = [&] {
    return std::count(world.calls.begin(), world.calls.end(), "format pgdata fmt");
  };
  CHECK(world.volume("pgdata").volume.state == ev::VolumeState::available);
  CHECK(world.volume("pgdata").volume.format == ev::FormatState::refused);
  CHECK(world.blocked("pgdata") == "format_refused");
  CHECK(formats() == 0);
  world.restart();
  world.advance(ev::minutes(10));
  CHECK(formats() == 0);

  REQUIRE(world.order(ev::ForceFormat{"pgdata", "pgdata", "looked at, it is blank"}).status);
  world.advance(ev::minutes(10));
  CHECK(formats() == 1);
  CHECK(world.volume("pgdata").volume.format == ev::FormatState::formatted);
}
