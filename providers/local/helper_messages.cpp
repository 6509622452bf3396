#include "providers/local/helper_messages.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "host/helper.h"
#include "providers/json_fields.h"

namespace extvold::providers::local {
namespace {

using nlohmann::json;

constexpr std::size_t kMessageMax = 1024;

// Readable in a log line and in SQL: no control characters, bounded.
std::string bounded(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = ' ';
  }
  if (text.size() <= kMessageMax) return text;
  std::size_t end = kMessageMax - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;  // not within a character of UTF-8
  return text.substr(0, end) + "...";
}

tl::unexpected<Error> no_answer(std::string_view why) {
  return fail(Errc::uncertain, "the host helper gave no proper answer: {}", bounded(std::string(why)));
}

// The answer's object if ok; its error if not.
Result<json> open_answer(std::string_view output) {
  json answer = json::parse(output, nullptr, false);
  if (!answer.is_object()) return no_answer(output.empty() ? "nothing" : "not JSON");
  JsonFields in(answer, "answer");
  if (in.boolean("ok")) return answer;
  const std::string code = in.text("code", 64);
  const std::string message = in.text("message", std::size_t{1} << 20U);
  if (const Status whole = in.done(); !whole) return no_answer(whole.error().message);
  const Errc errc = errc_from_text(code);
  if (to_text(errc) != code) return no_answer("unknown error code");
  return tl::make_unexpected(Error{errc, bounded(message)});
}

json attachment_json(const ObservedAttachment& attachment) {
  return {{"host", attachment.host_identity},       {"device", attachment.device},
          {"boot_id", attachment.boot_id},          {"read_only", attachment.read_only},
          {"mounted", to_text(attachment.mounted)}, {"open", to_text(attachment.open)},
          {"paths", attachment.mount_paths}};
}

json volume_json(const ObservedVolume& volume) {
  json attachments = json::array();
  for (const ObservedAttachment& attachment : volume.attachments)
    attachments.push_back(attachment_json(attachment));
  return {{"key", volume.key},
          {"ref", volume.provider_ref},
          {"ledger_id", volume.ledger_id},
          {"pool", volume.pool},
          {"size_mb", volume.size_mb},
          {"call_running", to_text(volume.call_running)},
          {"attachments", attachments}};
}

Result<ObservedAttachment> parse_attachment(const json& value) {
  JsonFields in(value, "attachment");
  ObservedAttachment attachment;
  attachment.host_identity = in.text("host", 256);
  attachment.device = in.text("device", 256);
  attachment.boot_id = in.text("boot_id", 256);
  attachment.read_only = in.boolean("read_only");
  attachment.mounted = in.enumerator<TriState>("mounted");
  attachment.open = in.enumerator<TriState>("open");
  for (const json& path : in.array("paths")) {
    const std::string* text = path.get_ptr<const std::string*>();
    if (text == nullptr) return fail(Errc::invalid, "attachment: field paths: not a list of texts");
    attachment.mount_paths.push_back(*text);
  }
  TRY(in.done());
  return attachment;
}

Result<ObservedVolume> parse_volume(const json& value) {
  JsonFields in(value, "volume");
  ObservedVolume volume;
  volume.key = in.text("key");
  volume.provider_ref = in.text("ref");
  volume.ledger_id = in.text("ledger_id", 256);
  volume.pool = in.text("pool", 256);
  volume.size_mb = in.number("size_mb", 0, INT64_MAX);
  volume.call_running = in.enumerator<TriState>("call_running");
  for (const json& one : in.array("attachments")) {
    Result<ObservedAttachment> attachment = parse_attachment(one);
    if (attachment)
      volume.attachments.push_back(*std::move(attachment));
    else
      in.adopt(tl::make_unexpected(attachment.error()));
  }
  TRY(in.done());
  if (volume.key.empty()) return fail(Errc::invalid, "volume: field key: empty");
  return volume;
}

Result<ObservedHost> parse_host(const json& value) {
  JsonFields in(value, "host");
  ObservedHost host;
  host.host_identity = in.text("name", 256);
  host.boot_id = in.text("boot_id", 256);
  host.in_use = in.enumerator<TriState>("in_use");
  TRY(in.done());
  return host;
}

Result<Pool> parse_pool(const json& value) {
  JsonFields in(value, "pool");
  Pool pool;
  pool.name.pool = in.text("name", 256);
  pool.capacity_mb = in.number("capacity_mb", 0, INT64_MAX);
  pool.free_mb = in.number("free_mb", 0, INT64_MAX);
  pool.observed_at.ns = in.number("observed_at_ns", 0, INT64_MAX);
  TRY(in.done());
  return pool;
}

template <typename Value>
void read_list(JsonFields& in, const char* name, Result<Value> (*parse)(const json&),
               std::vector<Value>& out) {
  for (const json& one : in.array(name)) {
    Result<Value> value = parse(one);
    if (!value) {
      in.adopt(tl::make_unexpected(value.error()));
      return;
    }
    out.push_back(*std::move(value));
  }
}

Result<LocalPool> parse_local_pool(const json& value) {
  JsonFields in(value, "pool");
  LocalPool pool;
  pool.name = in.text("name", 64);
  pool.iops = in.number("iops", 0, INT64_MAX);
  pool.capacity_mb = in.number("capacity_mb", 0, kSizeMbMax);
  TRY(in.done());
  return pool;
}

}  // namespace

