#include "daemon/auth/credential_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "daemon/unique_fd.h"
#include "model/ascii.h"

namespace extvold::daemon {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kFileBytesMax = 64U << 10U;
constexpr std::string_view kSystemd = "systemd:";
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr std::string_view kHow = R"(write `PRINCIPAL SECRET`, or {"principal": "...", "secret": "..."})";

bool is_control(char c) { return (c >= 0 && c < ' ') || c == 0x7f; }
bool has_control(std::string_view text) { return std::any_of(text.begin(), text.end(), is_control); }

bool begins_ignoring_case(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(),
                                                   [](char a, char b) { return a == to_lower(b); });
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(at), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// The lines that are not blank.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::string_view line : split(text, '\n')) {
    if (line = trimmed(line); !line.empty()) lines.push_back(line);
  }
  return lines;
}

Status check_encoding(std::string_view text, std::string_view file) {
  if (!text.starts_with(kByteOrderMark)) return {};
  return fail(Errc::invalid, "{}: begins with a byte order mark: save it as plain UTF-8", file);
}

Result<Credential> checked(std::string_view principal, std::string_view secret, std::string_view file) {
  if (principal.empty() || secret.empty())
    return fail(Errc::invalid, "{}: the {} is empty: {}", file, principal.empty() ? "principal" : "secret",
                kHow);
  if (has_control(principal) || has_control(secret)) {
    return fail(Errc::invalid, "{}: the {} has a control character, perhaps a tab: remove it", file,
                has_control(principal) ? "principal" : "secret");
  }
  // Basic authentication joins the two by a colon, and the master splits at the first.
  if (principal.find(':') != std::string_view::npos)
    return fail(Errc::invalid, "{}: the principal has a `:` in it, which basic authentication cannot send",
                file);
  return Credential{std::string(principal), Secret(secret)};
}

// Texts out of parsed JSON, wiped with it.
struct WipedJson {
  Json json;
  WipedJson(const WipedJson&) = delete;
  WipedJson& operator=(const WipedJson&) = delete;
  explicit WipedJson(std::string_view text) : json(Json::parse(text, nullptr, /*allow_exceptions=*/false)) {}
  ~WipedJson() {
    const Json* one = find_one();
    if (one == nullptr || !one->is_object() || !one->contains("secret")) return;
    if (auto* held = const_cast<Json&>((*one)["secret"]).get_ptr<std::string*>()) wipe(*held);
  }

  // The credential itself, or the only one of a master's list; null: neither.
  const Json* find_one() const {
    if (!json.is_object() || !json.contains("credentials")) return &json;
    const Json& list = json["credentials"];
    return list.is_array() && list.size() == 1 ? &list[0] : nullptr;
  }
};

Result<Credential> parse_json(std::string_view text, std::string_view file) {
  const WipedJson parsed(text);
  if (parsed.json.is_discarded()) return fail(Errc::invalid, "{}: is not JSON: {}", file, kHow);
  const Json* one = parsed.find_one();
  if (one == nullptr) {
    return fail(Errc::invalid, "{}: is a list of credentials, as a master has it: leave the one of extvold",
                file);
  }
  const auto text_of = [&](const char* key) -> const std::string* {
    if (!one->is_object() || !one->contains(key)) return nullptr;
    return (*one)[key].get_ptr<const std::string*>();
  };
  const std::string* principal = text_of("principal");
  const std::string* secret = text_of("secret");
  if (principal == nullptr || secret == nullptr) {
    return fail(Errc::invalid, "{}: has no text \"{}\": {}", file,
                principal == nullptr ? "principal" : "secret", kHow);
  }
  return checked(*principal, *secret, file);
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);  // no growing: that would leave copies behind
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      const std::uint32_t byte = j < count ? static_cast<unsigned char>(bytes[i + j]) : 0U;
      group = group << 8U | byte;
    }
    for (std::size_t j = 0; j < 4; ++j) text += j <= count ? kAlphabet[group >> (18U - 6U * j) & 63U] : '=';
  }
  return text;
}

}  // namespace

Result<Credential> parse_credential(std::string_view text, std::string_view file) {
  TRY(check_encoding(text, file));
  if (trimmed(text).starts_with('{')) return parse_json(text, file);
  const std::vector<std::string_view> lines = lines_of(text);
  if (lines.empty()) return fail(Errc::invalid, "{}: is empty: {}", file, kHow);
  if (lines.size() > 1) {
    return fail(Errc::invalid, "{}: has {} lines: leave the one with the credential of extvold", file,
                lines.size());
  }
  const std::vector<std::string_view> words = split(lines[0], ' ');
  if (words.size() != 2) {
    return fail(Errc::invalid, "{}: has {} word{} where two belong: {}; with JSON a secret may have spaces",
                file, words.size(), words.size() == 1 ? "" : "s", kHow);
  }
  return checked(words[0], words[1], file);
}

