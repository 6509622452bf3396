#include "host/helper.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <string>

#include "host/crash_point.h"

namespace extvold::host {
namespace {

using nlohmann::json;

constexpr std::size_t kRequestBytesMax = 1U << 20U;

Result<std::string> read_request(int in) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t n = ::read(in, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(Errc::invalid, "host-helper: standard input cannot be read");
    if (n == 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
    if (text.size() > kRequestBytesMax)
      return fail(Errc::invalid, "host-helper: request of more than {} bytes", kRequestBytesMax);
  }
}

Result<json> answer_to(int in, std::span<const HelperVerb> verbs) {
  ASSIGN(const std::string text, read_request(in));
  const json request = json::parse(text, nullptr, false);
  if (!request.is_object() || !request.contains("protocol") || !request.contains("verb") ||
      !request["verb"].is_string()) {
    return fail(Errc::invalid,
                "host-helper: expects one JSON request on standard input; it is started by `extvold serve`");
  }
  if (request["protocol"] != kHelperProtocol) {
    return fail(Errc::unavailable,
                "host-helper: the program was replaced while the daemon runs; restart the daemon");
  }
  crash_point("helper.request_read");
  const std::string name = request["verb"].get<std::string>();
  for (const HelperVerb& verb : verbs) {
    if (verb.name == name) return verb.run(request);
  }
  return fail(Errc::invalid, "host-helper: unknown verb {}", name);
}

bool write_all(int out, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(out, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

int helper_main(int in, int out, std::span<const HelperVerb> verbs) {
  ::umask(022);
  ::signal(SIGPIPE, SIG_IGN);  // a reader that is gone must not cut a verb short
  const Result<json> result = answer_to(in, verbs);
  json answer;
  if (result) {
    answer = *result;
    answer["ok"] = true;
  } else {
    answer = {{"ok", false}, {"code", to_text(result.error().code)}, {"message", result.error().message}};
  }
  crash_point("helper.before_answer");
  // Names of files may be any bytes: what is not UTF-8 is replaced, as nothing acts on it.
  const std::string text = answer.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  const bool written = write_all(out, text);
  crash_point("helper.after_answer");
  return written ? 0 : 1;
}

}  // namespace extvold::host
