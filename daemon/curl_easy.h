// What http_client.cpp needs of one libcurl easy handle: setting it up for an HttpRequest, collecting the
// answer's headers, and saying which of our errors a failed transfer is. Only http_client.cpp includes this.
#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/http_stream.h"
#include "model/ports.h"
#include "model/result.h"

namespace extvold::daemon {

struct CurlEasyDeleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct CurlListDeleter {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using CurlEasy = std::unique_ptr<CURL, CurlEasyDeleter>;
using CurlList = std::unique_ptr<curl_slist, CurlListDeleter>;
using CurlErrorText = std::array<char, CURL_ERROR_SIZE>;

enum class CurlMode { whole_answer, stream };

// Checks what libcurl would send as it is: method, url, headers. Errc::invalid.
Status check_request(const HttpRequest& request);

// What libcurl reads while the transfer runs. That and the request must outlive it: the body is read from the
// request itself.
struct CurlLists {
  CurlList headers;
  CurlList connect_to;
};
CurlLists prepare_easy(CURL* easy, const HttpRequest& request, CurlMode mode, CurlErrorText& error_text);

// The error of a transfer that ended with `code`: by what may have reached the other side, not by libcurl's
// own grouping.
Error transfer_error(CURL* easy, CURLcode code, const HttpRequest& request, const CurlErrorText& error_text);

// The headers of the final answer (a 1xx in front of it is dropped, trailers are ignored).
class HeaderCollector {
 public:
  // One line as libcurl hands it over. False: more than 256 KiB of them.
  bool add_line(std::string_view line);

  bool complete() const { return complete_; }
  int status() const { return status_; }
  const HttpHeaders& headers() const { return headers_; }
  HttpHeaders take() { return std::move(headers_); }

 private:
  int status_ = 0;
  bool complete_ = false;
  std::size_t bytes_ = 0;
  HttpHeaders headers_;
};

}  // namespace extvold::daemon
