// Masters: how the leading master is found: by URLs that are tried in turn, by ZooKeeper, or not at all.
//
// A plain value, any thread.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "daemon/zookeeper/link.h"

namespace extvold::daemon {

struct Masters {
  std::vector<std::string> urls;                    // http(s)://host:port; redirects lead to the leader
  std::optional<zookeeper::LinkOptions> zookeeper;  // then there are no urls

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
