// What the csi provider reads that a driver wrote: pages of volumes, single volumes, addresses that are
// barred, texts of errors. The first byte picks the reader.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/check.h"
#include "providers/csi/addresses.h"
#include "providers/csi/rpc_status.h"
#include "providers/csi/seen_volumes.h"

namespace driver = extvold::providers::csi;

namespace {

void check_seen(const driver::SeenVolume& seen, bool lists_nodes) {
  EXTVOLD_CHECK(!seen.id.empty() && seen.size_mb >= 0);
  EXTVOLD_CHECK(lists_nodes || seen.nodes.empty());
  for (std::size_t i = 0; i < seen.nodes.size(); ++i)
    EXTVOLD_CHECK(!seen.nodes[i].empty() && (i == 0 || seen.nodes[i - 1] < seen.nodes[i]));
}

void read_volumes(const std::string& bytes, bool lists_nodes) {
  driver::DriverCapabilities can;
  if (lists_nodes) can.add(driver::Rpc::LIST_VOLUMES_PUBLISHED_NODES);
  driver::pb::ListVolumesResponse page;
  driver::SeenVolumes volumes;
  if (page.ParseFromString(bytes) && driver::read_page(can, page, volumes)) {
    for (const auto& [id, one] : volumes) {
      EXTVOLD_CHECK(one.id == id);
      check_seen(one, lists_nodes);
    }
  }
  driver::pb::ControllerGetVolumeResponse answer;
  if (!answer.ParseFromString(bytes)) return;
  if (const auto seen = driver::read_volume(can, answer.volume().volume_id(), answer))
    check_seen(*seen, lists_nodes);
}

void read_addresses(std::string_view text) {
  const auto range = driver::address_range_from_text(text);
  if (!range) return;
  const auto again = driver::address_range_from_text(driver::to_text(*range));
  EXTVOLD_CHECK(again && *again == *range && driver::covers(*range, *again));
  if (text.size() < 2) return;
  const auto other = driver::address_range_from_text(text.substr(1));
  if (other && driver::covers(*range, *other) && driver::covers(*other, *range))
    EXTVOLD_CHECK(*range == *other);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      read_volumes(std::string(text), true);
      break;
    case 1:
      read_volumes(std::string(text), false);
      break;
    case 2:
      read_addresses(text);
      break;
    case 3: {
      driver::RpcProblem problem;
      problem.rpc = "CreateVolume";
      problem.code = text.empty() ? 0 : text.front();
      problem.text = std::string(text);
      const std::string shown = driver::error_of_change(problem).message;
      EXTVOLD_CHECK(shown.size() < 1000 && shown.find('\n') == std::string::npos);
      EXTVOLD_CHECK(driver::error_of_look(problem).code != extvold::Errc::uncertain);
      break;
    }
  }
  return 0;
}
