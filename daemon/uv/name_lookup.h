// NameLookup: the addresses of one host, asked of the system's resolver. Loop thread only.
//
// The resolver blocks, so libuv asks it in a thread of its own pool; the answer comes from the loop.
// Destroying the NameLookup drops the answer; the callback may do that. The loop must go on until a question
// that is under way has been answered: libuv cannot take it back.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "daemon/uv/loop.h"

namespace extvold::daemon::uv {

// "10.0.0.1", "::1": nothing is to be looked up.
bool is_numeric_address(const std::string& host);

class NameLookup {
 public:
  // Numeric addresses, in the resolver's order; `error` is empty if there is at least one.
  using Callback = std::function<void(std::vector<std::string> addresses, std::string error)>;

  NameLookup(Loop& loop, const std::string& host, Callback callback);
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

 private:
  static void on_answer(uv_getaddrinfo_t* request, int status, addrinfo* found) noexcept;

  Callback callback_;
  uv_getaddrinfo_t* request_;  // belongs to the loop until on_answer()
};

}  // namespace extvold::daemon::uv
