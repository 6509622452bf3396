// host/ without a provider: small files, hashes, propagation of mounts, the helper's frame.
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "host/fd.h"
#include "host/files.h"
#include "host/hash.h"
#include "host/helper.h"
#include "host/loop.h"
#include "host/mkfs.h"
#include "host/mounts.h"
#include "tests/lib/skip.h"

using namespace extvold;
using namespace extvold::host;

namespace {

struct Folder {
  std::string path = "/tmp/extvold-host-XXXXXX";
  Folder() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

std::string ask_helper(std::string_view request, std::span<const HelperVerb> verbs) {
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  REQUIRE(::pipe2(in.data(), O_CLOEXEC) == 0);
  REQUIRE(::pipe2(out.data(), O_CLOEXEC) == 0);
  REQUIRE(::write(in[1], request.data(), request.size()) == static_cast<ssize_t>(request.size()));
  ::close(in[1]);
  CHECK(helper_main(in[0], out[1], verbs) == 0);
  ::close(out[1]);
  std::array<char, 4096> buffer{};
  const ssize_t n = ::read(out[0], buffer.data(), buffer.size());
  ::close(in[0]);
  ::close(out[0]);
  return std::string(buffer.data(), static_cast<std::size_t>(n));
}

// The system call fails with `error`: always, or only with this bit in its third argument.
bool filter_call(unsigned call, unsigned error, unsigned only_flag = 0) {
  const auto data = [](std::size_t at) { return static_cast<unsigned>(at); };
  std::array<sock_filter, 6> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data(offsetof(seccomp_data, nr))),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data(offsetof(seccomp_data, args[2]))),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, only_flag, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  if (only_flag == 0) program[3] = BPF_STMT(BPF_LD | BPF_IMM, 0);
  const sock_fprog filter{program.size(), program.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// A filter cannot be taken off again: `probe` runs in a child. 127: no filter could be set.
int filtered(unsigned call, unsigned error, unsigned only_flag, int (*probe)(const std::string&),
             const std::string& argument) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(filter_call(call, error, only_flag) ? probe(argument) : 127);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

}  // namespace

TEST_CASE("host files: a durable write replaces whole or not at all") {
  const Folder folder;
  const std::string path = folder.path + "/file";
  REQUIRE(write_durably(path, "one"));
  REQUIRE(write_durably(path, "two"));
  CHECK(read_file(path).value() == "two");
  CHECK(list_folder(folder.path).value() == std::vector<std::string>{"file"});
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path), {}) == 1);  // nothing temporary left
  CHECK(write_durably(folder.path + "/none/file", "x").error().code == Errc::not_found);
  CHECK(unlink_durably(path).value());
  CHECK_FALSE(unlink_durably(path).value());
  CHECK_FALSE(read_file_if_there(path).value().has_value());
  REQUIRE(write_durably(path, std::string(100, 'x')));
  CHECK(read_file(path, 99).error().code == Errc::invalid);
}

TEST_CASE("host files: plain names") {
  for (const char* good : {"a1", "xv-1.img", "10.0.0.1"}) CHECK(is_plain_name(good));
  for (const char* bad : {"", ".", "..", ".hidden", "a/b", "a b", "a\n", "a\\b", "\x7f", "\xc3\xa9"})
    CHECK_FALSE(is_plain_name(bad));
}

TEST_CASE("host files: printable names stay different") {
  CHECK(printable_name("xv-1.img") == "xv-1.img");
  CHECK(printable_name("a b\xff\n") == R"(a b\xff\x0a)");
  CHECK(printable_name(R"(a\xff)") == R"(a\x5cxff)");
}

TEST_CASE("host files: errors name the remedy") {
  CHECK(fail_errno("x", EACCES).value().message.find("root") != std::string::npos);
  CHECK(fail_errno("x", ENOSPC).value().code == Errc::exhausted);
  CHECK(fail_errno("x", EBUSY).value().code == Errc::busy);
  CHECK(fail_errno("x", EIO).value().code == Errc::unavailable);
}

TEST_CASE("host hash: stable, and parts do not run together") {
  // Pinned: a changed hash would no longer recognise filesystems and loop devices that were made before.
  CHECK(hex_text(hash128({})) == "6c62272e07bb014262b821756295c58d");
  CHECK(loop_tag({"/srv", "hdd/xv-1.img", "a1"}) ==
        "extvold 7e8d1146df34002f0d665f0618adb08f87957b362c9e7be9");
  CHECK(loop_tag({"/srv", "hdd/xv-1.img", "a1"}).size() < 64);
  CHECK(loop_tag({"/srv", "hdd/xv-1.img", "a1"}).starts_with(loop_tag({"/srv", "hdd/xv-1.img"})));
  CHECK(loop_tag({"/srv"}) != loop_tag({"/srw"}));
  CHECK(hash128({"ab", "c"}) != hash128({"a", "bc"}));
  CHECK(filesystem_uuid("xv-1") == "7e8eb6bf-71b4-8e48-84a3-b5982e87dd44");
}

