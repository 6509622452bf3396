// The streaming half of an HTTP client: an answer without an end. http_client.h implements it; tests may.
//
// Loop thread only. No callback comes from inside start_stream() or resume(). Destroying the HttpStream
// cancels: nothing is called any more, also when it is destroyed from inside one of its callbacks.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/ports.h"

namespace extvold::daemon {

enum class Flow {
  go_on,
  pause,  // what was handed over is taken; no more until resume()
};

using HttpHeaders =
    std::vector<std::pair<std::string, std::string>>;  // names in lower case, in the order received

struct HttpStreamCallbacks {
  std::function<void(int status, const HttpHeaders& headers)> on_headers;  // once, before any byte
  std::function<Flow(std::string_view bytes)> on_bytes;                    // the view ends with the call
  // The last call: ok if the server ended the answer properly; unavailable if no connection was made;
  // uncertain if it broke later; exhausted, invalid or permission as for HttpClient.
  std::function<void(Status)> on_end;
};

class HttpStream {
 public:
  virtual ~HttpStream() = default;
  virtual void resume() = 0;
};

class HttpStreamSource {
 public:
  virtual ~HttpStreamSource() = default;
  // `request.deadline` and `response_bytes_max` do not apply: a stream has no end and no size. Only making
  // the connection has a deadline (10 s). `accept_gzip` is for long answers that do end; what has no end must
  // come as it is sent, and a compressor holds bytes back.
  virtual std::unique_ptr<HttpStream> start_stream(HttpRequest request, HttpStreamCallbacks callbacks) = 0;
};

}  // namespace extvold::daemon
