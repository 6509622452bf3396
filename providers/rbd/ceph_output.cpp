#include "providers/rbd/ceph_output.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "providers/foreign_text.h"

namespace extvold::providers::rbd {
namespace {

using nlohmann::json;

constexpr std::int64_t kBytesMax = std::int64_t{1} << 60;

tl::unexpected<Error> bad(std::string_view what, std::string_view why) {
  return fail(Errc::corrupt, "the answer of {} makes no sense: {}", what, why);
}

Result<json> parsed(std::string_view what, std::string_view text) {
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) return bad(what, "it is no JSON: " + in_one_line(text, 100));
  return value;
}

// The first complaint is kept, as in JsonFields (providers/json_fields.h); but what is not asked for may
// stand there.
class Reader {
 public:
  explicit Reader(const json& object) : object_(object) {
    if (!object.is_object()) complaint_ = "no object where one is due";
  }

  const json* find(const char* name) const {
    if (!object_.is_object()) return nullptr;
    const auto at = object_.find(name);
    return at == object_.end() ? nullptr : &*at;
  }
  std::string text(const char* name) {
    const json* value = find(name);
    if (value != nullptr && value->is_string()) return value->get<std::string>();
    return complain<std::string>(name);
  }
  std::int64_t bytes(const char* name) {
    const json* value = find(name);
    if (value == nullptr || !value->is_number_integer()) return complain<std::int64_t>(name);
    const auto number = value->get<std::int64_t>();
    return number >= 0 && number <= kBytesMax ? number : complain<std::int64_t>(name);
  }
  Status done(std::string_view what) const {
    if (complaint_.empty()) return {};
    return bad(what, complaint_);
  }

 private:
  template <typename T>
  T complain(const char* name) {
    if (complaint_.empty()) complaint_ = fmt::format("\"{}\" is missing or of another kind", name);
    return T{};
  }

  const json& object_;
  std::string complaint_;
};

Result<json> parsed_array(std::string_view what, std::string_view text) {
  ASSIGN(json value, parsed(what, text));
  if (!value.is_array()) return bad(what, "no list");
  return value;
}

template <typename Number>
bool take_number(std::string_view& text, std::size_t digits, Number& out) {
  if (text.size() < digits) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + digits, out);
  if (error != std::errc() || end != text.data() + digits || out < 0) return false;
  text.remove_prefix(digits);
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// ".301499", as many digits as there are.
std::int64_t take_fraction_ns(std::string_view& text) {
  std::int64_t ns = 0;
  std::int64_t unit = 100'000'000;
  if (!take(text, '.')) return 0;
  for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; text.remove_prefix(1), unit /= 10)
    ns += (text.front() - '0') * unit;
  return ns;
}

int hex_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// "00000000  6c 65 64 20 31 31 35 65  38 62 ...  |led 115e8b...|": up to sixteen bytes, after the offset.
bool take_dumped(std::string_view line, std::size_t due, std::string& out) {
  constexpr std::size_t kOffset = 8;
  line.remove_prefix(std::min(kOffset, line.size()));
  for (std::size_t i = 0; i < due; ++i) {
    while (take(line, ' ')) {
    }
    if (line.size() < 2) return false;
    const int high = hex_of(line[0]);
    const int low = hex_of(line[1]);
    if (high < 0 || low < 0) return false;
    out += static_cast<char>(high * 16 + low);
    line.remove_prefix(2);
  }
  return true;
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// {"addrvec":[{"type":"v2","addr":"10.99.0.1:6802","nonce":14859},...]}. An OSD that never ran has none.
void add_addresses(const json* of, std::vector<AddressRange>& out) {
  const json* list = of == nullptr ? nullptr : Reader(*of).find("addrvec");
  if (list == nullptr || !list->is_array()) return;
  for (const json& one : *list) {
    const auto client = client_address_from_text(Reader(one).text("addr") + "/0");
    if (client && std::find(out.begin(), out.end(), client->address) == out.end())
      out.push_back(client->address);
  }
}

}  // namespace

Result<std::vector<std::string>> parse_names(std::string_view text) {
  ASSIGN(const json list, parsed_array("rbd ls", text));
  std::vector<std::string> names;
  for (const json& one : list) {
    if (!one.is_string() || one.get_ref<const std::string&>().empty()) return bad("rbd ls", "an empty name");
    names.push_back(one.get<std::string>());
  }
  return names;
}

