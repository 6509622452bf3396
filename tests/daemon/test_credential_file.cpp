// What may be in a credential file, what is said of one that is wrong, and that a secret never gets out.
#include "daemon/auth/credential_file.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>

#include "daemon/log.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {
namespace {

// None of these may ever compile with a Secret.
static_assert(!std::is_copy_constructible_v<Secret> && !std::is_copy_assignable_v<Secret>);
static_assert(std::is_nothrow_move_constructible_v<Secret> && std::is_nothrow_move_assignable_v<Secret>);
static_assert(!fmt::is_formattable<Secret>::value);
static_assert(!std::is_convertible_v<Secret, std::string> &&
              !std::is_convertible_v<Secret, std::string_view>);
static_assert(!std::is_constructible_v<std::string, Secret> &&
              !std::is_constructible_v<LogField, const char*, Secret>);
static_assert(!std::is_constructible_v<nlohmann::json, Secret>);
static_assert(!std::is_convertible_v<std::string, Secret>);  // on purpose only

TEST_CASE("a secret moves, and is gone from where it was", "[daemon][auth]") {
  Secret first("short");
  CHECK(first.reveal() == "short");
  Secret second(std::move(first));
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): what a moved-from Secret is, is the point
  CHECK(second.reveal() == "short");
  first = std::move(second);
  CHECK(first == Secret("short"));
  CHECK_FALSE(first == Secret("other"));
  CHECK(Secret().empty());
  CHECK(Secret("").reveal().empty());
  std::string buffer = "secret";
  wipe(buffer);
  CHECK(buffer.empty());
}

TEST_CASE("credentials in Mesos' forms", "[daemon][auth]") {
  using Row = std::tuple<std::string, std::string, std::string>;
  const auto [text, principal, secret] = GENERATE(table<std::string, std::string, std::string>({
      Row{"extvold hush", "extvold", "hush"},
      Row{"extvold hush\n", "extvold", "hush"},
      Row{"\n  extvold   hush \r\n\n", "extvold", "hush"},
      Row{"extvold a:b=c/d{", "extvold", "a:b=c/d{"},
      Row{"\xc3\xa9t\xc3\xa9 \xc3\xa0", "\xc3\xa9t\xc3\xa9", "\xc3\xa0"},
      Row{R"({"principal":"extvold","secret":"hush"})", "extvold", "hush"},
      Row{"\n {\"secret\": \"two words\", \"principal\": \"e v\", \"more\": 1}\n", "e v", "two words"},
      Row{R"({"credentials":[{"principal":"extvold","secret":"hush"}]})", "extvold", "hush"},
  }));
  INFO(text);
  const auto got = parse_credential(text, "/f");
  REQUIRE(got);
  CHECK(got->principal == principal);
  CHECK(got->secret == Secret(secret));
}

TEST_CASE("a credential file that is wrong says so, and shows nothing of it", "[daemon][auth]") {
  const auto [text, message] = GENERATE(table<std::string, std::string>({
      {"", "/f: is empty: write `PRINCIPAL SECRET`"},
      {"\n \n", "/f: is empty"},
      {"hush", "/f: has 1 word where two belong"},
      {"extvold hush hush", "/f: has 3 words where two belong"},
      {"extvold hush\nother hush\n", "/f: has 2 lines: leave the one"},
      {"extvold\thush", "/f: has 1 word where"},
      {"ext\tvold hush", "/f: the principal has a control character"},
      {std::string("extvold hu\0sh", 13), "/f: the secret has a control character"},
      {"ext:vold hush", "/f: the principal has a `:` in it"},
      {"\xef\xbb\xbf"
       "extvold hush",
       "/f: begins with a byte order mark"},
      {"{\"principal\":\"hush\"", "/f: is not JSON"},
      {R"({"principal":"extvold"})", "/f: has no text \"secret\""},
      {R"({"secret":"hush"})", "/f: has no text \"principal\""},
      {R"({"principal":"extvold","secret":7})", "/f: has no text \"secret\""},
      {R"({"principal":"","secret":"hush"})", "/f: the principal is empty"},
      {R"({"principal":"extvold","secret":""})", "/f: the secret is empty"},
      {R"({"principal":"extvold","secret":"hush\n"})", "/f: the secret has a control character"},
      {R"({"principal":"a:b","secret":"hush"})", "/f: the principal has a `:`"},
      {R"({"credentials":[]})", "/f: is a list of credentials"},
      {R"({"credentials":[{"principal":"hush","secret":"hush"},{}]})", "/f: is a list of credentials"},
      {R"({"credentials":["hush"]})", "/f: has no text \"principal\""},
      {R"({"credentials":"hush"})", "/f: is a list of credentials"},
  }));
  INFO(text);
  const auto got = parse_credential(text, "/f");
  REQUIRE_FALSE(got);
  CHECK(got.error().code == Errc::invalid);
  CHECK(got.error().message.starts_with(message));
  CHECK(got.error().message.find("hush") == std::string::npos);
}

