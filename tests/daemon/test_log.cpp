#include "daemon/log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

class FixedClock final : public Clock {
 public:
  Instant now() const override { return {}; }
  WallTime wall() const override { return {1'700'000'000'123'456'789}; }
};

struct Fixture {
  std::vector<std::string> lines;
  Log log{[this](LogLevel, std::string_view line) { lines.emplace_back(line); }, LogLevel::info};
};

TEST_CASE("a line is level, event and fields", "[daemon][log]") {
  Fixture f;
  f.log.info("subscription_opened", {{"master", "http://m1:5050/api/v1"}, {"redirects", 2}, {"ok", true}});
  f.log.error("ledger_damaged", {});
  f.log.debug("not_shown", {});
  CHECK(f.lines ==
        std::vector<std::string>{
            "level=info event=subscription_opened master=http://m1:5050/api/v1 redirects=2 ok=true",
            "level=error event=ledger_damaged"});
  f.log.set_least(LogLevel::debug);
  f.log.debug("shown", {{"n", std::uint64_t{18446744073709551615U}}, {"m", -1}});
  CHECK(f.lines.back() == "level=debug event=shown n=18446744073709551615 m=-1");
}

TEST_CASE("with a clock a line begins with the time", "[daemon][log]") {
  const FixedClock clock;
  std::string line;
  Log log([&](LogLevel, std::string_view got) { line = got; }, LogLevel::debug, &clock);
  log.warning("x", {});
  CHECK(line == "time=2023-11-14T22:13:20.123Z level=warning event=x");
}

TEST_CASE("values are quoted where needed", "[daemon][log]") {
  CHECK(log_value("simple/path:1,2") == "simple/path:1,2");
  CHECK(log_value("") == R"("")");
  CHECK(log_value("a b") == R"("a b")");
  CHECK(log_value("a=b") == R"("a=b")");
  CHECK(log_value(R"(say "hi" \)") == R"("say \"hi\" \\")");
  CHECK(log_value("größe") == "\"größe\"");
}

TEST_CASE("nothing can break out of its value", "[daemon][log]") {
  CHECK(log_value("a\nlevel=error event=fake") == R"("a\nlevel=error event=fake")");
  CHECK(log_value("\r\t\x1b[31m\x7f") == R"("\r\t\u{1b}[31m\u{7f}")");
  CHECK(log_value(std::string_view("\0", 1)) == R"("\u{0}")");
  CHECK(log_value("\xc2\x9b") == R"("\u{9b}")");        // a C1 control: CSI in one character
  CHECK(log_value("\xe2\x80\xae") == R"("\u{202e}")");  // right-to-left override
  CHECK(log_value("\xff") == R"("\xff")");
  CHECK(log_value("\xc0\xaf") == R"("\xc0\xaf")");          // overlong
  CHECK(log_value("\xed\xa0\x80") == R"("\xed\xa0\x80")");  // a surrogate
  CHECK(log_value("\xf4\x90\x80\x80") == R"("\xf4\x90\x80\x80")");
  CHECK(log_value("\xf0\x9f\x98\x80") == "\"\xf0\x9f\x98\x80\"");
  CHECK(log_value("\xe2\x82") == R"("\xe2\x82")");  // cut off
}

TEST_CASE("long values are cut between characters and say by how much", "[daemon][log]") {
  CHECK(log_value(std::string(kLogValueBytesMax, 'x')) == std::string(kLogValueBytesMax, 'x'));
  CHECK(log_value(std::string(kLogValueBytesMax + 5, 'x')) ==
        "\"" + std::string(kLogValueBytesMax, 'x') + "… (5 bytes more)\"");
  const std::string text = std::string(kLogValueBytesMax - 1, 'x') + "ö" + "yy";
  CHECK(log_value(text) == "\"" + std::string(kLogValueBytesMax - 1, 'x') + "… (4 bytes more)\"");
  const std::string invalid(kLogValueBytesMax + 100, '\x80');
  CHECK(log_value(invalid).find("bytes more") != std::string::npos);
}

TEST_CASE("a line is bounded", "[daemon][log]") {
  Fixture f;
  const std::string bad(4000, '\x01');
  f.log.info("x", {{"a", bad}, {"b", bad}, {"c", bad}, {"d", bad}, {"e", bad}, {"f", "short"}});
  CHECK(f.lines[0].size() <= kLogLineBytesMax + 30);
  CHECK(f.lines[0].ends_with(" fields_left_out=3"));
}

// Redirects standard error to a file while it exists.
class CapturedStderr {
 public:
  explicit CapturedStderr(const std::string& path) : saved_(dup(STDERR_FILENO)) {
    const UniqueFd file(open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    dup2(file.get(), STDERR_FILENO);
  }
  ~CapturedStderr() { dup2(saved_.get(), STDERR_FILENO); }

 private:
  UniqueFd saved_;
};

TEST_CASE("standard error gets whole lines, for journald with a priority", "[daemon][log]") {
  const TempDir dir;
  const bool journal = GENERATE(false, true);
  {
    const CapturedStderr captured(dir.path("err"));
    struct stat status {};
    REQUIRE(fstat(STDERR_FILENO, &status) == 0);
    const std::string stream =
        std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino + (journal ? 0 : 1));
    setenv("JOURNAL_STREAM", stream.c_str(), 1);
    CHECK(stderr_is_journal() == journal);
    Log log(stderr_sink(stderr_is_journal()), LogLevel::debug);
    log.debug("d", {});
    log.info("i", {});
    log.warning("w", {});
    log.error("e", {});
    unsetenv("JOURNAL_STREAM");
    CHECK_FALSE(stderr_is_journal());
  }
  CHECK(read_file(dir.path("err")) == (journal ? "<7>level=debug event=d\n<6>level=info event=i\n"
                                                 "<4>level=warning event=w\n<3>level=error event=e\n"
                                               : "level=debug event=d\nlevel=info event=i\n"
                                                 "level=warning event=w\nlevel=error event=e\n"));
}

}  // namespace
}  // namespace extvold::daemon::tests
