// The files that hold secrets: where they are, who may read them, what is in them.
//
// Plain functions, any thread; a read blocks for a local file of at most 64 KiB. Every error names the file,
// what is wrong and what to write, and never repeats a byte of what the file holds.
#pragma once

#include <string>
#include <string_view>

#include "daemon/auth/secret.h"
#include "model/result.h"

namespace extvold::daemon {

struct Credential {
  std::string principal;  // no secret: logs and Mesos' own messages name it
  Secret secret;
};

// Mesos' two forms of one credential, as agents and frameworks take it (--credential): `PRINCIPAL SECRET` on
// one line, or {"principal": "…", "secret": "…"}; also the master's list ({"credentials": […]}) if it has one
// entry. `file` is for messages. Errc::invalid.
Result<Credential> parse_credential(std::string_view text, std::string_view file);

// The value of an Authorization header: the one line of `text`, without `Authorization:` if that is in front,
// and behind `prefix` ("Bearer ", "token=") unless the line begins with it. Errc::invalid; a bare token
// without a prefix is one: which scheme it is for is not guessed.
Result<Secret> parse_authorization(std::string_view text, std::string_view file, std::string_view prefix);

// `Basic BASE64(principal:secret)`.
Secret basic_authorization(const Credential& credential);

// A place as the configuration has it: an absolute path, or `systemd:NAME` for a systemd credential, a file
// in $CREDENTIALS_DIRECTORY. Anything else is not repeated in messages: it may be the secret itself.
bool is_secret_place(std::string_view place);
// Where it is. not_found: systemd has handed over no credentials. Only for what is_secret_place().
Result<std::string> secret_path(const std::string& place);

// Errors: not_found, permission, invalid (no regular file, empty, larger than 64 KiB), unavailable.
Result<Secret> read_secret_file(const std::string& path);

// "PATH can be read by others (mode 0644): chmod 600 PATH"; empty: it cannot, or is not there.
std::string exposed_file(const std::string& path);

}  // namespace extvold::daemon
