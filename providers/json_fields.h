// JsonFields: a strict reader of one JSON object: every field that is asked for must be there with the
// right type and within its bound, and no field may be left over. It gathers the first complaint instead of
// throwing.
//
//   JsonFields in(value, "sidecar");
//   sidecar.size_mb = in.number("size_mb", 1, kMax);
//   TRY(in.done());
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "model/enum_text.h"
#include "model/result.h"

namespace extvold::providers {

class JsonFields {
 public:
  JsonFields(const nlohmann::json& value, std::string_view what);

  bool has(const char* name) const;
  std::string text(const char* name, std::size_t size_max = 4096);
  std::int64_t number(const char* name, std::int64_t min, std::int64_t max);
  std::uint64_t number_unsigned(const char* name);
  bool boolean(const char* name);
  const nlohmann::json& array(const char* name);  // of anything; empty after a complaint

  template <typename Enum>
  Enum enumerator(const char* name) {
    const std::string spelled = text(name, 64);
    const std::optional<Enum> found = from_text<Enum>(spelled);
    if (!found) complain(name, "unknown value \"" + spelled + "\"");
    return found.value_or(Enum{});
  }

  // `complaints` of elements go to their list's owner.
  void adopt(const Status& status);
  Status done() const;

 private:
  const nlohmann::json* find(const char* name);
  void complain(std::string_view name, std::string_view why);

  const nlohmann::json& value_;
  std::string what_;
  std::string complaint_;
  std::set<std::string> read_;
};

}  // namespace extvold::providers
