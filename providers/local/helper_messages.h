// What the `local` provider and its helper say to each other (host/helper.h has the frame). Plain values
// and their JSON; the parsers are strict: an answer that is not exactly as expected is no answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/call.h"
#include "model/observation.h"
#include "providers/local/layout.h"

namespace extvold::providers::local {

// Every verb's request; a verb reads what concerns it.
struct HelperRequest {
  std::string root;
  std::string hosts_dir;
  std::vector<LocalPool> pools;
  std::string ref;  // provider_ref; observe: empty for everything
  std::string ledger_id;
  VolumeOrigin origin = VolumeOrigin::created;
  std::int64_t size_mb = 0;
  std::int64_t iops = 0;
  Filesystem filesystem = Filesystem::none;
  AccessMode access = AccessMode::rw;
  std::string source_ref;   // create: the volume to clone
  std::string host;         // attach, detach, format, and of a fence
  std::string device;       // format: as recorded when attaching, or empty
  std::string mount_point;  // attach: where to mount; empty: not at all
  bool read_only = false;
  Generation generation;  // of the operation; fence: of the attachment that it is to end
  std::string fence_key;  // fence, check_fence, unfence
  bool operator==(const HelperRequest&) const = default;
};

std::string request_text(std::string_view verb, const HelperRequest& request);
Result<HelperRequest> parse_request(const nlohmann::json& request);

// The answers of the verbs that change something, in one shape.
struct OperationAnswer {
  bool changed = false;
  std::string ref;           // create
  std::int64_t size_mb = 0;  // create
  std::string device;        // attach
  std::string boot_id;       // attach, format
  bool mounted = false;      // attach
  bool refused = false;      // format
  std::string reason;        // of the refusal
  bool operator==(const OperationAnswer&) const = default;
};
nlohmann::json answer_json(const OperationAnswer& answer);

// Of check_fence: what is seen, one sentence.
struct FenceAnswer {
  TriState held = TriState::unknown;
  std::string seen;
  bool operator==(const FenceAnswer&) const = default;
};
nlohmann::json answer_json(const FenceAnswer& answer);

struct ObserveAnswer {
  bool complete = false;
  std::string why_incomplete;
  std::vector<ObservedVolume> volumes;
  std::vector<ObservedHost> hosts;
  std::vector<Pool> pools;  // without provider and IOPS, which the configuration knows
};
nlohmann::json answer_json(const ObserveAnswer& answer);

// Of a helper's whole standard output. An {"ok":false} comes out as the Error that it carries. Anything
// that is not one whole, strict answer is Errc::uncertain.
Result<OperationAnswer> parse_operation_answer(std::string_view output);
Result<FenceAnswer> parse_fence_answer(std::string_view output);
Result<ObserveAnswer> parse_observe_answer(std::string_view output);

}  // namespace extvold::providers::local
