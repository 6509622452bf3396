#include "daemon/zookeeper/master_node.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

namespace extvold::daemon::zookeeper {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTextMax = 256;  // an id, a version, a hostname

// Fit for a URL, a log line and a status line.
bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= kTextMax && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_' || c == ':' || c == '+';
  });
}

std::string plain_or_empty(std::string_view text) {
  return is_plain(text) ? std::string(text) : std::string();
}

bool is_port(std::int64_t port) { return port >= 1 && port <= 65'535; }

template <typename T>
std::optional<T> number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "master@10.0.0.1:5050", "master@[::1]:5050": libprocess' name of a process.
bool read_upid(std::string_view upid, MasterInfo& out) {
  const std::size_t at = upid.find('@');
  const std::size_t colon = upid.rfind(':');
  if (at == std::string_view::npos || colon == std::string_view::npos || colon < at) return false;
  std::string_view host = upid.substr(at + 1, colon - at - 1);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = number<int>(upid.substr(colon + 1));
  if (!is_plain(host) || !port || !is_port(*port)) return false;
  out.host = host;
  out.port = *port;
  return true;
}

// An address' three fields, from either encoding.
bool read_address(std::string_view ip, std::string_view hostname, std::int64_t port, MasterInfo& out) {
  const std::string_view host = is_plain(ip) ? ip : hostname;
  if (!is_plain(host) || !is_port(port)) return false;
  out.host = host;
  out.port = static_cast<int>(port);
  out.hostname = plain_or_empty(hostname);
  return true;
}

std::string_view text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  const auto* text = found->get_ptr<const std::string*>();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

Result<MasterInfo> parse_json(std::string_view data) {
  const Json json = Json::parse(data, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return fail(Errc::invalid, "is no JSON object");
  MasterInfo out;
  const auto address = json.find("address");
  bool found = false;
  if (address != json.end() && address->is_object()) {
    const auto port = address->find("port");
    const auto* value = port == address->end() ? nullptr : port->get_ptr<const Json::number_integer_t*>();
    found =
        value != nullptr && read_address(text_of(*address, "ip"), text_of(*address, "hostname"), *value, out);
  }
  if (!found && !read_upid(text_of(json, "pid"), out))
    return fail(Errc::invalid, "has neither an address nor a pid that names host and port");
  out.id = plain_or_empty(text_of(json, "id"));
  out.version = plain_or_empty(text_of(json, "version"));
  if (out.hostname.empty()) out.hostname = plain_or_empty(text_of(json, "hostname"));
  return out;
}

// The wire format of protobuf, as far as MasterInfo needs it: fields of varints and of bytes.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  // False: the end, or broken().
  bool next() {
    const auto key = rest_.empty() ? std::nullopt : varint();
    if (!key) return false;
    field_ = *key >> 3U;
    bytes_ = {};
    value_ = 0;
    switch (*key & 7U) {
      case 0: {
        const auto value = varint();
        value_ = value.value_or(0);
        return value.has_value();
      }
      case 1:
        return take(8);
      case 2: {
        const auto size = varint();
        return size && take(*size);
      }
      case 5:
        return take(4);
      default:  // groups: never in MasterInfo
        broken_ = true;
        return false;
    }
  }
  std::uint64_t field() const { return field_; }
  std::uint64_t value() const { return value_; }
  std::string_view bytes() const { return bytes_; }
  bool broken() const { return broken_; }

 private:
  std::optional<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80U) return value;
    }
    broken_ = true;
    return std::nullopt;
  }
  bool take(std::uint64_t size) {
    if (size > rest_.size()) {
      broken_ = true;
      return false;
    }
    bytes_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return true;
  }

  std::string_view rest_;
  std::uint64_t field_ = 0;
  std::uint64_t value_ = 0;
  std::string_view bytes_;
  bool broken_ = false;
};

// MasterInfo { id = 1, pid = 4, hostname = 5, version = 6, address = 7 }, Address { hostname = 1, ip = 2,
// port = 3 }
Result<MasterInfo> parse_protobuf(std::string_view data) {
  MasterInfo out;
  std::string_view pid;
  std::string_view hostname;
  bool found = false;
  WireReader info(data);
  while (info.next()) {
    switch (info.field()) {
      case 1:
        out.id = plain_or_empty(info.bytes());
        break;
      case 4:
        pid = info.bytes();
        break;
      case 5:
        hostname = info.bytes();
        break;
      case 6:
        out.version = plain_or_empty(info.bytes());
        break;
      case 7: {
        WireReader address(info.bytes());
        std::string_view ip;
        std::string_view name;
        std::int64_t port = 0;
        while (address.next()) {
          if (address.field() == 1) name = address.bytes();
          if (address.field() == 2) ip = address.bytes();
          if (address.field() == 3 && address.value() <= 65'535)
            port = static_cast<std::int64_t>(address.value());
        }
        found = !address.broken() && read_address(ip, name, port, out);
        break;
      }
    }
  }
  if (info.broken()) return fail(Errc::invalid, "is no protobuf of a MasterInfo");
  if (!found && !read_upid(pid, out))
    return fail(Errc::invalid, "has neither an address nor a pid that names host and port");
  if (out.hostname.empty()) out.hostname = plain_or_empty(hostname);
  return out;
}

}  // namespace

// As Mesos does it: what stands behind the last '_' is the number, what stands before the first is the label.
std::optional<MasterNode> parse_node_name(std::string_view name) {
  const std::size_t last = name.rfind('_');
  const auto sequence = number<std::int32_t>(last == std::string_view::npos ? name : name.substr(last + 1));
  if (!sequence || name.size() > kTextMax) return std::nullopt;
  MasterNode out{std::string(name), *sequence, NodeFormat::unknown};
  const std::string_view label = name.substr(0, last == std::string_view::npos ? 0 : last);
  if (label == "json.info") out.format = NodeFormat::json;
  if (label == "info") out.format = NodeFormat::protobuf;
  if (last == std::string_view::npos) out.format = NodeFormat::upid;
  return out;
}

std::string MasterInfo::url(bool https) const {
  const std::string& name = https && !hostname.empty() ? hostname : host;
  const bool v6 = name.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", https ? "https" : "http", v6 ? "[" : "", name, v6 ? "]" : "", port);
}

Result<MasterInfo> parse_master(NodeFormat format, std::string_view data) {
  switch (format) {
    case NodeFormat::json:
      return parse_json(data);
    case NodeFormat::protobuf:
      return parse_protobuf(data);
    case NodeFormat::upid: {
      MasterInfo out;
      if (!read_upid(data, out)) return fail(Errc::invalid, "is not NAME@HOST:PORT");
      return out;
    }
    case NodeFormat::unknown:
      break;
  }
  return fail(Errc::invalid, "has a label that this version of extvold does not know");
}

}  // namespace extvold::daemon::zookeeper
