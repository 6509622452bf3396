#include "daemon/config_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "daemon/units.h"

namespace extvold::daemon {
namespace {

std::string_view type_text(toml::node_type type) {
  switch (type) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
    case toml::node_type::time:
    case toml::node_type::date_time:
      return "a date or time";
  }
  return "something else";
}

ConfigProblem problem_at(const std::string& file, const toml::source_region& where, std::string key,
                         std::string what, std::string remedy) {
  return {file, where.begin.line, where.begin.column, std::move(key), std::move(what), std::move(remedy)};
}

// How many single-character edits lead from one word to the other.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

constexpr std::size_t kWordBytesMax = 64;  // of what is repeated in a message, or compared

}  // namespace

void ConfigProblems::error(const toml::source_region& where, std::string key, std::string what,
                           std::string remedy) {
  errors.push_back(problem_at(file, where, std::move(key), std::move(what), std::move(remedy)));
}

void ConfigProblems::warning(const toml::source_region& where, std::string key, std::string what,
                             std::string remedy) {
  warnings.push_back(problem_at(file, where, std::move(key), std::move(what), std::move(remedy)));
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

ConfigTable::ConfigTable(const toml::table* table, std::string path, ConfigProblems& problems,
                         toml::source_region elsewhere)
    : table_(table), path_(std::move(path)), problems_(&problems), elsewhere_(std::move(elsewhere)) {}

const toml::node* ConfigTable::find(std::string_view key) {
  known_.emplace_back(key);
  return table_ == nullptr ? nullptr : table_->get(key);
}

std::string ConfigTable::full(std::string_view key) const {
  if (key.empty()) return path_;
  return path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key);
}

toml::source_region ConfigTable::place(std::string_view key) const {
  if (table_ == nullptr) return elsewhere_;
  for (const auto& [name, node] : *table_) {
    if (name.str() == key) return name.source();
  }
  return table_->source();
}

void ConfigTable::error(std::string_view key, std::string what, std::string remedy) {
  problems_->error(place(key), full(key), std::move(what), std::move(remedy));
}

void ConfigTable::warning(std::string_view key, std::string what, std::string remedy) {
  problems_->warning(place(key), full(key), std::move(what), std::move(remedy));
}

void ConfigTable::missing(std::string_view key, std::string remedy) {
  error(key, "is missing", std::move(remedy));
}

void ConfigTable::not_built_yet(std::string_view key, std::string what, std::string remedy) {
  known_.emplace_back(key);
  if (has(key)) error(key, std::move(what) + " is not built yet: it comes with the next release", remedy);
}

void ConfigTable::wrong_type(std::string_view key, const toml::node& node, std::string_view wanted) {
  error(key, fmt::format("is {}", type_text(node.type())), fmt::format("write {}", wanted));
}

void ConfigTable::no_such_word(std::string_view key, std::string_view given,
                               std::span<const std::string_view> words) {
  error(key, fmt::format("\"{}\" is not known here", given.substr(0, kWordBytesMax)),
        fmt::format("write one of: {}", fmt::join(words, ", ")));
}

std::optional<std::string> ConfigTable::text(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_string();
  if (value == nullptr) {
    wrong_type(key, *node, "a text in quotes");
    return std::nullopt;
  }
  const std::string& given = value->get();
  const bool printable =
      std::none_of(given.begin(), given.end(), [](char c) { return (c >= 0 && c < ' ') || c == 127; });
  if (given.empty() || !printable) {
    error(key, given.empty() ? "is empty" : "has control characters",
          "write a text, or leave the key out for the default");
    return std::nullopt;
  }
  return given;
}

std::optional<std::string> ConfigTable::absolute_path(std::string_view key) {
  std::optional<std::string> given = text(key);
  if (!given) return std::nullopt;
  if (given->front() != '/') {
    error(key, fmt::format("\"{}\" is not an absolute path", given->substr(0, kWordBytesMax)),
          "begin it with a /");
    return std::nullopt;
  }
  return given;
}

std::optional<bool> ConfigTable::boolean(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_boolean();
  if (value == nullptr) {
    wrong_type(key, *node, "true or false, without quotes");
    return std::nullopt;
  }
  return value->get();
}

std::optional<std::int64_t> ConfigTable::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_integer();
  const std::string wanted = fmt::format("a whole number from {} to {}", min, max);
  if (value == nullptr) {
    wrong_type(key, *node, wanted);
    return std::nullopt;
  }
  if (value->get() < min || value->get() > max) {
    error(key, fmt::format("{} is out of range", value->get()), fmt::format("write {}", wanted));
    return std::nullopt;
  }
  return value->get();
}

