// Credential files: whatever they hold, a credential that can be sent, or an error that shows nothing of it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/auth/credential_file.h"
#include "model/check.h"

using extvold::daemon::Secret;

namespace {

// Nothing of the file: of one that begins with words of our own messages (a fuzzer learns them) nobody can
// tell, and none of those has a digit so early.
void check_error(const extvold::Error& error, std::string_view text) {
  constexpr std::size_t kLongEnough = 24;
  EXTVOLD_CHECK(error.code == extvold::Errc::invalid);
  EXTVOLD_CHECK(error.message.starts_with("/f: "));
  EXTVOLD_CHECK(error.message.size() < 300);
  for (const char c : error.message) EXTVOLD_CHECK(c >= ' ' && c < 0x7f);
  const std::string_view begin = text.substr(0, kLongEnough);
  if (begin.size() == kLongEnough && begin.find_first_of("0123456789") != std::string_view::npos)
    EXTVOLD_CHECK(error.message.find(begin) == std::string::npos);
}

bool has_control(std::string_view text) {
  for (const char c : text) {
    if ((c >= 0 && c < ' ') || c == 0x7f) return true;
  }
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto got = extvold::daemon::parse_credential(text, "/f")) {
    EXTVOLD_CHECK(!got->principal.empty() && got->principal.find(':') == std::string::npos);
    EXTVOLD_CHECK(!got->secret.empty());
    EXTVOLD_CHECK(!has_control(got->principal) && !has_control(got->secret.reveal()));
    const Secret header = basic_authorization(*got);
    EXTVOLD_CHECK(header.reveal().starts_with("Basic ") && header.reveal().size() % 4 == 2);
  } else {
    check_error(got.error(), text);
  }
  for (const std::string_view prefix : {"", "Bearer ", "token="}) {
    if (const auto got = extvold::daemon::parse_authorization(text, "/f", prefix)) {
      EXTVOLD_CHECK(got->reveal().starts_with(prefix) && got->reveal().size() > prefix.size());
      EXTVOLD_CHECK(!has_control(got->reveal()));
    } else {
      check_error(got.error(), text);
    }
  }
  static_cast<void>(extvold::daemon::is_secret_place(text));
  return 0;
}
