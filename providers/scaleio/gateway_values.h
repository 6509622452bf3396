// What a ScaleIO gateway answers, as values. Pure functions of foreign bytes, any thread; nothing here
// throws. A number or a boolean may come as itself or as a text: versions differ.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace extvold::providers::scaleio {

enum class MappedAs { writable, read_only, no_access };

struct SdcMapping {
  std::string sdc_id;
  std::int64_t limit_iops = 0;  // 0: none
  std::int64_t limit_mb = 0;    // per second; 0: none
  MappedAs access = MappedAs::writable;
  bool operator==(const SdcMapping&) const = default;
};

struct GatewayVolume {
  std::string id;
  std::string name;  // empty: it has none
  std::string pool_id;
  std::string ancestor_id;  // of a snapshot, as long as that is there
  std::int64_t size_mb = 0;
  bool is_read_only = false;        // nobody can be given it writable: as 3.5 and later make a snapshot
  bool to_all_sdcs = false;         // every SDC reaches it
  bool to_scsi_initiators = false;  // somebody reaches it who is no SDC
  std::vector<SdcMapping> mappings;
  bool operator==(const GatewayVolume&) const = default;
};

struct GatewaySdc {
  std::string id;
  std::string guid;   // in upper case; empty: it has none
  std::string state;  // of its connection to the MDM, for people
  bool operator==(const GatewaySdc&) const = default;
};

struct GatewayPool {
  std::string id;
  std::string name;
  std::string domain_id;
  bool is_erasure_coded = false;  // of "generation 2": other sizes, other statistics
  bool operator==(const GatewayPool&) const = default;
};

struct Capacity {
  std::int64_t total_mb = 0;
  std::int64_t free_mb = 0;
  bool operator==(const Capacity&) const = default;
};

// Whatever makes no sense is Errc::uncertain.
Result<GatewayVolume> volume_of(const nlohmann::json& value);
Result<std::vector<GatewayVolume>> volumes_of(const nlohmann::json& value);
Result<std::vector<GatewaySdc>> sdcs_of(const nlohmann::json& value);
Result<std::vector<GatewayPool>> pools_of(const nlohmann::json& value);
// id → name, of a list of anything.
Result<std::map<std::string, std::string>> names_of(const nlohmann::json& value);
inline constexpr std::size_t kTextBytesMax = 4096;
inline constexpr std::size_t kTokenBytesMax = 16U << 10U;
// A bare text, as tokens, versions and ids are answered.
Result<std::string> text_in(const nlohmann::json& value, std::string_view what,
                            std::size_t bytes_max = kTextBytesMax);
// Nothing: it is not there, or no whole number of at least 0.
std::optional<std::int64_t> number_in(const nlohmann::json& object, const char* name);

// What of the version that the gateway says is the API's: "2.0" of "2.0.1", which it does not take back
// itself (404 or 406). Empty: it is no version.
std::string api_version(std::string_view told);

// The properties that tell a pool's capacity, by API version, and what they say.
bool is_at_least(std::string_view version, int major);
std::vector<std::string> capacity_properties(std::string_view version);
Result<Capacity> capacity_of(const nlohmann::json& statistics, std::string_view version);

// The newest sample of a volume's statistics.
struct WriteSample {
  std::int64_t writes = 0;
  std::optional<std::int64_t> seconds;  // how long it is
};
Result<WriteSample> writes_in(const nlohmann::json& statistics);

std::string upper_case(std::string_view text);

}  // namespace extvold::providers::scaleio
