#include "daemon/cli/commands.h"
#include "daemon/cli/table.h"
#include "daemon/config_power.h"
#include "daemon/machine.h"
#include "daemon/serve.h"
#include "daemon/version.h"
#include "ledger/ledger.h"

namespace extvold::daemon::cli {
namespace {

Result<std::unique_ptr<ledger::Ledger>> open_to_read(const Config& config) {
  ledger::OpenOptions options;
  options.read_only = true;
  options.create = false;
  options.now = SystemClock().wall();
  return ledger::Ledger::open(config.ledger_path, options);
}

Json problems_json(const std::vector<ConfigProblem>& problems) {
  Json out = Json::array();
  for (const ConfigProblem& one : problems) {
    out.push_back({{"file", one.file},
                   {"line", one.line},
                   {"column", one.column},
                   {"key", one.key},
                   {"what", one.what},
                   {"remedy", one.remedy}});
  }
  return out;
}

}  // namespace

Exit ledger_check(Context& context, bool full) {
  const Config* config = context.config();
  if (config == nullptr) return Exit::usage;
  const auto ledger = open_to_read(*config);
  if (!ledger) return context.fail(ledger.error());
  const auto findings = (*ledger)->check(full ? ledger::CheckDepth::full : ledger::CheckDepth::pages);
  if (!findings) return context.fail(findings.error());
  Json json = Json::array();
  Table table({"CHECK", "SUBJECT", "PROBLEM"});
  for (const ledger::Finding& one : *findings) {
    json.push_back({{"check", one.check}, {"subject", one.subject}, {"problem", one.problem}});
    table.add({Cell(one.check, Paint::bad), one.subject, one.problem});
  }
  const std::string as_of =
      fmt::format("{}: sequence {}: {}\n", config->ledger_path, (*ledger)->sequence().value,
                  findings->empty() ? "all checks pass" : fmt::format("{} findings", findings->size()));
  context.print({{"ledger", config->ledger_path},
                 {"sequence", (*ledger)->sequence().value},
                 {"depth", full ? "full" : "pages"},
                 {"findings", std::move(json)}},
                as_of + (table.empty() ? std::string() : table.text(context.style().colours)));
  return findings->empty() ? Exit::ok : Exit::error;
}

Exit ledger_backup(Context& context, const std::string& file) {
  const Config* config = context.config();
  if (config == nullptr) return Exit::usage;
  const auto ledger = open_to_read(*config);
  if (!ledger) return context.fail(ledger.error());
  if (Status done = (*ledger)->backup(file); !done) return context.fail(done.error());
  const std::string text = fmt::format("{} holds the ledger of {} as of sequence {}", file,
                                       config->ledger_path, (*ledger)->sequence().value);
  context.print({{"message", text}, {"file", file}, {"sequence", (*ledger)->sequence().value}}, text + "\n");
  return Exit::ok;
}

Exit ledger_restore(Context& context, const std::string& file) {
  const Config* config = context.config();
  if (config == nullptr) return Exit::usage;
  const auto report = ledger::Ledger::restore(file, config->ledger_path, SystemClock().wall());
  if (!report) return context.fail(report.error());
  std::string text = fmt::format("{} is restored from {}: incarnation {}, sequence {}", config->ledger_path,
                                 file, report->ledger.incarnation, report->sequence.value);
  if (!report->kept.empty()) text += fmt::format("; what was there is kept as {}", report->kept);
  const std::string next =
      "It observes: all evidence is void and every attachment is uncertain until it was seen again. Look at\n"
      "`extvold reconcile --dry-run`, then `extvold release --all`.\n";
  context.print({{"message", text},
                 {"incarnation", report->ledger.incarnation},
                 {"sequence", report->sequence.value},
                 {"kept", report->kept.empty() ? Json(nullptr) : Json(report->kept)}},
                text + "\n" + next);
  return Exit::ok;
}

Exit config_check(Context& context) {
  ConfigResult loaded = load_config(context.config_file);
  if (loaded.config) {
    // What only this machine can tell: the providers' folders and tools.
    Machine machine;
    const auto program = own_program();
    const auto providers =
        program
            ? make_providers(*loaded.config, *program, machine.provider_ports())
            : Result<std::vector<std::unique_ptr<providers::Provider>>>(tl::make_unexpected(program.error()));
    if (!providers) {
      ConfigProblem problem;
      problem.file = context.config_file;
      problem.what = providers.error().message;
      loaded.errors.push_back(std::move(problem));
    }
  }
  if (loaded.config) {
    for (const AuthConfig* auth : {&loaded.config->master_auth, &loaded.config->agents_auth}) {
      for (std::string& what : file_problems(*auth))
        loaded.warnings.push_back({context.config_file, 0, 0, auth->section, std::move(what), ""});
    }
    for (const auto& problems : {power_problems(*loaded.config), provider_secret_problems(*loaded.config)}) {
      for (const SectionProblem& one : problems)
        loaded.warnings.push_back({context.config_file, 0, 0, one.section, one.what, ""});
    }
  }
  const bool good = loaded.errors.empty();
  std::string text;
  for (const ConfigProblem& one : loaded.errors) text += "error: " + to_text(one) + "\n";
  for (const ConfigProblem& one : loaded.warnings) text += "warning: " + to_text(one) + "\n";
  text += fmt::format("{}: {}\n", context.config_file,
                      good ? (loaded.warnings.empty() ? "good" : "usable") : "not usable");
  context.print({{"file", context.config_file},
                 {"usable", good},
                 {"errors", problems_json(loaded.errors)},
                 {"warnings", problems_json(loaded.warnings)}},
                text);
  return good ? Exit::ok : Exit::usage;
}

Exit serve(Context& context) {
  switch (daemon::serve(context.config_file)) {
    case 0:
      return Exit::ok;
    case 2:
      return Exit::usage;
    default:
      return Exit::error;
  }
}

Exit version(Context& context) {
  context.print({{"version", std::string(kVersion)}}, fmt::format("extvold {}\n", kVersion));
  return Exit::ok;
}

}  // namespace extvold::daemon::cli
