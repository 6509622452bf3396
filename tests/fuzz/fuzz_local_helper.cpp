// What the local provider reads that others wrote: a helper's answers, sidecars, attachment records, marks of
// fences, requests, names. The first byte picks the parser. What is accepted must survive being written and
// read again.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>

#include "model/check.h"
#include "providers/local/helper_messages.h"
#include "providers/local/layout.h"

namespace local = extvold::providers::local;

namespace {

using extvold::Result;

void read_operation_answer(std::string_view text) {
  const Result<local::OperationAnswer> answer = local::parse_operation_answer(text);
  if (!answer) return;
  nlohmann::json again = local::answer_json(*answer);
  again["ok"] = true;
  const Result<local::OperationAnswer> second = local::parse_operation_answer(again.dump());
  EXTVOLD_CHECK(second && *second == *answer);
}

void read_fence_answer(std::string_view text) {
  const Result<local::FenceAnswer> answer = local::parse_fence_answer(text);
  if (!answer) return;
  nlohmann::json again = local::answer_json(*answer);
  again["ok"] = true;
  const Result<local::FenceAnswer> second = local::parse_fence_answer(again.dump());
  EXTVOLD_CHECK(second && *second == *answer);
}

void read_observe_answer(std::string_view text) {
  const Result<local::ObserveAnswer> answer = local::parse_observe_answer(text);
  if (!answer) return;
  nlohmann::json again = local::answer_json(*answer);
  again["ok"] = true;
  const Result<local::ObserveAnswer> second = local::parse_observe_answer(again.dump());
  EXTVOLD_CHECK(second && second->volumes == answer->volumes && second->hosts == answer->hosts);
}

void read_request(std::string_view text) {
  const nlohmann::json value = nlohmann::json::parse(text, nullptr, false);
  const Result<local::HelperRequest> request = local::parse_request(value);
  if (!request) return;
  const nlohmann::json again = nlohmann::json::parse(local::request_text("x", *request), nullptr, false);
  const Result<local::HelperRequest> second = local::parse_request(again);
  EXTVOLD_CHECK(second && *second == *request);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 8) {
    case 0:
      read_operation_answer(text);
      break;
    case 1:
      read_observe_answer(text);
      break;
    case 2: {
      const Result<local::Sidecar> sidecar = local::parse_sidecar(text);
      if (sidecar) EXTVOLD_CHECK(*local::parse_sidecar(local::sidecar_text(*sidecar)) == *sidecar);
      break;
    }
    case 3: {
      const Result<local::AttachmentRecord> record = local::parse_record(text);
      if (record) EXTVOLD_CHECK(*local::parse_record(local::record_text(*record)) == *record);
      break;
    }
    case 4:
      read_request(text);
      break;
    case 5: {
      const auto ref = local::volume_ref_from_text(text);
      if (ref) EXTVOLD_CHECK(local::to_text(*ref) == text);
      break;
    }
    case 6:
      read_fence_answer(text);
      break;
    case 7: {
      const Result<local::FenceMarks> marks = local::parse_marks(text);
      if (marks) EXTVOLD_CHECK(*local::parse_marks(local::marks_text(*marks)) == *marks);
      break;
    }
  }
  return 0;
}
