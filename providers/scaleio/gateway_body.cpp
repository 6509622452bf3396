#include "providers/scaleio/gateway_body.h"

#include <array>
#include <optional>
#include <string>

#include "model/ascii.h"
#include "providers/foreign_text.h"
#include "providers/json_answer.h"
#include "providers/scaleio/gateway_values.h"

namespace extvold::providers::scaleio {
namespace {

using nlohmann::json;

struct Known {
  std::string_view text;  // in lower case
  Errc code;
};

// What these say is that nothing happened. A removal that is under way and a time-out are not among them.
constexpr std::array kKnownTexts = {
    Known{"could not find the volume", Errc::not_found},
    Known{"could not find the sdc", Errc::not_found},
    Known{"id must be a hexadecimal number", Errc::not_found},
    Known{"volume name already in use", Errc::conflict},
    Known{"is already mapped", Errc::conflict},
    Known{"is not mapped to sdc", Errc::conflict},
    Known{"volume is mapped", Errc::conflict},
    Known{"sdc is not approved", Errc::conflict},
    Known{"mapped to too many volumes", Errc::exhausted},
    Known{"exceeds the volume allocation limit", Errc::exhausted},
    Known{"reached critical capacity utilization", Errc::exhausted},
    Known{"total capacity of volumes per storage pool was exceeded", Errc::exhausted},
    Known{"exceeds the allowed length", Errc::invalid},
    Known{"request message is not valid", Errc::invalid},
    Known{"do not have permission", Errc::permission},
    Known{"permission denied", Errc::permission}};

struct KnownNumber {
  std::int64_t number;
  Errc code;
};
constexpr std::array kKnownNumbers = {
    KnownNumber{78, Errc::not_found},  KnownNumber{79, Errc::not_found},  KnownNumber{142, Errc::not_found},
    KnownNumber{81, Errc::conflict},   KnownNumber{4037, Errc::conflict}, KnownNumber{84, Errc::conflict},
    KnownNumber{4039, Errc::conflict}, KnownNumber{182, Errc::exhausted}, KnownNumber{226, Errc::invalid},
    KnownNumber{717, Errc::busy},      KnownNumber{718, Errc::busy}};

std::optional<Errc> code_of_number(std::int64_t number) {
  for (const KnownNumber& one : kKnownNumbers) {
    if (one.number == number) return one.code;
  }
  return std::nullopt;
}

std::optional<Errc> code_of_text(std::string_view message) {
  const std::string lower = lower_case(message);
  for (const Known& one : kKnownTexts) {
    if (lower.find(one.text) != std::string::npos) return one.code;
  }
  return std::nullopt;
}

std::string content_type(const HttpResponse& answer) {
  for (const auto& [name, value] : answer.headers) {
    if (name == "content-type") return lower_case(value);
  }
  return {};
}

// An error as the gateway tells it,
// {"message","httpStatusCode","errorCode","details":[{"rc","errorMessage"}]}; as the manager does,
// {"http_status_code","messages":[{"code","severity","message"}]}; or as the server around them,
// {"timestamp","status","error","message","path"}.
struct ToldError {
  std::string message;  // empty: it is none of these
  std::int64_t number = -1;
  bool of_gateway = false;
  json detail;  // where there is one, and no other
};

ToldError told_error(const json& body) {
  ToldError out;
  if (!body.is_object()) return out;
  out.message = text_of(body, "message");
  out.number = number_in(body, "errorCode").value_or(-1);
  out.of_gateway = body.contains("errorCode") || body.contains("httpStatusCode");
  const auto messages = body.find("messages");
  if (out.message.empty() && messages != body.end() && messages->is_array() && !messages->empty())
    out.message = text_of(messages->front(), "message");
  if (out.message.empty()) out.message = text_of(body, "error");
  const auto details = body.find("details");
  if (details != body.end() && details->is_array() && details->size() == 1) out.detail = details->front();
  return out;
}

// A number that is known, else what is known of its one detail (a refused snapshot is told only there), else
// a text that is.
Errc code_of(const ToldError& error) {
  if (const auto code = code_of_number(error.number)) return *code;
  if (const auto code = code_of_number(number_in(error.detail, "rc").value_or(-1))) return *code;
  if (const auto code = code_of_text(error.message)) return *code;
  if (const auto code = code_of_text(text_of(error.detail, "errorMessage"))) return *code;
  // "Not Found" without a number the gateway says of a path as well (libstorage#393): it is no word about a
  // volume.
  return Errc::uncertain;
}

std::string shown_error(const ToldError& error) {
  std::string out = fmt::format("error {}: {}", error.number, in_one_line(error.message));
  const std::string detail = text_of(error.detail, "errorMessage");
  const std::int64_t rc = number_in(error.detail, "rc").value_or(-1);
  if (rc >= 0 || !detail.empty()) out += fmt::format(" ({}: {})", rc, in_one_line(detail, 200));
  return out;
}

}  // namespace

bool is_page(const HttpResponse& answer) {
  if (content_type(answer).find("html") != std::string::npos) return true;
  const std::size_t first = answer.body.find_first_not_of(" \t\r\n");
  return first != std::string::npos && answer.body[first] == '<';
}

Result<json> gateway_body(const HttpResponse& answer, std::string_view what, bool secret) {
  const bool page = is_page(answer);
  json body;
  if (page) body = json(json::value_t::discarded);
  if (!page && !answer.body.empty()) body = json::parse(answer.body, nullptr, false);
  const std::string shown = secret ? "(not shown)" : in_one_line(answer.body, 200);
  const ToldError told = told_error(body);
  const std::string said = told.message.empty() ? shown : in_one_line(told.message);
  if (answer.status == 429) {
    return tl::make_unexpected(
        Error{Errc::throttled, fmt::format("{}: status 429: {}", what, said), retry_after(answer)});
  }
  if (answer.status == 401 || answer.status == 403)
    return fail(Errc::permission, "{}: status {}: {}", what, answer.status, said);
  if (answer.status >= 200 && answer.status < 300) {
    if (!body.is_discarded()) return body;
    const std::string type =
        page ? fmt::format("a page (\"{}\")", in_one_line(content_type(answer), 60)) : "";
    return fail(Errc::uncertain, "{}: status {}, but the answer is {}: {}", what, answer.status,
                page ? type + " and no JSON" : "no JSON", shown);
  }
  if (answer.status >= 400 && !told.message.empty()) {
    const Errc code = code_of(told);
    // The server's own: no such path in this API version.
    const bool no_path = answer.status == 404 && !told.of_gateway && code == Errc::uncertain;
    return fail(no_path ? Errc::invalid : code, "{}: status {}, {}", what, answer.status, shown_error(told));
  }
  if (answer.status == 404) return fail(Errc::invalid, "{}: status 404: {}", what, shown);
  return fail(Errc::uncertain, "{}: status {}: {}", what, answer.status, shown);
}

}  // namespace extvold::providers::scaleio
