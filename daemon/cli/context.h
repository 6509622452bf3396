// Context: what every command needs: the configuration, somebody to ask, where to print. One a run; main
// thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "daemon/cli/cli.h"
#include "daemon/cli/client.h"
#include "daemon/cli/render.h"
#include "daemon/config.h"
#include "model/enum_text.h"

namespace extvold::daemon::cli {

EXTVOLD_ENUM(Output, table, json)

// The person, or the test, at the other end.
struct Io {
  std::ostream& out;
  std::ostream& err;
  // Asks for a line. nullopt: nobody is there to answer.
  std::function<std::optional<std::string>(const std::string& prompt)> ask;
  std::uint32_t uid = 0;
  bool colours = false;
};

inline constexpr const char* kDefaultConfig = "/etc/extvold/extvold.toml";

class Context {
 public:
  explicit Context(Io& io) : io_(io) {}

  // Set by the command line before a command runs.
  std::string config_file = kDefaultConfig;
  Output output = Output::table;

  // All problems are printed; none: Exit::usage.
  const Config* config();
  Io& io() { return io_; }
  Style style() const { return {io_.colours && output == Output::table}; }

  // Asks the daemon; where none answers, the ledger itself, and says so. The error is not printed yet.
  Result<Json> ask(const Ask& ask);
  // The same, and the answer's sentence is printed.
  Exit order(Ask ask);
  bool daemon_answers();  // of the last ask(), or found out now

  // One answer: as JSON, or what `render` makes of it.
  template <typename Render>
  Exit show(const Result<Json>& answer, Render render) {
    if (!answer) return fail(answer.error());
    print(*answer, output == Output::table ? render(*answer, style()) : std::string());
    return Exit::ok;
  }
  void print(const Json& json, const std::string& text);
  void note(const std::string& text);
  Exit fail(const Error& error);

  // The name as the person types it once more: from `given` (--yes-i-mean), else asked for. Whether it is
  // right, the order's taker judges.
  Result<std::string> typed(const std::string& given, const std::string& prompt);

 private:
  Result<Client*> client(bool is_order);
  Result<std::unique_ptr<api::Backend>> ledger_backend(bool is_order);

  Io& io_;
  std::optional<Config> config_;
  bool config_read_ = false;
  std::unique_ptr<Client> client_;
  bool daemon_ = false;
  bool no_way_ = false;  // neither a daemon nor a ledger
  std::unique_ptr<Clock> clock_;
};

}  // namespace extvold::daemon::cli
