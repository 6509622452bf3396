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

References mount(std::string_view text) { return parameters({{"mount", text}}); }

References disks(std::vector<DiskMention> all) {
  VolumeMentions mentions;
  mentions.disks = std::move(all);
  return resolve(mentions);
}

References labels(std::vector<KeyValue> all) {
  VolumeMentions mentions;
  mentions.labels = std::move(all);
  return resolve(mentions);
}

VolumeReference docker(std::string driver, std::string name, std::string path, bool read_only = false) {
  return {Spelling::docker_parameter, std::move(driver), std::move(name), std::move(path), read_only};
}

// No driver, and the text that was found.
VolumeReference unread(std::string text, std::string path = "") {
  return {Spelling::docker_parameter, "", std::move(text), std::move(path), false};
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
        References{docker("rexray", "pg", "/data", true), docker("rexray", "my", "/my")});
  CHECK(parameters({{"volume", "/host:/data"}, {"volume", "./x:/data"}, {"env", "A=B"}}).empty());
}

TEST_CASE("references: docker's one driver a container, whoever names it") {
  // A name without any driver is Docker's own, unless some driver made it earlier.
  CHECK(parameters({{"volume", "pg:/data"}}) == References{docker("local", "pg", "/data")});
  VolumeMentions mentions;
  mentions.docker_parameters = {{"volume", "pg:/data"}};
  mentions.docker_volume_driver = "rexray";
  CHECK(resolve(mentions) == References{docker("rexray", "pg", "/data")});
  mentions.docker_volume_driver = {};
  mentions.volumes = {sourced("DOCKER_VOLUME", "", "a"), sourced("DOCKER_VOLUME", "pwx", "b")};
  CHECK(resolve(mentions) == References{{Spelling::docker_volume, "pwx", "a", "/p", false},
                                        {Spelling::docker_volume, "pwx", "b", "/p", false},
                                        docker("pwx", "pg", "/data")});
  CHECK(volumes({sourced("DOCKER_VOLUME", "", "a")}) ==
        References{{Spelling::docker_volume, "local", "a", "/p", false}});
}

TEST_CASE("references: docker's --mount") {
  CHECK(mount("type=volume,source=pg,target=/data,volume-driver=rexray") ==
        References{docker("rexray", "pg", "/data")});
  CHECK(mount("volume-driver=rexray,readonly,dst=/data,src=pg") ==
        References{docker("rexray", "pg", "/data", true)});
  CHECK(mount("Type=VOLUME,SRC=pg,Destination=/data,Volume-Driver=rexray,RO=1") ==
        References{docker("rexray", "pg", "/data", true)});
  CHECK(mount("src=pg,dst=/data,readonly=false,volume-driver=rexray,volume-nocopy,volume-opt=size=5") ==
        References{docker("rexray", "pg", "/data")});
  // The container's volume-driver is for --volume only.
  CHECK(parameters({{"volume-driver", "rexray"}, {"mount", "source=pg,target=/data"}}) ==
        References{docker("local", "pg", "/data")});
}

TEST_CASE("references: no option of a --mount is kept, it may be a password") {
  for (const char* text : {R"(target=/x,volume-driver=rexray,"volume-opt=o=username=u,password=secret")",
                           R"(target=/x,volume-driver=rexray,Volume-Opt=password=secret,nonsense)"}) {
    const References found = mount(text);
    REQUIRE(found.size() == 1);
    CHECK(found[0].driver.empty());
    CHECK(found[0].name.find("volume-driver=rexray") != std::string::npos);
    CHECK(found[0].name.find("secret") == std::string::npos);
  }
}

TEST_CASE("references: the quotes of --mount are CSV's") {
  CHECK(mount(R"("source=a,b",target=/data,volume-driver=rexray)") ==
        References{docker("rexray", "a,b", "/data")});
  CHECK(mount(R"(source=pg,target=/data,volume-driver=rexray,"volume-opt=o=""x"",ro")") ==
        References{docker("rexray", "pg", "/data")});
  for (const char* const broken : {R"("source=pg,target=/data)", R"("source=pg"x,target=/data)",
                                   R"(source="pg",target=/data)", "source=pg,\ntarget=/data"}) {
    INFO(broken);
    CHECK(mount(broken) == References{unread(broken)});
  }
}

TEST_CASE("references: mounts that are no volumes, or none of ours") {
  for (const char* const other :
       {"type=bind,source=/a,target=/b", "type=tmpfs,target=/b", "TYPE=Bind,src=/a,dst=/b,ro",
        "type=image,source=nginx,target=/b", "target=/data", "type=volume,dst=/data"}) {
    INFO(other);
    CHECK(mount(other).empty());
  }
  CHECK(parameters({{"volume", "/data"}}).empty());  // nameless, and Docker's own
}

