#include "daemon/uv/name_lookup.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "model/check.h"

namespace extvold::daemon::uv {

bool is_numeric_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

NameLookup::NameLookup(Loop& loop, const std::string& host, Callback callback)
    : callback_(std::move(callback)), request_(nullptr) {
  auto request = std::make_unique<uv_getaddrinfo_t>();
  request->data = this;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  // It fails only for a name that is too long, which its caller has excluded, or without memory.
  EXTVOLD_CHECK(uv_getaddrinfo(loop.raw(), request.get(), on_answer, host.c_str(), nullptr, &hints) == 0);
  request_ = request.release();
}

NameLookup::~NameLookup() {
  if (request_ == nullptr) return;
  request_->data = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(request_));  // if no thread has begun it
}

void NameLookup::on_answer(uv_getaddrinfo_t* request, int status, addrinfo* found) noexcept {
  const std::unique_ptr<uv_getaddrinfo_t> freed(request);
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, uv_freeaddrinfo);
  auto* lookup = static_cast<NameLookup*>(request->data);
  if (lookup == nullptr) return;
  lookup->request_ = nullptr;
  std::vector<std::string> addresses;
  for (const addrinfo* one = status == 0 ? found : nullptr; one != nullptr; one = one->ai_next) {
    char text[INET6_ADDRSTRLEN] = {};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0)
      continue;
    if (std::find(addresses.begin(), addresses.end(), text) == addresses.end()) addresses.emplace_back(text);
  }
  std::string error;
  if (addresses.empty()) error = status == 0 ? "it has no address" : uv_strerror(status);
  const auto callback = std::move(lookup->callback_);
  callback(std::move(addresses), std::move(error));
}

}  // namespace extvold::daemon::uv
