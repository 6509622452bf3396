// What ZooKeeper gives us, and what an operator writes about it. The first byte picks the parser. What is
// accepted can be written again and read to the same, and makes no URL that means something else.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "daemon/zookeeper/address.h"
#include "daemon/zookeeper/master_node.h"
#include "model/check.h"

namespace zookeeper = extvold::daemon::zookeeper;

namespace {

void read_address(std::string_view text) {
  const auto address = zookeeper::parse_address(text);
  if (!address) {
    EXTVOLD_CHECK(!address.error().what.empty() && !address.error().remedy.empty());
    return;
  }
  const auto again = zookeeper::parse_address(address->text());
  EXTVOLD_CHECK(again && again->servers == address->servers && again->path == address->path);
  EXTVOLD_CHECK(again->credentials.empty());
}

void read_master(zookeeper::NodeFormat format, std::string_view data) {
  const auto info = zookeeper::parse_master(format, data);
  if (!info) return;
  EXTVOLD_CHECK(!info->host.empty() && info->port >= 1 && info->port <= 65'535);
  EXTVOLD_CHECK(info->url().substr(7).find_first_of("/@?#\\ \n") == std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0]) {
    case 'a':
      read_address(text);
      break;
    case 'n':
      if (const auto node = zookeeper::parse_node_name(text)) EXTVOLD_CHECK(node->name == text);
      break;
    case 'j':
      read_master(zookeeper::NodeFormat::json, text);
      break;
    case 'p':
      read_master(zookeeper::NodeFormat::protobuf, text);
      break;
    default:
      read_master(zookeeper::NodeFormat::upid, text);
  }
  return 0;
}
