#include "providers/rexray/rexray_cli.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/ascii.h"
#include "providers/foreign_text.h"
#include "providers/json_answer.h"
#include "providers/rexray/environment_file.h"
#include "providers/rexray/error_class.h"
#include "providers/rexray/volume_answers.h"
#include "providers/rexray/yaml_list.h"

namespace extvold::providers::rexray {
namespace {

constexpr std::size_t kListBytesMax = 64U << 20U;
constexpr Duration kShortest = milliseconds(1);
constexpr int kSignalled = 128;  // an exit status from here on is a signal's

std::string said(const ProcessResult& ended) {
  const std::string& text =
      trimmed(ended.standard_error).empty() ? ended.standard_output : ended.standard_error;
  const std::string shown = in_one_line(text);
  return fmt::format("rexray ended with status {}: {}", ended.exit_status,
                     shown.empty() ? "without a word" : shown);
}

bool has_usage(std::string_view text) {
  return text.starts_with("Usage:") || text.find("\nUsage:") != text.npos;
}

// It ends with 0 also after a command or a flag that it does not know, and prints its help. It does so too
// where it cannot start, with another status. In a list, "Usage:" is somebody's name for a volume.
bool is_usage(const ProcessResult& ended) {
  if (ended.exit_status != 0) return false;
  const std::string_view complaint = ended.standard_error;
  if (complaint.starts_with("Error: unknown") || has_usage(complaint)) return true;
  const std::string_view printed = trimmed(ended.standard_output);
  const bool is_list = printed.starts_with('[') || printed.starts_with('{') || printed.starts_with('-');
  return !is_list && has_usage(printed);
}

Error usage_error(const ProcessResult& ended) {
  return {Errc::invalid, "it does not know that command, its dialect is another one: " + said(ended)};
}

// What a look printed, or why it cannot be trusted to be all of it.
Result<std::string> whole_output(const Result<ProcessResult>& ended) {
  if (!ended) return tl::make_unexpected(look_error(ended.error()));
  if (ended->truncated) return fail(Errc::unavailable, "what rexray prints is too long to be read");
  if (is_usage(*ended)) return tl::make_unexpected(usage_error(*ended));
  if (ended->exit_status != 0) {
    const Errc known = class_of_error(ended->standard_error).value_or(Errc::unavailable);
    return tl::make_unexpected(
        look_error({known == Errc::conflict ? Errc::unavailable : known, said(*ended)}));
  }
  // An empty list is printed as nothing at all by some, and so is a list that failed.
  const bool nothing = trimmed(ended->standard_output).empty();
  if (nothing && !trimmed(ended->standard_error).empty())
    return fail(Errc::unavailable, "no list, but {}", said(*ended));
  return ended->standard_output;
}

bool begins_with(std::string_view text, std::string_view start) {
  return lower_case(text).starts_with(lower_case(start));
}

// Why `id` as a word of a command line of dialect 4 would not mean that one volume alone. Empty: it does.
// Other ones that begin with it are taken if the one that is meant is left out, as held by another host.
std::string ambiguity(const StorageList& list, const std::string& id) {
  if (id.empty() || id.front() == '-' || id.front() == '/' || id.find_first_of(",*\\ \t\r\n") != id.npos)
    return "it is no text that rexray would take for an id";
  for (const StorageVolume& volume : list.volumes) {
    if (volume.id == id) continue;
    if (begins_with(volume.id, id) || begins_with(volume.name, id))
      return fmt::format("rexray would take volume {} (\"{}\") for it too", in_one_line(volume.id, 80),
                         in_one_line(volume.name, 80));
  }
  return {};
}

}  // namespace

Result<StorageList> read_cli_list(const CliVersion& version, std::string_view text) {
  if (trimmed(text).empty()) {
    if (version.dialect == 4) return fail(Errc::internal, "rexray printed no list");
    return StorageList{};  // 0.1 to 0.5 print nothing for an empty list
  }
  if (!version.json) {
    ASSIGN(const nlohmann::json list, read_yaml_list(text));
    return read_volume_list(list, StateField::unknown);
  }
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded())
    return fail(Errc::internal, "what rexray printed is not JSON: {}", in_one_line(text));
  return read_volume_list(value, version.dialect == 4 ? StateField::needed : StateField::unknown);
}

