// The four dialects of the program `rexray`, as command lines. Pure functions, any thread.
//
//   1  0.1          rexray new-volume --size=10 --volumename=NAME      YAML
//   2  0.2 to 0.3   rexray volume new --size=10 --volumename=NAME      YAML; from 0.3.0 JSON if asked for
//   3  0.4 to 0.5   as 2, at a libStorage server; JSON
//   4  from 0.6.1   rexray volume create NAME --size=10                JSON; flags are camelCase
//
// Read in the sources of the tags. Of 0.2.0 the command that removes has the alias `create`: so a volume is
// made by `volume new` there, and removed by `volume remove`, which every version of 2 and 3 has. `volume
// get` of 3 leaves all attachments out; `volume map` shows those of the asking host. 1 is set up by its
// environment alone: the option --Config is read by its root command only. Of its words format-device is the
// one that is not used here (docs/decisions/0055).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"
#include "providers/rexray/rexray_config.h"
#include "providers/rexray/storage.h"

namespace extvold::providers::rexray {

struct CliVersion {
  int dialect = 0;
  bool json = false;  // else YAML
  std::string shown;  // "0.11.4"
  bool operator==(const CliVersion&) const = default;
};

// What `rexray version` prints. Errc::invalid: no version, or one that nobody has read the source of.
Result<CliVersion> parse_version(std::string_view text);
// The version of a configured dialect: of 2 the one that has JSON.
CliVersion version_of_dialect(int dialect);

// Behind the program's own name and the options that come before a command.
using Words = std::vector<std::string>;

Words version_words();
Words list_words(const CliVersion& version);
Words map_words(const CliVersion& version);  // of dialect 3
Words create_words(const CliVersion& version, const NewVolume& volume);
Words attach_words(const CliVersion& version, const std::string& id);
Words detach_words(const CliVersion& version, const std::string& id);
Words remove_words(const CliVersion& version, const std::string& id);
std::string config_word(const std::string& file);      // from dialect 2 on
std::string service_word(const std::string& service);  // dialect 4

}  // namespace extvold::providers::rexray
