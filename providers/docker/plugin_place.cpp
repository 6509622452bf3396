#include "providers/docker/plugin_place.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "model/ascii.h"
#include "providers/foreign_text.h"
#include "providers/json_answer.h"

namespace extvold::providers::docker {
namespace {

constexpr std::size_t kFileBytesMax = 64U << 10U;
constexpr std::size_t kSocketBytesMax = sizeof(sockaddr_un::sun_path) - 1;

bool is_there(const std::string& path, bool socket) {
  struct stat st {};
  return ::stat(path.c_str(), &st) == 0 && (!socket || S_ISSOCK(st.st_mode));
}

Result<std::string> read_small_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return fail(Errc::unavailable, "{}: {}", path, std::strerror(errno));
  std::string text(kFileBytesMax + 1, '\0');
  const ssize_t length = ::read(fd, text.data(), text.size());
  const int error = errno;
  ::close(fd);
  if (length < 0) return fail(Errc::unavailable, "{}: {}", path, std::strerror(error));
  if (static_cast<std::size_t>(length) > kFileBytesMax) return fail(Errc::invalid, "{}: too large", path);
  text.resize(static_cast<std::size_t>(length));
  return text;
}

// HOST[:PORT] and nothing else: no name, no password.
bool is_authority(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == ':' || c == '[' || c == ']' || c == '_';
  });
}

Result<PluginPlace> place_of(std::string_view address, bool with_tls) {
  const std::size_t colon = address.find("://");
  if (colon == std::string_view::npos)
    return fail(Errc::invalid, "\"{}\" is no URL", in_one_line(address, 200));
  const std::string scheme = lower_case(address.substr(0, colon));
  std::string_view rest = address.substr(colon + 3);
  PluginPlace place;
  if (scheme == "unix") {
    if (!rest.starts_with('/') || rest.size() > kSocketBytesMax)
      return fail(Errc::invalid, "\"{}\" names no socket", in_one_line(address, 200));
    place.unix_socket = rest;
    place.url = "http://localhost";
    return place;
  }
  // Docker's own example has a path, of which Docker takes no notice.
  rest = rest.substr(0, rest.find_first_of("/?#"));
  if ((scheme != "tcp" && scheme != "http" && scheme != "https") || !is_authority(rest)) {
    return fail(Errc::invalid, "\"{}\": write unix:///PATH, tcp://HOST:PORT or https://HOST:PORT",
                in_one_line(address, 200));
  }
  // http is what it says, also beside a TLSConfig; find_plugin() asks whether that may be.
  const bool https = scheme == "https" || (scheme == "tcp" && with_tls);
  place.url = (https ? "https://" : "http://") + std::string(rest);
  return place;
}

bool is_loopback(const PluginPlace& place) {
  const std::string_view host = std::string_view(place.url).substr(place.url.find("://") + 3);
  return host.starts_with("127.") || host == "localhost" || host.starts_with("localhost:") ||
         host.starts_with("[::1]");
}

Result<PluginPlace> read_place(const std::string& path) {
  ASSIGN(const std::string text, read_small_file(path));
  Result<PluginPlace> place = path.ends_with(".json") ? parse_plugin_json(text) : parse_spec(text);
  if (!place) return wrap(place.error(), path);
  return place;
}

}  // namespace

Result<PluginPlace> parse_spec(std::string_view text) { return place_of(trimmed(text), false); }

Result<PluginPlace> parse_plugin_json(std::string_view text) {
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (!value.is_object()) return fail(Errc::invalid, "is no JSON object");
  const auto tls = value.find("TLSConfig");
  const bool with_tls = tls != value.end() && !tls->is_null();
  if (with_tls && !tls->is_object()) return fail(Errc::invalid, "TLSConfig is no JSON object");
  ASSIGN(PluginPlace place, place_of(text_of(value, "Addr"), with_tls));
  if (!with_tls) return place;
  const auto skip = tls->find("InsecureSkipVerify");
  place.tls.verify = skip == tls->end() || !skip->is_boolean() || !skip->get<bool>();
  place.tls.ca_file = text_of(*tls, "CAFile");
  place.tls.certificate_file = text_of(*tls, "CertFile");
  place.tls.key_file = text_of(*tls, "KeyFile");
  return place;
}

Result<PluginPlace> find_plugin(const DockerConfig& config) {
  const std::string& name = config.plugin;
  const auto in = [&](const std::string& folder, const char* ending) {
    return std::array{folder + "/" + name + ending, folder + "/" + name + "/" + name + ending};
  };
  for (const std::string& path : in(config.sockets_folder, ".sock")) {
    if (is_there(path, true)) return place_of("unix://" + path, false);
  }
  for (const std::string& folder : config.specs_folders) {
    for (const char* ending : {".spec", ".json"}) {
      for (const std::string& path : in(folder, ending)) {
        if (!is_there(path, false)) continue;
        ASSIGN(PluginPlace place, read_place(path));
        if (place.url.starts_with("http://") && place.unix_socket.empty() && !is_loopback(place) &&
            !config.plain_tcp) {
          return fail(
              Errc::permission,
              "{}: {} is reached without TLS, so anybody there can be root on its host; write https:// "
              "and a TLSConfig in a .json file, or set plain_tcp = true",
              path, place.url);
        }
        return place;
      }
    }
  }
  return fail(Errc::unavailable, "there is no plugin \"{}\": no {}.sock in {}, no {}.spec or {}.json in {}",
              name, name, config.sockets_folder, name, name, fmt::join(config.specs_folders, ", "));
}

}  // namespace extvold::providers::docker
