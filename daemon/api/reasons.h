// The reasons of `blocked`: for each stable word, what a person does about it. docs/operations.md says the
// same at length; a test keeps this list, that page and the reconcilers in step.
//
// Constants; any thread.
#pragma once

#include <span>
#include <string_view>

namespace extvold::daemon::api {

struct Reason {
  std::string_view word;
  std::string_view remedy;  // one sentence
};

std::span<const Reason> reasons();                  // sorted by word
std::string_view remedy_of(std::string_view word);  // empty: not a word of this version

}  // namespace extvold::daemon::api
