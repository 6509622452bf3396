#include "providers/csi/rpc_status.h"

#include <array>

#include "providers/foreign_text.h"

namespace extvold::providers::csi {
namespace {

struct Meaning {
  std::string_view name;
  Errc of_change;
};

// By gRPC's number. DEADLINE_EXCEEDED, UNAVAILABLE and CANCELLED come from the network as well as from a
// driver.
constexpr std::array<Meaning, 17> kMeanings = {{{"OK", Errc::uncertain},
                                                {"CANCELLED", Errc::uncertain},
                                                {"UNKNOWN", Errc::uncertain},
                                                {"INVALID_ARGUMENT", Errc::invalid},
                                                {"DEADLINE_EXCEEDED", Errc::uncertain},
                                                {"NOT_FOUND", Errc::not_found},
                                                {"ALREADY_EXISTS", Errc::conflict},
                                                {"PERMISSION_DENIED", Errc::permission},
                                                {"RESOURCE_EXHAUSTED", Errc::exhausted},
                                                {"FAILED_PRECONDITION", Errc::conflict},
                                                {"ABORTED", Errc::busy},
                                                {"OUT_OF_RANGE", Errc::invalid},
                                                {"UNIMPLEMENTED", Errc::invalid},
                                                {"INTERNAL", Errc::uncertain},
                                                {"UNAVAILABLE", Errc::uncertain},
                                                {"DATA_LOSS", Errc::uncertain},
                                                {"UNAUTHENTICATED", Errc::permission}}};

const Meaning* meaning_of(int code) {
  if (code < 0 || static_cast<std::size_t>(code) >= kMeanings.size()) return nullptr;
  return &kMeanings[static_cast<std::size_t>(code)];
}

}  // namespace

std::string_view code_name(int code) {
  const Meaning* meaning = meaning_of(code);
  return meaning == nullptr ? "" : meaning->name;
}

std::string to_text(const RpcProblem& problem) {
  const std::string said = in_one_line(problem.text);
  if (problem.not_sent) return problem.rpc + ": not sent: the deadline is over";
  if (problem.unreadable)
    return problem.rpc + ": an answer that cannot be read" + (said.empty() ? "" : ": " + said);
  return fmt::format("{}: {} ({}){}{}", problem.rpc, code_name(problem.code), problem.code,
                     said.empty() ? "" : ": ", said);
}

Error error_of_change(const RpcProblem& problem) {
  const Meaning* meaning = meaning_of(problem.code);
  Errc code = meaning == nullptr ? Errc::uncertain : meaning->of_change;
  if (problem.unreadable) code = Errc::uncertain;
  if (problem.not_sent) code = Errc::unavailable;
  return {code, to_text(problem)};
}

Error error_of_look(const RpcProblem& problem) {
  Error error = error_of_change(problem);
  if (error.code == Errc::uncertain) error.code = Errc::unavailable;
  return error;
}

}  // namespace extvold::providers::csi
