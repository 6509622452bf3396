#include "providers/json_answer.h"

#include <charconv>

#include "providers/foreign_text.h"

namespace extvold::providers {

Result<JsonAnswer> json_answer(const Result<HttpResponse>& ended, std::string_view who) {
  if (!ended) return wrap(ended.error(), who);
  JsonAnswer answer;
  answer.status = ended->status;
  answer.shown = in_one_line(ended->body);
  answer.sent_at = ended->sent_at;
  answer.ended_at = ended->ended_at;
  answer.retry_after = retry_after(*ended);
  if (!ended->body.empty()) answer.body = nlohmann::json::parse(ended->body, nullptr, false);
  return answer;
}

Duration retry_after(const HttpResponse& answer) {
  for (const auto& [name, value] : answer.headers) {
    if (name != "retry-after") continue;
    std::int64_t told = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), told);
    const bool whole = error == std::errc() && end == value.data() + value.size();
    return whole && told > 0 && told < 1'000'000 ? seconds(told) : Duration{};
  }
  return {};
}

std::string json_text(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string path_segment(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string text_of(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto at = object.find(name);
  const std::string* text = at == object.end() ? nullptr : at->get_ptr<const std::string*>();
  return text == nullptr ? std::string() : *text;
}

}  // namespace extvold::providers
