#include "providers/local/verbs.h"

#include <array>
#include <nlohmann/json.hpp>

#include "providers/local/volume_files.h"

namespace extvold::providers::local {
namespace {

using nlohmann::json;

template <auto verb>
Result<json> run_verb(const json& value) {
  ASSIGN(HelperRequest request, parse_request(value));
  ASSIGN(const Site site, open_site(request.root, request.hosts_dir, request.pools));
  ASSIGN(const auto answer, verb(site, request));
  return answer_json(answer);
}

Result<json> run_observe(const json& value) {
  ASSIGN(const HelperRequest request, parse_request(value));
  return answer_json(observe_volumes(request));
}

}  // namespace

std::span<const host::HelperVerb> helper_verbs() {
  static const std::array<host::HelperVerb, 10> verbs = {{
      {"local.create", &run_verb<&create_volume>},
      {"local.remove", &run_verb<&remove_volume>},
      {"local.resize", &run_verb<&resize_volume>},
      {"local.attach", &run_verb<&attach_volume>},
      {"local.detach", &run_verb<&detach_volume>},
      {"local.format", &run_verb<&format_volume>},
      {"local.fence", &run_verb<&fence_volume>},
      {"local.check_fence", &run_verb<&check_fence>},
      {"local.unfence", &run_verb<&unfence_volume>},
      {"local.observe", &run_observe},
  }};
  return verbs;
}

}  // namespace extvold::providers::local
