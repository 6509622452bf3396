#include "daemon/auth/refusal.h"

#include <fmt/format.h>

#include "model/ascii.h"

namespace extvold::daemon {
namespace {

// The statuses and their grounds: Mesos' master/http.cpp, Master::Http::api().
std::string remedy_of(std::string_view who, int status, std::string_view said, const Authenticator* auth,
                      Recipient to) {
  switch (status) {
    case 401:
      if (auth == nullptr) return fmt::format("the {} wants credentials, and none were sent", who);
      return auth->sends_credentials(to)
                 ? fmt::format(
                       "the {} wants other credentials than {}: correct that file; it is read again at "
                       "the next try",
                       who, auth->sent_text(to))
                 : fmt::format("the {} wants credentials: {}", who, auth->sent_text(to));
    case 403:
      return fmt::format(
          "the {}'s ACLs do not allow this to {}: who we are is known, so the ACLs need a change", who,
          auth != nullptr && auth->sends_credentials(to) ? auth->sent_text(to) : "anybody");
    case 503:
      if (said.find("No leader elected") != std::string_view::npos)
        return "the masters have not agreed yet on who leads: this passes, if most of them run";
      if (said.find("has not finished recovery") != std::string_view::npos)
        return "it leads, and is still reading its registry: this passes";
      return fmt::format("the {} has no leader, or is still recovering: this passes", who);
    case 400:
    case 405:
    case 406:
    case 415:
    case 501:
      return fmt::format("this {} does not speak the operator API that extvold needs (Mesos 1.11)", who);
    default:
      return {};
  }
}

}  // namespace

std::string refusal_text(std::string_view who, int status, std::string_view explanation,
                         const Authenticator* auth, Recipient to) {
  const std::string remedy = remedy_of(who, status, explanation, auth, to);
  const std::string said =
      auth == nullptr ? std::string(trimmed(explanation)) : auth->redacted(trimmed(explanation));
  return fmt::format("answered {}{}{}{}{}{}", status, said.empty() ? "" : ": ", said,
                     remedy.empty() ? "" : " (", remedy, remedy.empty() ? "" : ")");
}

}  // namespace extvold::daemon
