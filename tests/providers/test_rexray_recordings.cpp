// What was recorded of a REX-Ray 0.12 with its vfs driver (tests/data/rexray) is what the doubles answer,
// byte by byte, and what the provider reads.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "providers/rexray/rexray_cli.h"
#include "providers/rexray/volume_answers.h"
#include "tests/providers/conformance/subject_rexray_cli.h"
#include "tests/providers/conformance/subject_rexray_rest.h"

using extvold::HttpRequest;
using extvold::HttpResponse;
using extvold::ProcessRequest;
using extvold::ProcessResult;
using extvold::Result;
using extvold::tests::conformance::RexrayCli4Subject;
using extvold::tests::conformance::RexrayRestSubject;
namespace rexray = extvold::providers::rexray;

namespace {

const std::string kFolder = std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/rexray/";

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> files(const std::string& folder) {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder + folder)) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

std::string cut(const std::string& text, const std::string& from, const std::string& to) {
  const std::size_t begin = text.find(from);
  REQUIRE(begin != std::string::npos);
  const std::size_t end = to.empty() ? text.size() : text.find(to, begin + from.size());
  REQUIRE(end != std::string::npos);
  return text.substr(begin + from.size(), end - begin - from.size());
}

std::string stripped(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

struct Exchange {
  HttpRequest request;
  int status = 0;
  std::string body;
};

Exchange exchange_of(const std::string& path) {
  const std::string text = content(path);
  const std::string asked = text.substr(0, text.find("---\n"));
  Exchange out;
  out.request.method = asked.substr(0, asked.find(' '));
  out.request.url = "http://ls:7979" + cut(asked, " ", "\n");
  if (asked.find("Libstorage-Instanceid: ") != std::string::npos)
    out.request.headers.emplace_back("Libstorage-Instanceid", cut(asked, "Libstorage-Instanceid: ", "\n"));
  if (const std::size_t blank = asked.find("\n\n"); blank != std::string::npos)
    out.request.body = stripped(asked.substr(blank + 2));
  out.status = std::stoi(cut(text, "HTTP/1.1 ", " "));
  out.body = stripped(cut(text, "\r\n\r\n", ""));
  return out;
}

// `[host a1] $ rexray volume ls …` or `$ rexray …`
ProcessRequest command_of(const std::string& text, const RexrayCli4Subject& subject) {
  ProcessRequest request;
  request.env = subject.config.environment;
  request.argv = {subject.config.program};
  std::string line = cut(text, "$ rexray ", "\n");
  while (!line.empty()) {
    const std::size_t space = line.find(' ');
    request.argv.push_back(line.substr(0, space));
    line = space == std::string::npos ? "" : line.substr(space + 1);
  }
  return request;
}

// The time of a log line is its own.
std::string without_time(const std::string& text) {
  return text.starts_with("time=") ? text.substr(text.find("level=")) : text;
}

void check_recorded(RexrayCli4Subject& subject, const std::string& path) {
  const std::string text = content(path);
  ProcessResult got;
  subject.runner.run(command_of(text, subject), [&](Result<ProcessResult> ended) {
    REQUIRE(ended);
    got = *ended;
  });
  subject.runner.drain();
  INFO(path);
  CHECK(got.standard_output == stripped(cut(text, "--- stdout\n", "--- stderr")));
  CHECK(without_time(stripped(got.standard_error)) ==
        without_time(stripped(cut(text, "--- stderr\n", "--- exit"))));
  CHECK(got.exit_status == std::stoi(cut(text, "--- exit ", "")));
}

void put_on(RexrayCli4Subject& subject, const char* host) {
  nlohmann::json state = subject.state();
  state["host"] = host;
  subject.set_state(state);
}

// pgdata, and pg0 twice; `holder` has both pg0.
void put_three(RexrayCli4Subject& subject, const nlohmann::json& holders) {
  nlohmann::json state = subject.state();
  state["host"] = "vm";
  state["next"] = 3;
  const nlohmann::json nobody = nlohmann::json::array();
  state["volumes"] = {{{"id", "vfs-001"}, {"name", "pg0"}, {"size", 1}, {"attachments", holders}},
                      {{"id", "vfs-002"}, {"name", "pg0"}, {"size", 1}, {"attachments", holders}},
                      {{"id", "vfs-000"}, {"name", "pgdata"}, {"size", 1}, {"attachments", nobody}}};
  subject.set_state(state);
}

}  // namespace

TEST_CASE("rexray: the double of libStorage answers as it was recorded") {
  RexrayRestSubject subject;
  for (const std::string& path : files("libstorage")) {
    INFO(path);
    const Exchange recorded = exchange_of(path);
    const HttpResponse got = subject.server().answer(recorded.request);
    CHECK(got.status == recorded.status);
    CHECK(got.body == recorded.body);
  }
}

TEST_CASE("rexray: the double of the program answers as it was recorded on two hosts") {
  RexrayCli4Subject subject;
  for (const std::string& path : files("rexray-two-hosts")) {
    if (path.find("/rest-") != std::string::npos) continue;
    put_on(subject, cut(content(path), "[host ", "]").c_str());
    check_recorded(subject, path);
  }
}

