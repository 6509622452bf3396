// rexray.format: the helper's verb (host/helper.h) that makes a filesystem on a device which the program
// `rexray` has attached to this host, and its messages.
//
// REX-Ray's own `format-device` (`device format`) knows three filesystems and overwrites whatever else it
// finds; 0.3.3 has lost the command. So a volume is formatted under the guard that all volumes have
// (host/mkfs.h): the whole device is probed, has the size that the ledger says, and is used by nobody. Pure
// functions, any thread, except what the verb itself does, in the helper's process.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "host/helper.h"
#include "model/result.h"
#include "model/storage.h"

namespace extvold::providers::rexray {

struct FormatOrder {
  std::string device;
  std::int64_t size_mb = 0;
  Filesystem filesystem = Filesystem::ext4;
  std::string key;  // of the volume: the filesystem's label and UUID follow from it
  bool operator==(const FormatOrder&) const = default;
};

struct FormatAnswer {
  bool changed = false;  // else its filesystem was there already
  bool refused = false;
  std::string reason;  // of a refusal, in one line
  bool operator==(const FormatAnswer&) const = default;
};

std::string format_request_text(const FormatOrder& order);
Result<FormatOrder> parse_format_order(const nlohmann::json& request);
std::string format_answer_text(const FormatAnswer& answer);
// What the helper printed. Its error if it told one; Errc::uncertain if it is no proper answer.
Result<FormatAnswer> parse_format_answer(std::string_view output);

// For host::helper_main() in the daemon's main().
std::span<const host::HelperVerb> helper_verbs();

}  // namespace extvold::providers::rexray
