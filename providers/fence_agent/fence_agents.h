// FenceAgents: switches hosts off and on through the `fence-agents` programs (fence_ipmilan, fence_apc, ...).
//
// Implements PowerFence, whose contract holds: loop thread only, exactly one callback, never from inside the
// call. It keeps nothing between calls but its configuration. `runner`, `defer` and `clock` must outlive it,
// and it must outlive its calls.
//
// A program is started anew for each call, without a shell, by its absolute path. All that it is told, the
// secret too, stands in lines `name=value` on its standard input and nowhere else: a command line is for
// everybody to read. What is relied upon was read in /usr/share/fence/fencing.py of fence-agents 4.12.1, and
// tried:
//
// - `status` ends with 0 if any of the plugs is on and with 2 if all are off (fence_action(),
//   get_multi_power_fn()); every failure of its own is 1. But 2 is also how a shell or an interpreter ends
//   on a broken script, so an end with 2 counts only beside the word OFF (it prints "Status: OFF").
// - `off` and `on` end with 0 after the device itself showed the new state, or had it before. Any other end
//   may be that of an order that was given and not confirmed in time: uncertain.
// - A line is stripped of blanks at both ends, and a value of one pair of quotes: such a value would not
//   arrive as it was written. An option without a value is dropped, one that is not known too, with a warning
//   that repeats it, secrets included: so what a program prints is searched for the secret first.
//
// While a process of an earlier call for a host lives, no other one starts (Errc::busy): an `on` that is late
// must not undo an `off`.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/instant.h"
#include "model/ports.h"
#include "providers/power.h"

namespace extvold::providers::fence_agent {

using Options = std::map<std::string, std::string, std::less<>>;

struct FenceAgentConfig {  // one [power.NAME]
  std::string name;
  std::string program;                     // absolute
  Options options;                         // the same for every host
  std::string secret_place;                // what `read_secret` is asked for; empty: none
  std::string secret_option = "password";  // the option that takes it
  std::map<std::string, Options> hosts;    // what each has besides; these win
  Duration deadline = seconds(60);         // of one call; the caller's own may be shorter
  bool operator==(const FenceAgentConfig&) const = default;
};

// What is wrong with an option, as the end of a sentence that begins with it; empty: nothing.
std::string problem_of_option(std::string_view name, std::string_view value);
// Of a secret that is no option of the configuration. Does not repeat it.
std::string problem_of_secret(std::string_view secret);

struct FenceAgentsPorts {
  ProcessRunner& runner;
  // What a secret's place holds; asked at each call, so that a new secret counts at once.
  std::function<Result<std::string>(const std::string& place)> read_secret;
  std::function<void(std::function<void()>)> defer;  // runs it later, from the loop
  std::function<Instant()> clock;
};

// That can be switched off, sorted.
std::vector<std::string> hosts_of(const std::vector<FenceAgentConfig>& agents);

class FenceAgents final : public PowerFence {
 public:
  // A host is in one of `agents` only. `lock_folder`: where a file for each host is locked; it must exist.
  FenceAgents(std::vector<FenceAgentConfig> agents, std::string lock_folder, FenceAgentsPorts ports);

  bool covers(std::string_view host) const override { return agent_of(host) != nullptr; }

  void change_fence(FenceCall call, std::function<void(FenceResult)> done) override;

 private:
  const FenceAgentConfig* agent_of(std::string_view host) const;
  ProcessRequest process_request(const FenceAgentConfig& agent, const FenceCall& call,
                                 const std::string& secret) const;

  std::vector<FenceAgentConfig> agents_;
  std::string lock_folder_;
  FenceAgentsPorts ports_;
};

}  // namespace extvold::providers::fence_agent