TEST_CASE("host mounts: what goes with our mount") {
  MountEntry own;
  own.target = "/mnt/x";
  own.device = 7;
  own.parent_propagation = "shared:5";
  MountEntry other = own;
  other.pid = 17;
  CHECK(goes_with(other, own));
  other.parent_propagation = "master:5";
  CHECK(goes_with(other, own));
  other.parent_propagation = "shared:9 master:5";
  CHECK(goes_with(other, own));
  for (const char* apart : {"", "shared:6", "master:55", "shared:55"}) {
    other.parent_propagation = apart;
    CHECK_FALSE(goes_with(other, own));
  }
  other = own;
  other.target = "/mnt/y";
  CHECK_FALSE(goes_with(other, own));
  own.parent_propagation = other.parent_propagation = "";
  CHECK_FALSE(goes_with(own, own));
}

TEST_CASE("host mounts: the mount table has the root") {
  const auto root = mounts_at("/");
  REQUIRE(root);
  CHECK_FALSE(root->empty());
}

TEST_CASE("host mounts: under the shipped unit's filter, and through no symlink") {
  const Folder folder;
  const auto mount = [](const std::string& anchor, const std::string& below) {
    return mount_device({"/dev/none", anchor, below, Filesystem::ext4, true, false});
  };
  CHECK_FALSE(mount(folder.path, ""));
  CHECK(mount(folder.path, "/a/../../x").error().message.find("leads out") != std::string::npos);
  std::filesystem::create_directory_symlink("/tmp", folder.path + "/link");
  CHECK(mount(folder.path, "/link/x").error().message.find("open folder") != std::string::npos);
  CHECK(mount(folder.path + "/link", "/x").error().message.find("open folder") != std::string::npos);

  // RestrictSUIDSGID=yes of packaging/extvold.service. The folders are made; only the mount itself fails.
  const auto probe = [](const std::string& anchor) {
    const Status mounted = mount_device({"/dev/none", anchor, "/b/c", Filesystem::ext4, true, false});
    return !mounted && mounted.error().message.starts_with("mount /dev/none") ? 0 : 1;
  };
  CHECK(filtered(SYS_openat2, ENOSYS, 0, probe, folder.path) == 0);
  CHECK(std::filesystem::is_directory(folder.path + "/b/c"));
}

TEST_CASE("host loop: a device that cannot be asked about is an error, not no device") {
  if (!std::filesystem::exists("/sys/block/loop0")) return tests::skip_test("needs /sys/block/loop0");
  const auto probe = [](const std::string&) {
    const auto loops = list_loops();
    return !loops && loops.error().code == Errc::exhausted ? 0 : 1;
  };
  // Only read_file() opens with O_NOCTTY.
  CHECK(filtered(SYS_openat, EMFILE, O_NOCTTY, probe, "") == 0);
}

TEST_CASE("host helper: one request, one answer") {
  const std::array<HelperVerb, 2> verbs = {{
      {"echo",
       [](const nlohmann::json& request) -> Result<nlohmann::json> {
         return nlohmann::json{{"said", request["say"]}};
       }},
      {"refuse",
       [](const nlohmann::json&) -> Result<nlohmann::json> { return fail(Errc::busy, "not \xff now"); }},
  }};
  CHECK(ask_helper(R"({"protocol":2,"verb":"echo","say":"hi"})", verbs) == "{\"ok\":true,\"said\":\"hi\"}\n");
  CHECK(ask_helper(R"({"protocol":2,"verb":"refuse"})", verbs).find("\"code\":\"busy\"") !=
        std::string::npos);
  CHECK(ask_helper(R"({"protocol":2,"verb":"nothing"})", verbs).find("unknown verb nothing") !=
        std::string::npos);
  CHECK(ask_helper(R"({"protocol":1,"verb":"echo"})", verbs).find("\"code\":\"unavailable\"") !=
        std::string::npos);
  for (const char* bad : {"", "x", "[]", "{}", R"({"protocol":2})", R"({"protocol":2,"verb":3})"}) {
    CHECK(ask_helper(bad, verbs).find("\"code\":\"invalid\"") != std::string::npos);
  }
}

TEST_CASE("host mkfs: tools come from a fixed list") {
  for (const Filesystem filesystem : {Filesystem::ext4, Filesystem::xfs}) {
    const Result<std::string> tool = find_mkfs(filesystem);
    if (tool) CHECK(tool->front() == '/');
    if (!tool) CHECK(tool.error().message.find("apt install") != std::string::npos);
  }
}
