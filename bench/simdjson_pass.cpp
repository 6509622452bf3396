#include "bench/simdjson_pass.h"

#include <simdjson.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace extvold::bench {

namespace {

template <typename T>
T must(simdjson::simdjson_result<T> result) {
  T value;
  if (std::move(result).get(value) != simdjson::SUCCESS) {
    std::fputs("simdjson refuses an element that was generated\n", stderr);
    std::exit(1);
  }
  return value;
}

std::size_t walk(simdjson::ondemand::value value) {
  std::size_t sum = 0;
  switch (must(value.type())) {
    case simdjson::ondemand::json_type::object:
      for (auto item : must(value.get_object())) {
        auto field = must(std::move(item));
        sum += 1 + walk(field.value());
      }
      break;
    case simdjson::ondemand::json_type::array:
      for (auto item : must(value.get_array())) sum += walk(must(std::move(item)));
      break;
    case simdjson::ondemand::json_type::string:
      sum += must(value.get_string()).size();
      break;
    case simdjson::ondemand::json_type::number:
      sum += static_cast<std::size_t>(must(value.get_double()));
      break;
    case simdjson::ondemand::json_type::boolean:
    case simdjson::ondemand::json_type::null:
      break;
  }
  return sum;
}

}  // namespace

std::size_t dom_pass(std::span<const std::string_view> elements) {
  simdjson::dom::parser parser;
  std::size_t sum = 0;
  for (const std::string_view one : elements) {
    sum += must(parser.parse(one.data(), one.size(), false)).is_object() ? 1 : 0;
  }
  return sum;
}

std::size_t ondemand_pass(std::span<const std::string_view> elements) {
  simdjson::ondemand::parser parser;
  std::size_t sum = 0;
  for (const std::string_view one : elements) {
    auto document = must(parser.iterate(one.data(), one.size(), one.size() + simdjson::SIMDJSON_PADDING));
    for (auto item : must(document.get_object())) {
      auto field = must(std::move(item));
      sum += 1 + walk(field.value());
    }
  }
  return sum;
}

}  // namespace extvold::bench