RexrayCli::RexrayCli(const RexrayConfig& config, RexrayPorts ports)
    : config_(config), ports_(std::move(ports)) {}

Result<ProcessRequest> RexrayCli::bare_request(Words words, Duration deadline) const {
  ProcessRequest process;
  process.argv = {config_.program};
  process.argv.insert(process.argv.end(), std::make_move_iterator(words.begin()),
                      std::make_move_iterator(words.end()));
  process.env = config_.environment;
  if (!config_.environment_file.empty()) {
    ASSIGN(std::vector<std::string> more, read_environment_file(config_.environment_file));
    process.env = merged_environment(std::move(process.env), std::move(more));
  }
  process.deadline = std::max(deadline, kShortest);
  return process;
}

Result<ProcessRequest> RexrayCli::process_request(const CliVersion& version, Words words,
                                                  Duration deadline) const {
  if (!config_.config_file.empty()) words.push_back(config_word(config_.config_file));
  if (version.dialect == 4 && !config_.service.empty()) words.push_back(service_word(config_.service));
  return bare_request(std::move(words), deadline);
}

Result<CliVersion> RexrayCli::read_version(const ProcessResult& ended) const {
  if (ended.exit_status != 0 || ended.truncated)
    return fail(Errc::unavailable, "no version: {}", said(ended));
  ASSIGN(const CliVersion version, parse_version(ended.standard_output));
  if (version.dialect == 3)
    return fail(Errc::invalid,
                "rexray {} lists no attachments but this host's: configure dialect = 3, so that what "
                "follows from it is known from the start",
                version.shown);
  if (version.dialect == 1 && !config_.config_file.empty())
    return fail(Errc::invalid, "rexray {} reads no config_file: what it needs goes into environment_file",
                version.shown);
  return version;
}

void RexrayCli::with_version(Duration deadline, std::function<void(const Result<CliVersion>&)> done) {
  if (config_.dialect != 0) version_ = version_of_dialect(config_.dialect);
  Result<CliVersion> known = version_.value_or(CliVersion{});
  Result<ProcessRequest> process = bare_request(version_words(), deadline);
  if (!process) known = tl::make_unexpected(process.error());
  if (version_ || !process) {
    ports_.after({}, [known = std::move(known), done = std::move(done)] { done(known); });
    return;
  }
  ports_.runner.run(*std::move(process), [this, done = std::move(done)](const Result<ProcessResult>& ended) {
    if (!ended) return done(tl::make_unexpected(look_error(ended.error())));
    const Result<CliVersion> version = read_version(*ended);
    if (version) version_ = *version;
    done(version);
  });
}

void RexrayCli::look(WordsOf words, Duration deadline, std::function<void(Result<StorageList>)> done) {
  const Instant end_at = ports_.clock() + deadline;
  with_version(deadline, [this, words = std::move(words), end_at,
                          done = std::move(done)](const Result<CliVersion>& version) mutable {
    if (!version) return done(tl::make_unexpected(version.error()));
    const Duration left = end_at - ports_.clock();
    if (left <= Duration{}) return done(fail(Errc::unavailable, "the time was up before it could be asked"));
    Result<ProcessRequest> process = process_request(*version, words(*version), left);
    if (!process) return done(tl::make_unexpected(process.error()));
    process->output_bytes_max = kListBytesMax;
    ports_.runner.run(*std::move(process),
                      [this, version = *version, done = std::move(done)](const Result<ProcessResult>& ended) {
                        const Result<std::string> output = whole_output(ended);
                        if (output) return done(read_cli_list(version, *output));
                        if (output.error().code == Errc::invalid)
                          version_.reset();  // another one may be installed by now
                        done(tl::make_unexpected(output.error()));
                      });
  });
}

void RexrayCli::list(Duration deadline, std::function<void(Result<StorageList>)> done) {
  const Instant end_at = ports_.clock() + deadline;
  look(list_words, deadline, [this, end_at, done = std::move(done)](Result<StorageList> list) mutable {
    if (!list || config_.dialect != 3) return done(std::move(list));
    add_own_attachments(*std::move(list), end_at - ports_.clock(), std::move(done));
  });
}

