#include "daemon/ingest/volume_references.h"

#include <catch2/catch.hpp>

namespace extvold::ingest {

namespace {

using Spelling = ReferenceSpelling;
using References = std::vector<VolumeReference>;

References resolve(const VolumeMentions& mentions) {
  References out;
  resolve_references(mentions, out);
  return out;
}

References parameters(std::vector<KeyValue> all) {
  VolumeMentions mentions;
  mentions.docker_parameters = std::move(all);
  return resolve(mentions);
}

References variables(std::vector<KeyValue> all) {
  VolumeMentions mentions;
  mentions.variables = std::move(all);
  return resolve(mentions);
}

References volumes(std::vector<ContainerVolume> all, std::string_view docker_volume_driver = {}) {
  VolumeMentions mentions;
  mentions.volumes = std::move(all);
  mentions.docker_volume_driver = docker_volume_driver;
  return resolve(mentions);
}

ContainerVolume sourced(std::string_view source, std::string_view driver, std::string_view name) {
  return {"RW", "/p", {}, source, driver, name};
}

}  // namespace

TEST_CASE("references: DOCKER_VOLUME and CSI_VOLUME") {
  CHECK(volumes({sourced("DOCKER_VOLUME", "rexray", "pg")}) ==
        References{{Spelling::docker_volume, "rexray", "pg", "/p", false}});
  ContainerVolume csi = sourced("CSI_VOLUME", "nfs.csi", "id-1");
  csi.mode = "RO";
  CHECK(volumes({csi}) == References{{Spelling::csi_volume, "nfs.csi", "id-1", "/p", true}});
}

TEST_CASE("references: what is no volume, and what is a kind unknown") {
  CHECK(volumes({sourced("HOST_PATH", "", ""), sourced("SANDBOX_PATH", "", ""), sourced("SECRET", "", "")})
            .empty());
  CHECK(volumes({{"RW", "/p", "/host", {}, {}, {}}}).empty());
  CHECK(volumes({sourced("NEW_VOLUME", "", "")}) ==
        References{{Spelling::docker_volume, "", "NEW_VOLUME", "/p", false}});
}

TEST_CASE("references: docker parameters") {
  CHECK(parameters({{"volume", "pg:/data:ro,z"}, {"volume-driver", "rexray"}, {"volume", "my:/my"}}) ==
        References{{Spelling::docker_parameter, "rexray", "pg", "/data", true},
                   {Spelling::docker_parameter, "rexray", "my", "/my", false}});
  CHECK(parameters({{"volume", "/host:/data"}, {"volume", "./x:/data"}, {"env", "A=B"}}).empty());
  CHECK(parameters({{"volume", "pg:/data"}}) ==
        References{{Spelling::docker_parameter, "", "pg", "/data", false}});
}

TEST_CASE("references: seen but not expressible keeps the text and has no driver") {
  CHECK(parameters({{"volume-driver", "rexray"}, {"mount", "type=volume,source=pg,target=/data"}}) ==
        References{{Spelling::docker_parameter, "", "type=volume,source=pg,target=/data", "", false}});
  CHECK(parameters({{"mount", "type=bind,source=/a,target=/b"}, {"mount", "type=tmpfs,target=/b"}}).empty());
  CHECK(parameters({{"volume", "/data"}}) ==
        References{{Spelling::docker_parameter, "", "/data", "/data", false}});
  CHECK(parameters({{"volumes-from", "other"}}) ==
        References{{Spelling::docker_parameter, "", "other", "", false}});
  const std::string giant(5000, 'x');
  const References cut = volumes({sourced("DOCKER_VOLUME", "rexray", giant)});
  REQUIRE(cut.size() == 1);
  CHECK(cut[0].driver.empty());
  CHECK(cut[0].name == giant.substr(0, kMaxReferenceBytes));
}

TEST_CASE("references: the old docker.volume_driver") {
  const ContainerVolume named{"RO", "/data", "pg", {}, {}, {}};
  const ContainerVolume path{"RW", "/data", "/host", {}, {}, {}};
  CHECK(volumes({named, path}, "rexray") ==
        References{{Spelling::docker_volume_driver, "rexray", "pg", "/data", true}});
  CHECK(volumes({named}).empty());
}

TEST_CASE("references: DVDI variables, with their suffixes and the default driver") {
  CHECK(variables({{"DVDI_VOLUME_CONTAINERPATH1", "/b"},
                   {"DVDI_VOLUME_NAME", "a"},
                   {"DVDI_VOLUME_OPTS", "size=5"},
                   {"DVDI_VOLUME_DRIVER", "vfs"},
                   {"DVDI_VOLUME_NAME1", "b"},
                   {"DVDI_VOLUME_CONTAINERPATH", "/a"},
                   {"DVDI_VOLUME_NAME10", "no"},
                   {"DVDI_VOLUME_DRIVER9", "nameless"}}) ==
        References{{Spelling::dvdi_variable, "vfs", "a", "/a", false},
                   {Spelling::dvdi_variable, "rexray", "b", "/b", false}});
}

}  // namespace extvold::ingest
