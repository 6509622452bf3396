// A configuration that is valid, what it is parsed to, and its problems as texts.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config.h"

namespace extvold::daemon::tests {

inline constexpr std::string_view kBase = R"([daemon]
active = true
[mesos]
master = "http://127.0.0.1:5050"
[mesos.agents]
launcher = "linux"
api = "unfiltered"
[providers.lab]
type = "local"
root = "/srv/v"
hosts_dir = "/srv/h"
pools = [{ name = "disk" }]
format_host = "format"
[drivers.rexray]
provider = "local~lab"
)";

inline ConfigResult parse(std::string_view text) { return parse_config(text, "x.toml", "m1.example"); }

inline std::vector<std::string> texts(const std::vector<ConfigProblem>& problems) {
  std::vector<std::string> out;
  for (const ConfigProblem& one : problems) out.push_back(to_text(one));
  return out;
}

// The one error of a text.
inline std::string error_of(std::string_view text) {
  const ConfigResult result = parse(text);
  INFO(Catch::StringMaker<std::vector<std::string>>::convert(texts(result.errors)));
  CHECK_FALSE(result.config.has_value());
  REQUIRE(result.errors.size() == 1);
  return to_text(result.errors.front());
}

inline std::string base_with(std::string_view more) { return std::string(kBase) + std::string(more); }

}  // namespace extvold::daemon::tests