void RexrayCli::add_own_attachments(StorageList list, Duration deadline,
                                    std::function<void(Result<StorageList>)> done) {
  look(map_words, deadline,
       [list = std::move(list), done = std::move(done)](Result<StorageList> own) mutable {
         if (!own) return done(std::move(own));
         for (StorageVolume& volume : list.volumes) {
           const auto same = std::find_if(own->volumes.begin(), own->volumes.end(),
                                          [&](const StorageVolume& one) { return one.id == volume.id; });
           if (same != own->volumes.end()) volume.attachments = std::move(same->attachments);
         }
         if (list.unreadable.empty()) list.unreadable = std::move(own->unreadable);
         done(std::move(list));
       });
}

void RexrayCli::find(std::string id, Duration deadline,
                     std::function<void(Result<std::optional<StorageVolume>>)> done) {
  using Found = Result<std::optional<StorageVolume>>;
  list(deadline, [this, id = std::move(id), done = std::move(done)](Result<StorageList> list) {
    if (!list) return done(tl::make_unexpected(list.error()));
    if (!list->unreadable.empty()) return done(fail(Errc::unavailable, "{}", list->unreadable));
    const bool by_words = !version_ || version_->dialect == 4;
    if (const std::string why = by_words ? ambiguity(*list, id) : ""; !why.empty())
      return done(fail(Errc::conflict, "id \"{}\": {}", in_one_line(id, 80), why));
    const auto found = std::find_if(list->volumes.begin(), list->volumes.end(),
                                    [&](const StorageVolume& one) { return one.id == id; });
    done(found == list->volumes.end() ? Found(std::nullopt) : Found(std::move(*found)));
  });
}

void RexrayCli::change(WordsOf words, std::string lock, Duration deadline, std::function<void(Status)> done) {
  const Instant end_at = ports_.clock() + deadline;
  with_version(deadline, [this, words = std::move(words), lock = std::move(lock), end_at,
                          done = std::move(done)](const Result<CliVersion>& version) mutable {
    if (!version) return done(tl::make_unexpected(version.error()));
    const Duration left = end_at - ports_.clock();
    if (left <= Duration{})
      return done(fail(Errc::unavailable, "the time was up before it could be changed"));
    Result<ProcessRequest> process = process_request(*version, words(*version), left);
    if (!process) return done(tl::make_unexpected(process.error()));
    process->lock_file = fmt::format("{}/{}-{}.lock", config_.lock_folder, path_segment(config_.name.value),
                                     path_segment(lock));
    ports_.runner.run(
        *std::move(process),
        [this, done = std::move(done)](const Result<ProcessResult>& ended) { done(end_change(ended)); });
  });
}

Status RexrayCli::end_change(const Result<ProcessResult>& ended) {
  if (!ended) return tl::make_unexpected(ended.error());
  if (is_usage(*ended)) {
    version_.reset();
    return tl::make_unexpected(usage_error(*ended));
  }
  if (ended->exit_status == 0) return {};
  if (ended->exit_status >= kSignalled) return fail(Errc::uncertain, "{}", said(*ended));
  const Errc known = class_of_error(ended->standard_error).value_or(Errc::uncertain);
  return fail(known, "{}", said(*ended));
}

void RexrayCli::create(NewVolume volume, Duration deadline, std::function<void(Status)> done) {
  std::string lock = volume.name;
  change([volume = std::move(volume)](const CliVersion& version) { return create_words(version, volume); },
         std::move(lock), deadline, std::move(done));
}

void RexrayCli::attach(std::string id, std::string /*host*/, Duration deadline,
                       std::function<void(Status)> done) {
  std::string lock = id;
  change([id = std::move(id)](const CliVersion& version) { return attach_words(version, id); },
         std::move(lock), deadline, std::move(done));
}

void RexrayCli::detach(std::string id, std::string /*host*/, Duration deadline,
                       std::function<void(Status)> done) {
  std::string lock = id;
  change([id = std::move(id)](const CliVersion& version) { return detach_words(version, id); },
         std::move(lock), deadline, std::move(done));
}

void RexrayCli::remove(std::string id, Duration deadline, std::function<void(Status)> done) {
  std::string lock = id;
  change([id = std::move(id)](const CliVersion& version) { return remove_words(version, id); },
         std::move(lock), deadline, std::move(done));
}

}  // namespace extvold::providers::rexray
