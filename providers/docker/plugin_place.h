// PluginPlace: where a Docker volume plugin listens, found as Docker finds it. Plain values; find_plugin()
// reads a few small files. Any thread; nothing here throws.
#pragma once

#include <string>
#include <string_view>

#include "model/ports.h"
#include "model/result.h"
#include "providers/docker/docker_config.h"

namespace extvold::providers::docker {

struct PluginPlace {
  std::string unix_socket;  // empty: TCP
  std::string url;          // without a path: "http://localhost", "https://10.0.0.1:9000"
  HttpTls tls;
  bool operator==(const PluginPlace&) const = default;
};

// What a .spec file holds: one line, a URL.
Result<PluginPlace> parse_spec(std::string_view text);

// What a .json file holds: {"Name", "Addr", "TLSConfig": {"InsecureSkipVerify", "CAFile", "CertFile",
// "KeyFile"}}. TLS is spoken to https:// and, with a TLSConfig, to tcp://. A path in a URL is ignored, as
// Docker does.
Result<PluginPlace> parse_plugin_json(std::string_view text);

// The first of SOCKETS/NAME.sock, SOCKETS/NAME/NAME.sock, then in each folder of specifications NAME.spec,
// NAME/NAME.spec, NAME.json, NAME/NAME.json. Errors: unavailable (there is none, or it cannot be read),
// invalid (it makes no sense), permission (plain TCP, which the configuration does not allow).
Result<PluginPlace> find_plugin(const DockerConfig& config);

}  // namespace extvold::providers::docker
