// Masters: how the leading master is found: by URLs that are tried in turn, by ZooKeeper, or not at all.
//
// A plain value, any thread.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/zookeeper/link.h"

namespace extvold::daemon {

struct Masters {
  std::vector<std::string> urls;                    // http(s)://host:port; redirects lead to the leader
  std::optional<zookeeper::LinkOptions> zookeeper;  // then there are no urls

  // The host of each URL: a name or an address.
  std::vector<std::string> hosts() const {
    std::vector<std::string> out;
    for (std::string_view url : urls) {
      url.remove_prefix(std::min(url.find("://") + 3, url.size()));
      std::string_view host = url.substr(0, url.rfind(':'));
      if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
      out.emplace_back(host);
    }
    return out;
  }
  bool none() const { return urls.empty() && !zookeeper; }
  bool any_https() const {
    return zookeeper ? zookeeper->https : std::any_of(urls.begin(), urls.end(), is_https);
  }
  bool all_https() const {
    return zookeeper ? zookeeper->https : !urls.empty() && std::all_of(urls.begin(), urls.end(), is_https);
  }

 private:
  static bool is_https(const std::string& url) { return url.starts_with("https://"); }
};

}  // namespace extvold::daemon
