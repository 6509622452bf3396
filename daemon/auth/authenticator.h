// Authenticator: how extvold proves itself to the masters, or to the agents, and how they prove themselves.
//
// Loop thread only; outlived by the log. It reads the files that the configuration names, keeps what they
// held, and reads them again when a server answered 401 and when it is told to (SIGHUP). A file that cannot
// be read is an error of each request until it can: no request that should have credentials goes without.
// Secrets leave it in prepare() alone, for a server that may have them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/auth/secret.h"
#include "daemon/log.h"
#include "model/ports.h"
#include "model/result.h"

namespace extvold::daemon {

// Places (credential_file.h: a path, or systemd:NAME), never what is in them. All empty: no credentials, no
// certificate of ours, the system's authorities.
struct AuthConfig {
  std::string section;  // "mesos", "mesos.agents": for messages
  std::string credential;
  std::string token;  // not both
  std::string token_prefix;
  std::string ca;
  std::string certificate;
  std::string key;
  bool insecure_skip_verify = false;

  bool has_credentials() const { return !credential.empty() || !token.empty(); }
  bool operator==(const AuthConfig&) const = default;
};

// Whether a server may see who we are. strangers: hosts that neither the configuration nor a configured
// master names. They get the request, but no credentials and no certificate.
enum class Recipient { trusted, stranger };

class Authenticator {
 public:
  Authenticator(AuthConfig config, Log& log);
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  // Reads the files now, and logs which cannot be read, which are open to others, and whether servers go
  // unverified. For the start and for SIGHUP.
  void look();
  void set(AuthConfig config);  // and look()

  // Adds what `to` gets. The number says which credentials those are, for is_worth_repeating(). An error
  // names the file and the remedy.
  Result<std::uint64_t> prepare(HttpRequest& request, Recipient to);

  // After a 401 for credentials `sent`: reads the files again. True: there are others now, ask again at once.
  bool is_worth_repeating(std::uint64_t sent);

  bool sends_credentials(Recipient to) const { return to == Recipient::trusted && config_.has_credentials(); }
  // As whom `to` knows us, as far as the credentials say; empty: a token's holder, or nobody.
  std::string principal(Recipient to) const {
    return sends_credentials(to) ? held_.principal : std::string();
  }
  // What a 401 is about, for a message: which file's credentials were sent, or why none were.
  std::string sent_text(Recipient to) const;
  // `text`, something that a server said, without what we sent to it. Also a beginning of it at the end.
  std::string redacted(std::string_view text) const;

 private:
  struct Read {
    Secret authorization;
    std::string principal;
  };
  Result<Read> read() const;
  bool read_again();

  AuthConfig config_;
  Log& log_;
  Read held_;
  std::uint64_t number_ = 0;  // of what is held; 0: nothing was read yet
  std::string trouble_;       // that was logged last
};

// What is wrong with the files that `config` names, as far as it can be told here and now, each as a
// sentence with the remedy: unreadable, malformed, open to others. For `config check` and the start.
std::vector<std::string> file_problems(const AuthConfig& config);

}  // namespace extvold::daemon
