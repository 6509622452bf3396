// Who may ask a master whose recording asks for credentials, and whose recorded view that is. Pure values;
// any thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/result.h"

namespace extvold::replay {

class Credentials {
 public:
  // "USER:PASSWORD=CONNECTION": basic authentication, and the number of the connection in stream.index that
  // it selects. Errors: invalid.
  Status add(std::string_view text);
  // The recordings hold no secrets, so these are ours: extvold:extvold sees what the recorded principal with
  // rights saw (connection 1), blind:blind what the one without saw (connection 2).
  static Credentials defaults();

  bool empty() const { return view_of_.empty(); }
  // The view that an Authorization header selects; absent: refused.
  std::optional<int> view(const std::optional<std::string>& authorization) const;
  const std::map<std::string, int>& by_user() const { return by_user_; }

 private:
  std::map<std::string, int> view_of_;  // whole header value → connection
  std::map<std::string, int> by_user_;  // "user:password" → connection
};

std::string base64(std::string_view bytes);

}  // namespace extvold::replay