Result<Secret> parse_authorization(std::string_view text, std::string_view file, std::string_view prefix) {
  constexpr std::string_view kHeader = "authorization:";
  TRY(check_encoding(text, file));
  const std::vector<std::string_view> lines = lines_of(text);
  if (lines.size() != 1) {
    return fail(Errc::invalid, "{}: has {} lines where one belongs: write `Bearer TOKEN` or `token=TOKEN`",
                file, lines.size());
  }
  std::string_view value = lines[0];
  if (begins_ignoring_case(value, kHeader)) value = trimmed(value.substr(kHeader.size()));
  if (value.empty() || value == "token=" || value == trimmed(prefix))
    return fail(Errc::invalid, "{}: has no token in it", file);
  const bool sendable = std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 0x7f; });
  if (!sendable)
    return fail(Errc::invalid, "{}: has a character that no HTTP header may have: write ASCII", file);
  if (prefix.empty() && value.find(' ') == std::string_view::npos && !value.starts_with("token=")) {
    return fail(
        Errc::invalid,
        "{}: holds a token without its scheme: write `Bearer TOKEN` or `token=TOKEN`, or set token_prefix",
        file);
  }
  if (prefix.empty() || value.starts_with(prefix)) return Secret(value);
  std::string joined;
  joined.reserve(prefix.size() + value.size());
  joined.append(prefix).append(value);
  Secret whole(joined);
  wipe(joined);
  return whole;
}

Secret basic_authorization(const Credential& credential) {
  const std::string_view secret = credential.secret.reveal();
  std::string pair;
  pair.reserve(credential.principal.size() + 1 + secret.size());
  pair.append(credential.principal).append(":").append(secret);
  std::string coded = base64(pair);
  std::string header;
  header.reserve(coded.size() + 6);
  header.append("Basic ").append(coded);
  Secret value(header);
  for (std::string* used : {&pair, &coded, &header}) wipe(*used);
  return value;
}

bool is_secret_place(std::string_view place) {
  if (place.starts_with('/')) return !has_control(place);
  if (!place.starts_with(kSystemd)) return false;
  const std::string_view name = place.substr(kSystemd.size());
  // systemd's own rule for the name of a credential: a valid file name.
  return !name.empty() && name.size() <= 255 && name != "." && name != ".." && !has_control(name) &&
         name.find('/') == std::string_view::npos;
}

Result<std::string> secret_path(const std::string& place) {
  if (!place.starts_with(kSystemd)) return place;
  const std::string name = place.substr(kSystemd.size());
  const char* const folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (folder == nullptr || *folder != '/') {
    return fail(Errc::not_found,
                "{}: systemd has handed over no credentials ($CREDENTIALS_DIRECTORY is not set): write "
                "LoadCredential={}:/PATH into the unit, or name a file by its absolute path",
                place, name);
  }
  return fmt::format("{}/{}", folder, name);
}

Result<Secret> read_secret_file(const std::string& path) {
  const auto failed = [&](int error) {
    const Errc code = error == ENOENT || error == ENOTDIR ? Errc::not_found
                      : error == EACCES || error == EPERM ? Errc::permission
                                                          : Errc::unavailable;
    return fail(code, "{}: cannot be read: {}", path, std::generic_category().message(error));
  };
  // Not waiting: a FIFO would, for a writer that may never come.
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return failed(errno);
  struct stat about {};
  if (::fstat(file.get(), &about) != 0) return failed(errno);
  if (!S_ISREG(about.st_mode)) return fail(Errc::invalid, "{}: is no regular file", path);
  std::string text(kFileBytesMax + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      const int error = errno;
      wipe(text);
      return failed(error);
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  Result<Secret> out = fail(Errc::invalid, "{}: is larger than 64 KiB: that is no credential", path);
  if (size == 0)
    out = fail(Errc::invalid, "{}: is empty", path);
  else if (size <= kFileBytesMax)
    out = Secret(std::string_view(text).substr(0, size));
  wipe(text);
  return out;
}

std::string exposed_file(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return {};
  if ((about.st_mode & static_cast<mode_t>(S_IROTH | S_IWOTH)) == 0) return {};
  return fmt::format("{} can be read or changed by others (mode {:04o}): chmod 600 {}", path,
                     static_cast<unsigned>(about.st_mode) & 07777U, path);
}

}  // namespace extvold::daemon