Result<std::vector<ImageRow>> parse_rows(std::string_view text) {
  ASSIGN(const json list, parsed_array("rbd ls -l", text));
  std::vector<ImageRow> rows;
  for (const json& one : list) {
    Reader in(one);
    if (in.find("snapshot") != nullptr) continue;
    ImageRow row{in.text("image"), in.text("id"), in.bytes("size")};
    TRY(in.done("rbd ls -l"));
    rows.push_back(std::move(row));
  }
  return rows;
}

Result<ImageInfo> parse_info(std::string_view text) {
  ASSIGN(const json value, parsed("rbd info", text));
  Reader in(value);
  ImageInfo info{in.text("name"), in.text("id"), in.bytes("size"), in.bytes("snapshot_count"), {}};
  TRY(in.done("rbd info"));
  if (const json* parent = in.find("parent")) {
    Reader of(*parent);
    info.parent = ParentSnapshot{of.text("pool"), of.text("image"), of.text("snapshot")};
    TRY(of.done("rbd info"));
  }
  return info;
}

Result<std::vector<ClientAddress>> parse_watchers(std::string_view text) {
  ASSIGN(const json value, parsed("rbd status", text));
  const json* list = Reader(value).find("watchers");
  if (list == nullptr || !(list->is_array() || list->is_object()))
    return bad("rbd status", "\"watchers\" is missing or of another kind");
  std::vector<ClientAddress> clients;
  for (const json& one : *list) {  // of an object: its values
    Reader in(one);
    const std::string address = in.text("address");
    TRY(in.done("rbd status"));
    const auto client = client_address_from_text(address);
    if (!client) return bad("rbd status", "no address: " + in_one_line(address, 100));
    clients.push_back(*client);
  }
  return clients;
}

Result<std::vector<Snapshot>> parse_snapshots(std::string_view text) {
  ASSIGN(const json list, parsed_array("rbd snap ls", text));
  std::vector<Snapshot> snapshots;
  for (const json& one : list) {
    Reader in(one);
    Snapshot snapshot{in.text("name"), in.text("protected") == "true"};
    TRY(in.done("rbd snap ls"));
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

Result<std::vector<std::string>> parse_clones(std::string_view text) {
  ASSIGN(const json list, parsed_array("rbd children", text));
  std::vector<std::string> clones;
  for (const json& one : list) {
    Reader in(one);
    clones.push_back(in.text("pool") + "/" + in.text("image"));
    TRY(in.done("rbd children"));
  }
  return clones;
}

Result<std::string> parse_omap_value(std::string_view text) {
  constexpr std::string_view kWhat = "rados getomapval";
  constexpr std::size_t kValueMax = 4096;
  constexpr std::size_t kBytesALine = 16;
  std::string_view head = take_line(text);
  constexpr std::string_view kHead = "value (";
  constexpr std::string_view kTail = " bytes) :";
  std::size_t size = 0;
  if (head.substr(0, kHead.size()) != kHead) return bad(kWhat, "it does not begin with the size");
  head.remove_prefix(kHead.size());
  const auto [end, error] = std::from_chars(head.data(), head.data() + head.size(), size);
  const std::string_view rest(end, static_cast<std::size_t>(head.data() + head.size() - end));
  if (error != std::errc() || rest != kTail || size > kValueMax) return bad(kWhat, "the size");
  std::string value;
  while (value.size() < size) {
    if (!take_dumped(take_line(text), std::min(kBytesALine, size - value.size()), value))
      return bad(kWhat, "it is cut off");
  }
  return value;
}

Result<std::string> parse_listed_id(std::string_view text) {
  constexpr std::size_t kLengthBytes = 4;
  ASSIGN(const std::string value, parse_omap_value(text));
  if (value.size() <= kLengthBytes) return bad("rados getomapval", "no id of an image");
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i)
    length |= std::size_t{static_cast<unsigned char>(value[i])} << (8 * i);
  const std::string id = value.substr(kLengthBytes);
  const bool plain = std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isalnum(c) != 0; });
  if (length != id.size() || !plain) return bad("rados getomapval", "no id of an image");
  return id;
}

