#include "providers/rbd/ceph_tools.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "providers/foreign_text.h"

namespace extvold::providers::rbd {
namespace {

constexpr std::size_t kOutputBytesMax = 64U << 20U;
// `ceph` is a script that is found by its own path, and starts its interpreter by this one.
constexpr std::string_view kPath = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int kDied = 128;  // and more: by a signal

const std::string& program_of(const RbdConfig& config, Program program) {
  if (program == Program::rbd) return config.rbd_program;
  return program == Program::ceph ? config.ceph_program : config.rados_program;
}

bool is_base64(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/' ||
         c == '=';
}

bool says(std::string_view text, std::string_view what) { return text.find(what) != std::string_view::npos; }

// The first of rbd and rados, the second of ceph.
bool has_no_conf_file(std::string_view text) {
  return says(text, "unable to open config file") || says(text, "error calling conf_read_file");
}

// rbd: "couldn't connect to the cluster!"; rados: "couldn't connect to cluster"; ceph: "error connecting to
// the cluster"; rbd and rados, of a key that is not known: "failed to fetch mon config".
bool never_connected(std::string_view text) {
  return says(text, "couldn't connect to") || says(text, "error connecting to the cluster") ||
         says(text, "failed to fetch mon config") || has_no_conf_file(text);
}

// What the errno of a program that refused says. Errc::internal: nothing that is known here.
Errc class_of(int exit_status) {
  switch (exit_status) {
    case EPERM:
    case EACCES:
      return Errc::permission;
    case ENOENT:
      return Errc::not_found;
    case EBUSY:
    case EMLINK:  // an image in a group cannot be removed
    case EEXIST:
    case EROFS:
    case ENOTEMPTY:
      return Errc::conflict;
    case EINVAL:
      return Errc::invalid;
    case ENOSPC:
    case EDQUOT:
      return Errc::exhausted;
    default:
      return Errc::internal;
  }
}

Errc class_of(const ToolAnswer& answer) {
  const bool any_error = answer.exit_status == 1 && answer.program != Program::rbd;
  if (!any_error) return class_of(answer.exit_status);
  const bool denied = says(answer.said, "EPERM") || says(answer.said, "not permitted");
  return denied ? Errc::permission : Errc::internal;
}

std::string ended_text(std::string_view what, const ToolAnswer& answer) {
  return fmt::format("{} ended with {}{}{}", what, answer.exit_status, answer.said.empty() ? "" : ": ",
                     answer.said);
}

// A key that was not found, or is not the one that the cluster knows.
Errc class_of_no_connection(const ToolAnswer& answer) {
  if (!answer.configured) return Errc::unavailable;
  const bool keyring = answer.exit_status == EOPNOTSUPP || says(answer.said, "keyring") ||
                       says(answer.said, "handle_auth_bad_method");
  if (keyring || class_of(answer) == Errc::permission) return Errc::permission;
  return Errc::unavailable;
}

}  // namespace

ProcessRequest CephTools::request_of(const ToolCall& call) const {
  const std::string timeout =
      std::to_string(std::max<std::int64_t>(1, config_.storage_timeout.ns / 1'000'000'000));
  ProcessRequest process;
  process.argv = {program_of(config_, call.program),
                  "--conf",
                  config_.conf_file,
                  "--id",
                  config_.user,
                  "--keyring",
                  config_.keyring};
  if (call.program == Program::ceph) {
    process.argv.insert(process.argv.end(), {"--connect-timeout", timeout});
  } else {
    process.argv.push_back("--client_mount_timeout=" + timeout);
  }
  process.argv.push_back("--rados_mon_op_timeout=" + timeout);
  process.argv.push_back("--rados_osd_op_timeout=" + timeout);
  process.argv.insert(process.argv.end(), call.words.begin(), call.words.end());
  process.env = {std::string(kPath)};
  process.deadline = call.deadline_at - clock_();
  process.output_bytes_max = kOutputBytesMax;
  return process;
}

void CephTools::run(ToolCall call, ToolDone done) {
  if (call.deadline_at <= clock_()) {
    return defer_([done = std::move(done)] {
      done(fail(Errc::unavailable, "the time for all of it is over, it was not started"));
    });
  }
  const auto on_end = [this, program = call.program,
                       done = std::move(done)](const Result<ProcessResult>& ended) {
    if (!ended) return done(tl::make_unexpected(ended.error()));
    ToolAnswer answer;
    answer.program = program;
    answer.exit_status = ended->exit_status;
    answer.truncated = ended->truncated;
    answer.output = ended->standard_output;
    answer.said = shown_of(ended->standard_error);
    answer.connected = ended->exit_status == 0 || !never_connected(ended->standard_error);
    answer.configured = ended->exit_status == 0 || !has_no_conf_file(ended->standard_error);
    if (!answer.configured) answer.said = fmt::format("conf_file {} cannot be read", config_.conf_file);
    done(answer);
  };
  runner_.run(request_of(call), on_end);
}

std::string shown_of(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = at;
    while (end < text.size() && is_base64(text[end])) ++end;
    // A key begins with its type, 1, as two bytes: "AQ" in base64.
    constexpr std::size_t kKeyMin = 20;
    const std::string_view word = text.substr(at, end - at);
    const std::size_t key = word.find("AQ");
    if (key != std::string_view::npos && word.size() - key >= kKeyMin) {
      out += "[redacted]";
    } else {
      out += word;
    }
    if (end < text.size()) out += text[end++];
    at = end;
  }
  return in_one_line(out);
}

Result<std::string> looked(const Result<ToolAnswer>& ended, std::string_view what) {
  if (!ended) {
    const Errc known = ended.error().code;
    const bool no_program = known == Errc::not_found;
    const Errc code = known == Errc::uncertain || no_program ? Errc::unavailable : known;
    return fail(code, "{}: {}", what, ended.error().message);
  }
  if (!ended->connected) return fail(class_of_no_connection(*ended), "{}", ended_text(what, *ended));
  if (ended->exit_status != 0) {
    const Errc known = class_of(*ended);
    return fail(known == Errc::permission ? known : Errc::unavailable, "{}", ended_text(what, *ended));
  }
  if (ended->truncated) return fail(Errc::unavailable, "{}: the answer is too large", what);
  return ended->output;
}

Status changed(const Result<ToolAnswer>& ended, std::string_view what) {
  if (!ended) return wrap(ended.error(), what);
  if (ended->exit_status == 0) return {};
  if (!ended->connected) return fail(class_of_no_connection(*ended), "{}", ended_text(what, *ended));
  const Errc known = ended->exit_status < kDied ? class_of(*ended) : Errc::internal;
  return fail(known == Errc::internal ? Errc::uncertain : known, "{}", ended_text(what, *ended));
}

bool says_not_there(const Result<ToolAnswer>& ended) {
  return ended && ended->connected && ended->exit_status == ENOENT;
}

}  // namespace extvold::providers::rbd