TEST_CASE("references: seen but not expressible keeps the text and has no driver") {
  for (const char* const strange : {"", "pg", "source=pg,readonly=maybe", "readonly,pg"}) {
    INFO(strange);
    CHECK(mount(strange) == References{unread(strange)});
  }
  CHECK(mount("type=cluster,source=pg,target=/data") ==
        References{unread("type=cluster,source=pg,target=/data", "/data")});
  CHECK(mount("target=/data,volume-driver=rexray") ==
        References{unread("target=/data,volume-driver=rexray", "/data")});
  CHECK(parameters({{"volume", "/data"}, {"volume-driver", "rexray"}}) ==
        References{unread("/data", "/data")});
  CHECK(parameters({{"volumes-from", "other"}}) == References{unread("other")});
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

TEST_CASE("references: DVDI variables with a zero, and those that are there twice") {
  // Some versions of the module take it for a volume, and of two of one name each takes the last.
  CHECK(variables({{"DVDI_VOLUME_NAME0", "a"}, {"DVDI_VOLUME_DRIVER0", "vfs"}}) ==
        References{{Spelling::dvdi_variable, "vfs", "a", "", false}});
  CHECK(variables({{"DVDI_VOLUME_NAME", "first"}, {"DVDI_VOLUME_NAME", "last"}}) ==
        References{{Spelling::dvdi_variable, "rexray", "last", "", false}});
}

TEST_CASE("references: persistent volumes") {
  CHECK(disks({{"pv-1", "data", "RW", {}, {}}, {"pv-2", "logs", "RO", {}, {}}}) ==
        References{{Spelling::persistent_volume, "persistent_volume", "pv-1", "data", false},
                   {Spelling::persistent_volume, "persistent_volume", "pv-2", "logs", true}});
  // The storage's own id beats the framework's; its vendor is the driver.
  CHECK(disks({{"pv-1", "data", "RW", "com.x.csi", "csi-1"}}) ==
        References{{Spelling::persistent_volume, "com.x.csi", "csi-1", "data", false}});
  CHECK(disks({{"pv-1", "data", "RW", "com.x.csi", {}}}) ==
        References{{Spelling::persistent_volume, "com.x.csi", "pv-1", "data", false}});
  CHECK(disks({{{}, {}, {}, {}, "csi-1"}}) ==
        References{{Spelling::persistent_volume, "disk_source", "csi-1", "", false}});
  CHECK(disks({{{}, "scratch", "RW", {}, {}}}).empty());
}

TEST_CASE("references: labels") {
  CHECK(labels({{"extvold.volume", "orders"}}) ==
        References{{Spelling::label, "extvold", "orders", "", false}});
  CHECK(labels({{"extvold.path", "data"},
                {"extvold.mode", "ro"},
                {"extvold.driver", "row8"},
                {"extvold.volume", "orders"}}) ==
        References{{Spelling::label, "row8", "orders", "data", true}});
  CHECK(labels({{"extvold.fs", "xfs"}, {"extvold.volumes", "a,b"}, {"extvold.mode", "ro"}}).empty());
}

TEST_CASE("references: labels with a suffix share a driver and nothing else") {
  CHECK(labels({{"extvold.volume", "a"},
                {"extvold.mode", "ro"},
                {"extvold.volume.1", "b"},
                {"extvold.path.1", "/b"},
                {"extvold.volume.2", "c"},
                {"extvold.mode.2", "RO"},
                {"extvold.driver.2", "other"},
                {"extvold.driver", "row8"}}) == References{{Spelling::label, "row8", "a", "", true},
                                                           {Spelling::label, "row8", "b", "/b", false},
                                                           {Spelling::label, "other", "c", "", true}});
}

TEST_CASE("references: a label without a name is shown, one that repeats a mount is not") {
  CHECK(labels({{"extvold.volume.1", ""}}) ==
        References{{Spelling::label, "", "extvold.volume.1", "", false}});
  VolumeMentions mentions;
  mentions.volumes = {sourced("DOCKER_VOLUME", "extvold", "orders")};
  mentions.labels = {{"extvold.volume", "orders"}, {"extvold.mode", "ro"}, {"extvold.volume.1", "more"}};
  CHECK(resolve(mentions) == References{{Spelling::docker_volume, "extvold", "orders", "/p", false},
                                        {Spelling::label, "extvold", "more", "", false}});
}

}  // namespace extvold::ingest