TEST_CASE("rexray: the double of the program answers as it was recorded, call by call") {
  RexrayCli4Subject subject;
  const nlohmann::json nobody = nlohmann::json::array();
  const std::string cli = kFolder + "cli/";
  put_three(subject, nobody);
  for (const char* name : {"ls-one", "ls-missing", "detach-detached", "detach-missing", "dryrun-create"})
    check_recorded(subject, cli + name + ".txt");
  put_three(subject, nobody);
  nlohmann::json state = subject.state();
  // A list comes in no order.
  std::rotate(state["volumes"].begin(), state["volumes"].begin() + 2, state["volumes"].end());
  subject.set_state(state);
  for (const char* name : {"ls-json", "ls-jsonp"}) check_recorded(subject, cli + name + ".txt");
  state["volumes"] = nobody;
  for (const auto& [name, next] : {std::pair("create-ok", 1), std::pair("create-exists", 2)}) {
    state["next"] = next;
    subject.set_state(state);
    check_recorded(subject, cli + name + ".txt");
  }
  // One word, two volumes.
  put_three(subject, nobody);
  state = subject.state();
  std::swap(state["volumes"][0], state["volumes"][1]);
  subject.set_state(state);
  check_recorded(subject, cli + "attach-name.txt");
  state["volumes"] = {{{"id", "vfs-003"}, {"name", "pg1"}, {"size", 1}, {"attachments", nobody}}};
  subject.set_state(state);
  for (const char* name : {"attach-by-id", "ls-attached-by-id", "detach-by-id", "rm-while-mounted"})
    check_recorded(subject, cli + name + ".txt");
  state["volumes"] = {{{"id", "vfs-000"}, {"name", "pgdata"}, {"size", 1}, {"attachments", nobody}}};
  subject.set_state(state);
  check_recorded(subject, cli + "ls-after-unmount.txt");
  put_three(subject, {"vm"});
  check_recorded(subject, cli + "dryrun-attach.txt");
  for (const char* name : {"ls-attached", "attach-again", "attach-again-idem", "attach-force", "rm-attached",
                           "rm-missing", "rm-ok"})
    check_recorded(subject, cli + name + ".txt");
}

TEST_CASE("rexray: what was recorded of the API is read as it is meant") {
  const auto list = [](const char* file) {
    const Exchange recorded = exchange_of(kFolder + "libstorage/" + file);
    return rexray::read_volume_map(nlohmann::json::parse(recorded.body));
  };
  const Result<rexray::StorageList> free = list("04-list.txt");
  REQUIRE(free);
  REQUIRE(free->volumes.size() == 1);
  CHECK(free->unreadable.empty());
  CHECK(free->volumes.front().id == "vfs-000");
  CHECK(free->volumes.front().name == "pg0");
  CHECK(free->volumes.front().size_gb == 1);
  CHECK(free->volumes.front().attachments.empty());
  // Asked for a2, who has nothing of it: state 4.
  const Result<rexray::StorageList> held = list("07-list-attached.txt");
  REQUIRE(held);
  CHECK(held->volumes.front().attachments == std::vector<rexray::StorageAttachment>{{"a1", ""}});
  // Attached to a2 twice.
  const Exchange inspected = exchange_of(kFolder + "libstorage/10-inspect.txt");
  const Result<rexray::StorageVolume> both =
      rexray::read_volume(nlohmann::json::parse(inspected.body), rexray::StateField::needed);
  REQUIRE(both);
  CHECK(both->attachments == std::vector<rexray::StorageAttachment>{{"a1", ""}, {"a2", ""}});
}

TEST_CASE("rexray: what was recorded of the program is read as it is meant") {
  const rexray::CliVersion newest = rexray::version_of_dialect(4);
  const auto printed = [](const std::string& file) {
    return stripped(cut(content(kFolder + file), "--- stdout\n", "--- stderr"));
  };
  const Result<rexray::StorageList> held =
      rexray::read_cli_list(newest, printed("rexray-two-hosts/04-ls-from-a2.txt"));
  REQUIRE(held);
  CHECK(held->volumes.front().attachments == std::vector<rexray::StorageAttachment>{{"a1", "/dev/xvda"}});
  const Result<rexray::StorageList> three = rexray::read_cli_list(newest, printed("cli/ls-jsonp.txt"));
  REQUIRE(three);
  CHECK(three->volumes.size() == 3);
  CHECK(three->unreadable.empty());
  const Result<rexray::StorageList> none = rexray::read_cli_list(newest, printed("cli/ls-missing.txt"));
  REQUIRE(none);
  CHECK(none->volumes.empty());
  CHECK_FALSE(rexray::read_cli_list(newest, printed("cli/rm-missing.txt")));
  CHECK_FALSE(rexray::read_cli_list(newest, printed("cli/unmount.txt")));
  // A volume that is mounted has further fields, there and in its attachment.
  for (const char* const file : {"cli/mount.txt", "cli/mount-again.txt", "cli/mount-by-id.txt"}) {
    INFO(file);
    const Result<rexray::StorageList> mounted = rexray::read_cli_list(newest, printed(file));
    REQUIRE(mounted);
    CHECK(mounted->unreadable.empty());
    for (const rexray::StorageVolume& one : mounted->volumes)
      CHECK(one.attachments == std::vector<rexray::StorageAttachment>{{"vm", "/dev/xvda"}});
  }
  for (const char* const file : {"cli/ls-path.txt", "cli/ls-after-rm-while-mounted.txt"}) {
    const Result<rexray::StorageList> empty = rexray::read_cli_list(newest, printed(file));
    REQUIRE(empty);
    CHECK(empty->volumes.empty());
  }
}
