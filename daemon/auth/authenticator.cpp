#include "daemon/auth/authenticator.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "daemon/auth/credential_file.h"

namespace extvold::daemon {
namespace {

constexpr std::string_view kRedacted = "[redacted]";
// A shorter beginning of a secret at the end of a text may be chance, and tells nothing.
constexpr std::size_t kTellingBytes = 4;

void redact(std::string& text, std::string_view secret) {
  if (secret.size() < kTellingBytes) return;
  for (std::size_t at = text.find(secret); at != std::string::npos; at = text.find(secret, at))
    text.replace(at, secret.size(), kRedacted);
  for (std::size_t size = std::min(secret.size() - 1, text.size()); size >= kTellingBytes; --size) {
    if (!std::string_view(text).ends_with(secret.substr(0, size))) continue;
    text.replace(text.size() - size, size, kRedacted);
    return;
  }
}

// An empty path stays empty.
Result<std::string> file_of(const std::string& place) {
  return place.empty() ? Result<std::string>(std::string()) : secret_path(place);
}

}  // namespace

Authenticator::Authenticator(AuthConfig config, Log& log) : config_(std::move(config)), log_(log) {}

void Authenticator::look() {
  if (config_.insecure_skip_verify) {
    log_.warning("tls_not_verified",
                 {{"section", config_.section},
                  {"remedy",
                   "remove insecure_skip_verify: anybody on the way can read and change what is said, "
                   "credentials included"}});
  }
  for (const std::string& problem : file_problems(config_))
    log_.warning("credential_file_problem", {{"section", config_.section}, {"problem", problem}});
  read_again();
}

void Authenticator::set(AuthConfig config) {
  config_ = std::move(config);
  held_ = {};
  number_ += 1;
  look();
}

Result<Authenticator::Read> Authenticator::read() const {
  Read out;
  if (!config_.has_credentials()) return out;
  const bool is_token = !config_.token.empty();
  ASSIGN(const std::string path, secret_path(is_token ? config_.token : config_.credential));
  ASSIGN(const Secret text, read_secret_file(path));
  if (is_token) {
    ASSIGN(out.authorization, parse_authorization(text.reveal(), path, config_.token_prefix));
    return out;
  }
  ASSIGN(Credential credential, parse_credential(text.reveal(), path));
  out.authorization = basic_authorization(credential);
  out.principal = std::move(credential.principal);
  return out;
}

// True: what is held has changed. A file that cannot be read just now, perhaps because it is being replaced,
// takes nothing away.
bool Authenticator::read_again() {
  Result<Read> now = read();
  if (!now) {
    if (trouble_ != now.error().message) {  // the same again and again is said once
      trouble_ = now.error().message;
      log_.error("credentials_unreadable", {{"section", config_.section}, {"reason", trouble_}});
    }
    return false;
  }
  trouble_.clear();
  if (number_ != 0 && now->authorization == held_.authorization) return false;
  if (number_ != 0)
    log_.info("credentials_read", {{"section", config_.section}, {"from", sent_text(Recipient::trusted)}});
  held_ = *std::move(now);
  ++number_;
  return true;
}

Result<std::uint64_t> Authenticator::prepare(HttpRequest& request, Recipient to) {
  request.tls.verify = !config_.insecure_skip_verify;
  ASSIGN(request.tls.ca_file, file_of(config_.ca));
  if (to == Recipient::stranger) return number_;
  ASSIGN(request.tls.certificate_file, file_of(config_.certificate));
  ASSIGN(request.tls.key_file, file_of(config_.key));
  if (!config_.has_credentials()) return number_;
  if (held_.authorization.empty() && !read_again()) {
    return fail(Errc::permission, "{}: no credentials to send: {}", config_.section, trouble_);
  }
  request.headers.emplace_back("Authorization", std::string(held_.authorization.reveal()));
  return number_;
}

bool Authenticator::is_worth_repeating(std::uint64_t sent) {
  if (!config_.has_credentials()) return false;
  return sent != number_ || read_again();
}

std::string Authenticator::sent_text(Recipient to) const {
  if (!config_.has_credentials())
    return fmt::format("none are configured: set {0}.credential or {0}.token", config_.section);
  if (to == Recipient::stranger)
    return "none were sent: no configured master named this host, and it is not configured itself";
  if (!config_.token.empty()) return fmt::format("the token of {}", config_.token);
  return fmt::format("principal \"{}\" of {}", held_.principal, config_.credential);
}

std::string Authenticator::redacted(std::string_view text) const {
  std::string out(text);
  const std::string_view whole = held_.authorization.reveal();
  // The part behind the scheme too: "Bearer X" and "Basic X" by the space, "token=X" by the sign.
  const std::size_t scheme = whole.starts_with("token=") ? 5 : whole.find(' ');
  redact(out, whole);
  if (scheme != std::string_view::npos) redact(out, whole.substr(scheme + 1));
  return out;
}

std::vector<std::string> file_problems(const AuthConfig& config) {
  std::vector<std::string> out;
  const auto look_at = [&](const std::string& place, bool is_secret) -> Result<std::string> {
    Result<std::string> path = file_of(place);
    if (!path) {
      out.push_back(path.error().message);
    } else if (!path->empty() && ::access(path->c_str(), R_OK) != 0) {
      out.push_back(fmt::format("{}: cannot be read: {}", *path, std::generic_category().message(errno)));
      path = std::string();
    } else if (std::string warning = is_secret ? exposed_file(*path) : ""; !warning.empty()) {
      out.push_back(std::move(warning));
    }
    return path;
  };
  const auto note = [&](const auto& parsed) {
    if (!parsed) out.push_back(parsed.error().message);
  };
  for (const bool is_token : {false, true}) {
    const auto path = look_at(is_token ? config.token : config.credential, true);
    if (!path || path->empty()) continue;
    const auto text = read_secret_file(*path);
    note(text);
    if (!text) continue;
    if (is_token)
      note(parse_authorization(text->reveal(), *path, config.token_prefix));
    else
      note(parse_credential(text->reveal(), *path));
  }
  static_cast<void>(look_at(config.ca, false));
  // The key may be in the same file.
  static_cast<void>(look_at(config.certificate, config.key.empty() && !config.certificate.empty()));
  static_cast<void>(look_at(config.key, true));
  return out;
}

}  // namespace extvold::daemon