std::optional<Duration> ConfigTable::duration(std::string_view key, Duration min, Duration max) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_string();
  if (value == nullptr) {
    wrong_type(key, *node, "a duration in quotes, as \"10s\" or \"5m\"");
    return std::nullopt;
  }
  const Result<Duration> duration = parse_duration(value->get());
  if (!duration) {
    error(key, fmt::format("\"{}\" is no duration", value->get().substr(0, kWordBytesMax)),
          "write a number and a unit, as \"500ms\", \"10s\", \"5m\", \"1h30m\", \"7d\"");
    return std::nullopt;
  }
  if (*duration < min || *duration > max) {
    error(key, fmt::format("\"{}\" is out of range", value->get()),
          fmt::format("write a duration from {} to {}", duration_text(min), duration_text(max)));
    return std::nullopt;
  }
  return *duration;
}

std::optional<std::int64_t> ConfigTable::size_mb(std::string_view key) {
  const toml::node* node = find(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_string();
  if (value == nullptr) {
    wrong_type(key, *node, "a size in quotes, as \"512MB\" or \"10GB\"");
    return std::nullopt;
  }
  const Result<std::int64_t> size = parse_size_mb(value->get());
  if (!size || *size < 1) {
    error(key, size ? "is nothing" : size.error().message, "write a size, as \"512MB\" or \"10GB\"");
    return std::nullopt;
  }
  return *size;
}

std::optional<std::vector<std::string>> ConfigTable::texts(std::string_view key) {
  if (table_ == nullptr || !table_->contains(key) || table_->get(key)->is_string()) {
    std::optional<std::string> one = text(key);
    if (!one) return std::nullopt;
    return std::vector<std::string>{std::move(*one)};
  }
  const toml::node* node = find(key);
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    wrong_type(key, *node, "a text in quotes, or a list of them");
    return std::nullopt;
  }
  std::vector<std::string> out;
  for (const toml::node& element : *list) {
    const auto* value = element.as_string();
    if (value == nullptr || value->get().empty()) {
      problems_->error(
          element.source(), full(key),
          fmt::format("holds {}", value == nullptr ? type_text(element.type()) : "an empty text"),
          "write texts in quotes only");
      return std::nullopt;
    }
    out.push_back(value->get());
  }
  return out;
}

ConfigTable ConfigTable::table(std::string_view key) {
  const toml::node* node = find(key);
  const toml::table* inner = node == nullptr ? nullptr : node->as_table();
  if (node != nullptr && inner == nullptr) wrong_type(key, *node, fmt::format("a table: [{}]", full(key)));
  return {inner, full(key), *problems_, place("")};
}

std::vector<std::string> ConfigTable::keys() const {
  std::vector<std::string> out;
  if (table_ == nullptr) return out;
  for (const auto& [name, node] : *table_) out.emplace_back(name.str());
  return out;
}

std::vector<std::pair<std::string, ConfigTable>> ConfigTable::tables(std::string_view key) {
  std::vector<std::pair<std::string, ConfigTable>> out;
  const toml::node* node = find(key);
  if (node == nullptr) return out;
  const toml::table* outer = node->as_table();
  if (outer == nullptr) {
    wrong_type(key, *node, fmt::format("tables: [{}.NAME]", full(key)));
    return out;
  }
  for (const auto& [name, inner] : *outer) {
    const std::string path = fmt::format("{}.{}", full(key), name.str());
    if (!inner.is_table()) {
      problems_->error(name.source(), path, fmt::format("is {}", type_text(inner.type())),
                       fmt::format("write a table: [{}.NAME]", full(key)));
      continue;
    }
    out.emplace_back(std::string(name.str()), ConfigTable(inner.as_table(), path, *problems_));
  }
  return out;
}

std::vector<ConfigTable> ConfigTable::list_of_tables(std::string_view key) {
  std::vector<ConfigTable> out;
  const toml::node* node = find(key);
  if (node == nullptr) return out;
  const toml::array* list = node->as_array();
  if (list == nullptr) {
    wrong_type(key, *node, "a list of tables: [{ ... }, { ... }]");
    return out;
  }
  for (const toml::node& element : *list) {
    if (element.is_table()) {
      out.emplace_back(element.as_table(), fmt::format("{}[{}]", full(key), out.size()), *problems_);
    } else {
      problems_->error(element.source(), full(key), fmt::format("holds {}", type_text(element.type())),
                       "write tables only: [{ ... }, { ... }]");
    }
  }
  return out;
}

void ConfigTable::finish() {
  if (table_ == nullptr) return;
  std::sort(known_.begin(), known_.end());
  known_.erase(std::unique(known_.begin(), known_.end()), known_.end());
  for (const auto& [name, node] : *table_) {
    if (std::binary_search(known_.begin(), known_.end(), name.str())) continue;
    const std::string_view given = name.str().substr(0, kWordBytesMax);
    const auto nearest = std::min_element(known_.begin(), known_.end(), [&](const auto& a, const auto& b) {
      return distance(a, given) < distance(b, given);
    });
    std::string remedy = nearest != known_.end() && distance(*nearest, given) <= 2
                             ? fmt::format("do you mean \"{}\"?", *nearest)
                             : fmt::format("known here: {}", fmt::join(known_, ", "));
    problems_->error(name.source(), full(given), "is not a key that this version knows", std::move(remedy));
  }
}

}  // namespace extvold::daemon
