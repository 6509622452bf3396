// What the tests of authentication share: an Authenticator on a token file that a test writes, and its log.
#pragma once

#include <fstream>
#include <string>

#include "daemon/auth/authenticator.h"
#include "tests/daemon/support.h"

namespace extvold::daemon::tests {

struct TokenFile {
  explicit TokenFile(const std::string& text) { write(text); }
  void write(const std::string& text) const { std::ofstream(dir.path("token")) << text; }

  TempDir dir;
  std::string logged;
  Log log{[this](LogLevel, std::string_view line) { logged.append(line).append("\n"); }, LogLevel::debug};
  Authenticator auth{[this] {
                       AuthConfig config;
                       config.section = "mesos";
                       config.token = dir.path("token");
                       return config;
                     }(),
                     log};
};

}  // namespace extvold::daemon::tests
