// RpcStatus: what a driver's gRPC code means for whoever asked. Pure functions, any thread.
//
// The specification gives each call its codes; beyond them drivers answer what they like: an RPC that is not
// there with INTERNAL, a storage that was not reached in time with UNKNOWN. So after a change everything
// counts as perhaps done that is not one of the codes by which a driver says that it did nothing.
#pragma once

#include <string>
#include <string_view>

#include "model/result.h"

namespace extvold::providers::csi {

// A call that did not end with an answer.
struct RpcProblem {
  std::string rpc;  // "CreateVolume"
  int code = 0;     // gRPC's
  std::string text;
  bool unreadable = false;  // answered, by something that is no answer
  bool not_sent = false;    // the deadline was over before it could leave
};

std::string_view code_name(int code);  // "RESOURCE_EXHAUSTED"; "" for a number that gRPC does not have

// "CreateVolume: RESOURCE_EXHAUSTED (8): no space", in one line and bounded.
std::string to_text(const RpcProblem& problem);

// Of a call that changes something: Errc::uncertain if it may have happened.
Error error_of_change(const RpcProblem& problem);

// Of a call that only looks: nothing happened, so what would be uncertain is unavailable.
Error error_of_look(const RpcProblem& problem);

}  // namespace extvold::providers::csi