TEST_CASE("an Authorization value, in any of its spellings", "[daemon][auth]") {
  using Row = std::tuple<std::string, std::string, std::string>;
  const auto [text, prefix, value] = GENERATE(table<std::string, std::string, std::string>({
      Row{"Bearer ey.J0\n", "", "Bearer ey.J0"},
      Row{"token=ey.J0", "", "token=ey.J0"},
      Row{"Authorization: token=ey.J0\r\n", "", "token=ey.J0"},
      Row{"authorization:Bearer ey.J0", "", "Bearer ey.J0"},
      Row{"ey.J0\n", "Bearer ", "Bearer ey.J0"},
      Row{"ey.J0==", "token=", "token=ey.J0=="},
      Row{"token=ey.J0", "token=", "token=ey.J0"},
  }));
  INFO(text);
  const auto got = parse_authorization(text, "/t", prefix);
  REQUIRE(got);
  CHECK(got->reveal() == value);

  const auto [wrong, message] = GENERATE(table<std::string, std::string>({
      {"", "/t: has 0 lines"},
      {"hush\nhush", "/t: has 2 lines"},
      {"Authorization:\n", "/t: has no token"},
      {"token=", "/t: has no token"},
      {"hush.hush", "/t: holds a token without its scheme"},
      {"Bearer hu\x01sh", "/t: has a character that no HTTP header may have"},
      {"Bearer hu\xc3\xa9sh", "/t: has a character that no HTTP header may have"},
      {"\xef\xbb\xbf"
       "Bearer hush",
       "/t: begins with a byte order mark"},
  }));
  const auto refused = parse_authorization(wrong, "/t", "");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.starts_with(message));
  CHECK(refused.error().message.find("hush") == std::string::npos);
}

TEST_CASE("basic authentication as RFC 7617 has it", "[daemon][auth]") {
  CHECK(basic_authorization({"Aladdin", Secret("open sesame")}).reveal() ==
        "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(basic_authorization({"test", Secret("123\xc2\xa3")}).reveal() == "Basic dGVzdDoxMjPCow==");
  CHECK(basic_authorization({"extvold", Secret("extvold")}).reveal() == "Basic ZXh0dm9sZDpleHR2b2xk");
}

TEST_CASE("where a secret is", "[daemon][auth]") {
  for (const char* good : {"/etc/x", "systemd:mesos-secret", "systemd:a.b c"}) CHECK(is_secret_place(good));
  for (const char* bad :
       {"", "hunter2", "etc/x", "systemd:", "systemd:..", "systemd:a/b", "Bearer abc", "/a\nb"})
    CHECK_FALSE(is_secret_place(bad));
  ::unsetenv("CREDENTIALS_DIRECTORY");
  CHECK(secret_path("/etc/x").value() == "/etc/x");
  const auto none = secret_path("systemd:mesos");
  REQUIRE_FALSE(none);
  CHECK(none.error().code == Errc::not_found);
  CHECK(none.error().message.find("LoadCredential=mesos:/PATH") != std::string::npos);
  ::setenv("CREDENTIALS_DIRECTORY", "/run/credentials/extvold.service", 1);
  CHECK(secret_path("systemd:mesos").value() == "/run/credentials/extvold.service/mesos");
  ::unsetenv("CREDENTIALS_DIRECTORY");
}

TEST_CASE("reading a file with a secret", "[daemon][auth]") {
  const TempDir dir;
  const auto write = [&](const char* name, const std::string& text) {
    std::ofstream(dir.path(name)) << text;
    return dir.path(name);
  };
  CHECK(read_secret_file(write("good", "extvold hush\n"))->reveal() == "extvold hush\n");
  CHECK(read_secret_file(write("full", std::string(65536, 'x')))->reveal().size() == 65536);
  const auto error = [](const std::string& path) {
    const auto got = read_secret_file(path);
    REQUIRE_FALSE(got);
    CHECK(got.error().message.starts_with(path + ": "));
    return got.error();
  };
  CHECK(error(dir.path("none")).code == Errc::not_found);
  CHECK(error(dir.path("good/none")).code == Errc::not_found);
  CHECK(error(dir.path(".")).message.find("no regular file") != std::string::npos);
  CHECK(error(write("large", std::string(65537, 'x'))).message.find("64 KiB") != std::string::npos);
  CHECK(error(write("empty", "")).message.find("is empty") != std::string::npos);
  REQUIRE(::mkfifo(dir.path("fifo").c_str(), 0600) == 0);
  CHECK(error(dir.path("fifo")).message.find("no regular file") != std::string::npos);  // and does not hang

  const std::string open = write("open", "x");
  for (const auto& [mode, warned] : {std::pair{0600U, false}, std::pair{0640U, false}, std::pair{0644U, true},
                                     std::pair{0602U, true}, std::pair{0400U, false}}) {
    REQUIRE(::chmod(open.c_str(), mode) == 0);
    const std::string warning = exposed_file(open);
    CHECK(warning.empty() != warned);
    if (warned) {
      CHECK(warning.starts_with(open));
      CHECK(warning.ends_with("chmod 600 " + open));
    }
  }
  CHECK(exposed_file(dir.path("none")).empty());
}

}  // namespace
}  // namespace extvold::daemon::tests
