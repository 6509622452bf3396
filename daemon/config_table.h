// ConfigTable: one table of a TOML file, read key by key; what is wrong is collected with its place.
//
// Used while a configuration is parsed, on the stack; the toml::table and the problems outlive it. Every key
// that is asked for counts as known; finish() reports all others. A getter reports a wrong type or value by
// itself and then answers nullopt, as it does for an absent key: the caller keeps its default and goes on to
// the next key.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// Debian's target asks for its shared library, which throws; used as a header it need not.
#undef TOML_HEADER_ONLY
#undef TOML_SHARED_LIB
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
// toml++ 3.3 asserts what it then looks at and says as an error: "[=a]" would end the program.
#define TOML_ASSERT(condition) static_assert(true)
#include <toml++/toml.h>

#include "daemon/config.h"
#include "model/enum_text.h"

namespace extvold::daemon {

struct ConfigProblems {
  std::string file;
  std::vector<ConfigProblem> errors;
  std::vector<ConfigProblem> warnings;

  void error(const toml::source_region& where, std::string key, std::string what, std::string remedy);
  void warning(const toml::source_region& where, std::string key, std::string what, std::string remedy);
};

// Of a [providers.NAME] and the like: 1 to 100 letters, digits, '.', '_' and '-'.
bool is_plain_name(std::string_view name);

class ConfigTable {
 public:
  // `path`: "mesos.agents"; empty for the file's top. A null table is one that is absent: every getter
  // answers nullopt. `elsewhere`: where to point to then.
  ConfigTable(const toml::table* table, std::string path, ConfigProblems& problems,
              toml::source_region elsewhere = {});

  const std::string& path() const { return path_; }
  bool present() const { return table_ != nullptr; }
  bool has(std::string_view key) const { return table_ != nullptr && table_->contains(key); }
  bool is_list(std::string_view key) const { return has(key) && table_->get(key)->is_array(); }
  bool is_text(std::string_view key) const { return has(key) && table_->get(key)->is_string(); }

  std::optional<std::string> text(std::string_view key);
  std::optional<std::string> absolute_path(std::string_view key);
  std::optional<bool> boolean(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t min, std::int64_t max);
  std::optional<Duration> duration(std::string_view key, Duration min, Duration max);
  std::optional<std::int64_t> size_mb(std::string_view key);
  // A text or a list of texts.
  std::optional<std::vector<std::string>> texts(std::string_view key);

  template <typename E>
  std::optional<E> word(std::string_view key) {
    const std::optional<std::string> given = text(key);
    if (!given) return std::nullopt;
    std::optional<E> value = from_text<E>(*given);
    if (!value) no_such_word(key, *given, enum_texts(E{}));
    return value;
  }

  ConfigTable table(std::string_view key);
  // Its keys, in the order of the names; they count as known only when they are asked for.
  std::vector<std::string> keys() const;
  // [path.NAME] each, in the order of the names.
  std::vector<std::pair<std::string, ConfigTable>> tables(std::string_view key);
  // key = [{...}, {...}]
  std::vector<ConfigTable> list_of_tables(std::string_view key);

  // A key that this version knows of and does not serve.
  void not_built_yet(std::string_view key, std::string what, std::string remedy);
  void known(std::string_view key) { known_.emplace_back(key); }
  // For what only the caller can judge. `key` empty: the table itself.
  void error(std::string_view key, std::string what, std::string remedy);
  void warning(std::string_view key, std::string what, std::string remedy);
  void missing(std::string_view key, std::string remedy);
  void finish();

 private:
  const toml::node* find(std::string_view key);
  std::string full(std::string_view key) const;
  toml::source_region place(std::string_view key) const;
  void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted);
  void no_such_word(std::string_view key, std::string_view given, std::span<const std::string_view> words);

  const toml::table* table_;
  std::string path_;
  ConfigProblems* problems_;
  toml::source_region elsewhere_;
  std::vector<std::string> known_;
};

}  // namespace extvold::daemon