Result<std::vector<PoolUse>> parse_df(std::string_view text) {
  ASSIGN(const json value, parsed("ceph df", text));
  const json* list = Reader(value).find("pools");
  if (list == nullptr || !list->is_array()) return bad("ceph df", "no list of pools");
  std::vector<PoolUse> pools;
  for (const json& one : *list) {
    Reader in(one);
    PoolUse pool;
    pool.name = in.text("name");
    TRY(in.done("ceph df"));
    const json* stats = in.find("stats");
    if (stats == nullptr) return bad("ceph df", "a pool without numbers");
    Reader of(*stats);
    pool.stored_bytes = of.bytes("stored");
    pool.free_bytes = of.bytes("max_avail");
    TRY(of.done("ceph df"));
    pools.push_back(std::move(pool));
  }
  return pools;
}

Result<std::vector<AddressRange>> parse_monitors(std::string_view text) {
  ASSIGN(const json value, parsed("ceph mon dump", text));
  const json* list = Reader(value).find("mons");
  if (list == nullptr || !list->is_array()) return bad("ceph mon dump", "no list of monitors");
  std::vector<AddressRange> monitors;
  for (const json& one : *list) add_addresses(Reader(one).find("public_addrs"), monitors);
  if (monitors.empty()) return bad("ceph mon dump", "no monitor has an address");
  return monitors;
}

Result<Blocklist> parse_osd_dump(std::string_view text) {
  constexpr std::string_view kWhat = "ceph osd dump";
  ASSIGN(const json value, parsed(kWhat, text));
  Reader in(value);
  Blocklist list;
  list.epoch = in.bytes("epoch");
  TRY(in.done(kWhat));
  const json* clients = in.find("blocklist");
  const json* ranges = in.find("range_blocklist");
  if (clients == nullptr || !clients->is_object())
    return bad(kWhat, "no \"blocklist\": is this Ceph older than 16?");
  for (const auto& [name, until] : clients->items()) {
    const auto client = client_address_from_text(name);
    const auto end =
        until.is_string() ? wall_time_from_text(until.get_ref<const std::string&>()) : std::nullopt;
    if (!client || !end) return bad(kWhat, "an entry of the blocklist: " + in_one_line(name, 100));
    list.clients.push_back({*client, *end});
  }
  if (const json* osds = in.find("osds"); osds != nullptr && osds->is_array()) {
    for (const json& one : *osds) {
      for (const char* network : {"public_addrs", "cluster_addrs"})
        add_addresses(Reader(one).find(network), list.osds);
    }
  }
  if (ranges == nullptr) return list;  // before 16.2.?: it has none
  if (!ranges->is_object()) return bad(kWhat, "\"range_blocklist\"");
  for (const auto& [name, until] : ranges->items()) {
    const auto range = blocked_range_from_text(name);
    const auto end =
        until.is_string() ? wall_time_from_text(until.get_ref<const std::string&>()) : std::nullopt;
    if (!range || !end) return bad(kWhat, "an entry of the range blocklist: " + in_one_line(name, 100));
    list.ranges.push_back({*range, *end});
  }
  return list;
}

std::optional<WallTime> wall_time_from_text(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  std::int64_t hour = 0;
  std::int64_t minute = 0;
  std::int64_t second = 0;
  if (!take_number(text, 4, year) || !take(text, '-') || !take_number(text, 2, month) || !take(text, '-') ||
      !take_number(text, 2, day) || !(take(text, 'T') || take(text, ' ')) || !take_number(text, 2, hour) ||
      !take(text, ':') || !take_number(text, 2, minute) || !take(text, ':') || !take_number(text, 2, second))
    return std::nullopt;
  const std::int64_t fraction_ns = take_fraction_ns(text);
  std::int64_t zone_hours = 0;
  std::int64_t zone_minutes = 0;
  std::int64_t sign = 0;
  if (take(text, '+'))
    sign = 1;
  else if (take(text, '-'))
    sign = -1;
  if (sign != 0 && (!take_number(text, 2, zone_hours) || !take_number(text, 2, zone_minutes)))
    return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(month),
                                         std::chrono::day(day)};
  constexpr int kYearMax = 2262;  // what nanoseconds since 1970 reach
  if (!text.empty() || !date.ok() || year < 1970 || year >= kYearMax || hour > 23 || minute > 59 ||
      second > 60)
    return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  const std::int64_t zone = sign * (zone_hours * 3600 + zone_minutes * 60);
  return WallTime{(days * 86400 + hour * 3600 + minute * 60 + second - zone) * 1'000'000'000 + fraction_ns};
}

}  // namespace extvold::providers::rbd
