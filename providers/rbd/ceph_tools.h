// CephTools: starts `rbd`, `ceph` and `rados`, each with every time-out that it has, and says what the end of
// one means.
//
// Loop thread only. Keeps nothing but references: `config`, `runner`, `clock` and `defer` must outlive
// it, and it must
// outlive its calls. Each call ends in exactly one callback, never from inside the call.
//
// What is relied upon was tried with 16.2.15. `rbd` ends with the errno, `ceph` with that of the monitors'
// answer; but `rados` ends with 1 whatever it was, and `ceph` does so with any exception of Python's, also
// after the monitors had its command: there 1 says nothing, and the words do. A program that could not
// connect did nothing. What a program printed goes through shown_of() before anybody sees it: a keyring that
// cannot be parsed is repeated by Ceph, key included.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "model/instant.h"
#include "model/ports.h"
#include "model/result.h"
#include "providers/rbd/rbd_config.h"

namespace extvold::providers::rbd {

enum class Program { rbd, ceph, rados };

// Who asks for what, until when: `words` are those of the program, without options of the connection.
struct ToolCall {
  Program program = Program::rbd;
  std::vector<std::string> words;
  Instant deadline_at;
};

// A program that was started and has ended.
struct ToolAnswer {
  Program program = Program::rbd;
  int exit_status = 0;
  bool truncated = false;
  bool connected = true;   // false: it says that it never reached the cluster
  bool configured = true;  // false: it says that it could not read conf_file
  std::string output;
  std::string said;  // what it printed as errors, fit for a message
};

using ToolDone = std::function<void(const Result<ToolAnswer>&)>;

class CephTools {
 public:
  CephTools(const RbdConfig& config, ProcessRunner& runner, const std::function<Instant()>& clock,
            const std::function<void(std::function<void()>)>& defer)
      : config_(config), runner_(runner), clock_(clock), defer_(defer) {}

  // Errors: those of ProcessRunner; unavailable if no time is left, and then nothing is started.
  void run(ToolCall call, ToolDone done);

 private:
  ProcessRequest request_of(const ToolCall& call) const;

  const RbdConfig& config_;
  ProcessRunner& runner_;
  const std::function<Instant()>& clock_;
  const std::function<void(std::function<void()>)>& defer_;
};

// The whole output of a program that only looked; else why not. Never Errc::uncertain: nothing happened.
Result<std::string> looked(const Result<ToolAnswer>& ended, std::string_view what);

// Whether a program that changes something did so. Errc::uncertain: it may have, or may still.
Status changed(const Result<ToolAnswer>& ended, std::string_view what);

// A look that says that the thing is not there: the errno of rbd, which may also mean its pool or its
// keyring. Only a list that lacks it is proof.
bool says_not_there(const Result<ToolAnswer>& ended);

std::string shown_of(std::string_view text);

}  // namespace extvold::providers::rbd
