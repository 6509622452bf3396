#include "daemon/cli/context.h"

#include "daemon/api/ledger_backend.h"
#include "daemon/machine.h"

namespace extvold::daemon::cli {
namespace {

// What the configured providers say of themselves; nothing is asked of the storage.
Result<Policy> policy_with_providers(const Config& config) {
  Machine machine;
  ASSIGN(const std::string program, own_program());
  ASSIGN(const auto providers, make_providers(config, program, machine.provider_ports()));
  return policy_of(config, providers);
}

}  // namespace

const Config* Context::config() {
  if (!config_read_) {
    config_read_ = true;
    ConfigResult loaded = load_config(config_file);
    for (const ConfigProblem& problem : loaded.errors) io_.err << to_text(problem) << '\n';
    config_ = std::move(loaded.config);
  }
  return config_ ? &*config_ : nullptr;
}

Result<std::unique_ptr<api::Backend>> Context::ledger_backend(bool is_order) {
  clock_ = std::make_unique<SystemClock>();
  Result<Policy> policy = policy_with_providers(*config_);
  if (!policy) {
    if (is_order) return tl::make_unexpected(policy.error());
    note(policy.error().message);
    policy = config_->policy;
  }
  auto backend = api::LedgerBackend::open(config_->ledger_path, *policy, *clock_);
  if (backend) return std::unique_ptr<api::Backend>(*std::move(backend));
  if (backend.error().code == Errc::not_found && is_order)
    return std::unique_ptr<api::Backend>(
        api::LedgerBackend::of_no_ledger(config_->ledger_path, *std::move(policy), *clock_));
  return wrap(backend.error(), fmt::format("no daemon answers at {}, and the ledger cannot be read either",
                                           config_->socket_path));
}

Result<Client*> Context::client(bool is_order) {
  if (client_ != nullptr) return client_.get();
  if (config() == nullptr) return extvold::fail(Errc::invalid, "{}: see above", config_file);
  auto daemon = std::make_unique<DaemonClient>(config_->socket_path);
  ASSIGN(daemon_, daemon->somebody_listens());
  if (daemon_) {
    client_ = std::move(daemon);
    return client_.get();
  }
  auto opened = ledger_backend(is_order);
  no_way_ = !opened;
  ASSIGN(auto backend, std::move(opened));
  note(is_order ? fmt::format(
                      "no daemon answers at {}: the order goes into {}, and the next daemon carries it out",
                      config_->socket_path, config_->ledger_path)
                : fmt::format("no daemon answers at {}: this is as of the last commit of {}",
                              config_->socket_path, config_->ledger_path));
  client_ = std::make_unique<LocalClient>(std::move(backend), io_.uid);
  return client_.get();
}

bool Context::daemon_answers() {
  if (client_ != nullptr || config() == nullptr) return daemon_;
  return DaemonClient(config_->socket_path).somebody_listens().value_or(false);
}

Result<Json> Context::ask(const Ask& ask) {
  ASSIGN(Client* const whom, client(ask.method != "GET"));
  return whom->call(ask);
}

Exit Context::order(Ask ask) {
  if (ask.body.is_null()) ask.body = Json::object();
  return show(this->ask(ask), [](const Json& answer, Style) {
    const auto at = answer.find("message");
    return at != answer.end() && at->is_string() ? at->get<std::string>() + "\n" : std::string();
  });
}

void Context::print(const Json& json, const std::string& text) {
  if (output == Output::json) {
    io_.out << json.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    io_.out << text;
  }
}

void Context::note(const std::string& text) { io_.err << "note: " << text << '\n'; }

Exit Context::fail(const Error& error) {
  if (config_read_ && !config_) return Exit::usage;  // its problems were printed
  io_.err << "extvold: " << error.message << '\n';
  const bool needs_daemon = no_way_ || (error.code == Errc::unavailable && !daemon_);
  return needs_daemon ? Exit::no_daemon : Exit::error;
}

Result<std::string> Context::typed(const std::string& given, const std::string& prompt) {
  if (!given.empty()) return given;
  std::optional<std::string> answer = io_.ask(prompt);
  if (!answer)
    return extvold::fail(Errc::invalid, "nobody is there to type the name; scripts say --yes-i-mean NAME");
  return *std::move(answer);
}

}  // namespace extvold::daemon::cli