std::string request_text(std::string_view verb, const HelperRequest& request) {
  json pools = json::array();
  for (const LocalPool& pool : request.pools) {
    pools.push_back({{"name", pool.name}, {"iops", pool.iops}, {"capacity_mb", pool.capacity_mb}});
  }
  const json value = {{"protocol", host::kHelperProtocol},
                      {"verb", verb},
                      {"root", request.root},
                      {"hosts_dir", request.hosts_dir},
                      {"pools", pools},
                      {"ref", request.ref},
                      {"ledger_id", request.ledger_id},
                      {"origin", to_text(request.origin)},
                      {"size_mb", request.size_mb},
                      {"iops", request.iops},
                      {"filesystem", to_text(request.filesystem)},
                      {"access", to_text(request.access)},
                      {"source_ref", request.source_ref},
                      {"host", request.host},
                      {"device", request.device},
                      {"mount_point", request.mount_point},
                      {"read_only", request.read_only},
                      {"incarnation", request.generation.incarnation},
                      {"counter", request.generation.counter},
                      {"fence_key", request.fence_key}};
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<HelperRequest> parse_request(const json& value) {
  JsonFields in(value, "request");
  HelperRequest request;
  in.number("protocol", 0, INT64_MAX);
  in.text("verb", 64);
  request.root = in.text("root");
  request.hosts_dir = in.text("hosts_dir");
  read_list(in, "pools", &parse_local_pool, request.pools);
  request.ref = in.text("ref");
  request.ledger_id = in.text("ledger_id", 200);
  request.origin = in.enumerator<VolumeOrigin>("origin");
  request.size_mb = in.number("size_mb", 0, kSizeMbMax);
  request.iops = in.number("iops", 0, INT64_MAX);
  request.filesystem = in.enumerator<Filesystem>("filesystem");
  request.access = in.enumerator<AccessMode>("access");
  request.source_ref = in.text("source_ref");
  request.host = in.text("host", 256);
  request.device = in.text("device", 256);
  request.mount_point = in.text("mount_point");
  request.read_only = in.boolean("read_only");
  request.generation.incarnation = in.number("incarnation", 0, INT64_MAX);
  request.generation.counter = in.number("counter", 0, INT64_MAX);
  request.fence_key = in.text("fence_key", 256);
  TRY(in.done());
  return request;
}

json answer_json(const OperationAnswer& answer) {
  return {{"changed", answer.changed}, {"ref", answer.ref},         {"size_mb", answer.size_mb},
          {"device", answer.device},   {"boot_id", answer.boot_id}, {"mounted", answer.mounted},
          {"refused", answer.refused}, {"reason", answer.reason}};
}

json answer_json(const FenceAnswer& answer) {
  return {{"held", to_text(answer.held)}, {"seen", answer.seen}};
}

json answer_json(const ObserveAnswer& answer) {
  json volumes = json::array();
  for (const ObservedVolume& volume : answer.volumes) volumes.push_back(volume_json(volume));
  json hosts = json::array();
  for (const ObservedHost& host : answer.hosts)
    hosts.push_back(
        {{"name", host.host_identity}, {"boot_id", host.boot_id}, {"in_use", to_text(host.in_use)}});
  json pools = json::array();
  for (const Pool& pool : answer.pools) {
    pools.push_back({{"name", pool.name.pool},
                     {"capacity_mb", pool.capacity_mb},
                     {"free_mb", pool.free_mb},
                     {"observed_at_ns", pool.observed_at.ns}});
  }
  return {{"complete", answer.complete},
          {"why_incomplete", answer.why_incomplete},
          {"volumes", std::move(volumes)},
          {"hosts", std::move(hosts)},
          {"pools", std::move(pools)}};
}

Result<OperationAnswer> parse_operation_answer(std::string_view output) {
  ASSIGN(const json value, open_answer(output));
  JsonFields in(value, "answer");
  in.boolean("ok");
  OperationAnswer answer;
  answer.changed = in.boolean("changed");
  answer.ref = in.text("ref");
  answer.size_mb = in.number("size_mb", 0, kSizeMbMax);
  answer.device = in.text("device", 256);
  answer.boot_id = in.text("boot_id", 256);
  answer.mounted = in.boolean("mounted");
  answer.refused = in.boolean("refused");
  answer.reason = bounded(in.text("reason", std::size_t{1} << 20U));
  if (const Status whole = in.done(); !whole) return no_answer(whole.error().message);
  return answer;
}

Result<FenceAnswer> parse_fence_answer(std::string_view output) {
  ASSIGN(const json value, open_answer(output));
  JsonFields in(value, "answer");
  in.boolean("ok");
  FenceAnswer answer;
  answer.held = in.enumerator<TriState>("held");
  answer.seen = bounded(in.text("seen", std::size_t{1} << 20U));
  if (const Status whole = in.done(); !whole) return no_answer(whole.error().message);
  return answer;
}

Result<ObserveAnswer> parse_observe_answer(std::string_view output) {
  ASSIGN(const json value, open_answer(output));
  JsonFields in(value, "answer");
  in.boolean("ok");
  ObserveAnswer answer;
  answer.complete = in.boolean("complete");
  answer.why_incomplete = bounded(in.text("why_incomplete", std::size_t{1} << 20U));
  read_list(in, "volumes", &parse_volume, answer.volumes);
  read_list(in, "hosts", &parse_host, answer.hosts);
  read_list(in, "pools", &parse_pool, answer.pools);
  if (const Status whole = in.done(); !whole) return no_answer(whole.error().message);
  for (std::size_t i = 1; i < answer.volumes.size(); ++i) {
    if (!(answer.volumes[i - 1].key < answer.volumes[i].key))
      return no_answer("volumes out of order, or twice");
  }
  return answer;
}

}  // namespace extvold::providers::local
