#include "providers/rexray/error_class.h"

#include <algorithm>
#include <array>
#include <utility>

namespace extvold::providers::rexray {
namespace {

// In this order: what may have happened comes first, whatever else the text says.
constexpr std::array<std::pair<std::string_view, Errc>, 26> kTexts = {{
    {"no device name returned", Errc::uncertain},
    {"no local attachment found", Errc::uncertain},
    {"volume did not attach", Errc::uncertain},
    {"problem with device discovery", Errc::uncertain},
    {"timed out", Errc::uncertain},
    {"Timeout occured waiting for storage action", Errc::uncertain},
    {"Status attempts exhausted", Errc::uncertain},
    {"no volumes found", Errc::conflict},
    {"resource not found", Errc::not_found},
    {"volume name already exists", Errc::conflict},
    {"Volume already exists", Errc::conflict},
    {"volume already attached to a host", Errc::conflict},
    {"volume already attached to another host", Errc::conflict},
    {"volume in wrong state for attach", Errc::conflict},
    {"volume already detached", Errc::conflict},
    {"Volume not attached", Errc::conflict},
    {"volume already attached to instance", Errc::conflict},
    {"missing instance ID", Errc::invalid},
    {"missing next device", Errc::invalid},
    {"validate req schema", Errc::invalid},
    {"volume size too small", Errc::invalid},
    {"unsupported file system", Errc::invalid},
    {"not implemented", Errc::invalid},
    {"error authenticating", Errc::permission},
    {"invalid security token", Errc::permission},
    {"Oops, an error occured!", Errc::unavailable},
}};

}  // namespace

std::optional<Errc> class_of_error(std::string_view text) {
  const auto known = std::find_if(kTexts.begin(), kTexts.end(), [&](const auto& one) {
    return text.find(one.first) != std::string_view::npos;
  });
  if (known == kTexts.end()) return std::nullopt;
  return known->second;
}

}  // namespace extvold::providers::rexray
