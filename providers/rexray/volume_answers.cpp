#include "providers/rexray/volume_answers.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <string>

#include "model/ascii.h"
#include "providers/foreign_text.h"

namespace extvold::providers::rexray {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kTextBytesMax = 4096;
constexpr std::int64_t kSizeGbMax = std::int64_t{1} << 30;

// Two keys that differ only in case would mean two things.
Status check_keys(const Json& object) {
  std::set<std::string> keys;
  for (const auto& item : object.items()) {
    if (!keys.insert(lower_case(item.key())).second)
      return fail(Errc::internal, "the field {} is there twice", in_one_line(item.key(), 80));
  }
  return {};
}

const Json* find(const Json& object, std::string_view name) {
  const std::string wanted = lower_case(name);
  for (const auto& item : object.items()) {
    if (lower_case(item.key()) == wanted) return &item.value();
  }
  return nullptr;
}

Result<std::string> text_below(const Json& object, std::string_view name) {
  const Json* value = find(object, name);
  if (value == nullptr || value->is_null()) return std::string();
  const std::string* text = value->get_ptr<const std::string*>();
  if (text == nullptr) return fail(Errc::internal, "{} is not a text", name);
  if (text->size() > kTextBytesMax) return fail(Errc::internal, "{} is too long", name);
  return *text;
}

// A number, or a text that is one (the older program's). Missing: 0, as Go leaves it out.
Result<std::int64_t> size_below(const Json& object) {
  const Json* value = find(object, "size");
  if (value == nullptr || value->is_null()) return 0;
  std::int64_t size = -1;
  if (value->is_number_unsigned()) {
    const auto given = value->get<std::uint64_t>();
    size = given > static_cast<std::uint64_t>(kSizeGbMax) ? -1 : static_cast<std::int64_t>(given);
  } else if (const std::string* text = value->get_ptr<const std::string*>(); text != nullptr) {
    const char* const end = text->data() + text->size();
    const auto read = std::from_chars(text->data(), end, size);
    if (text->empty())
      size = 0;
    else if (read.ec != std::errc() || read.ptr != end)
      size = -1;
  }
  if (size < 0 || size > kSizeGbMax) return fail(Errc::internal, "size is no number of GiB");
  return size;
}

Result<StorageAttachment> read_attachment(const Json& value, const std::string& volume_id) {
  if (!value.is_object()) return fail(Errc::internal, "an attachment is not an object");
  TRY(check_keys(value));
  StorageAttachment out;
  const Json* instance = find(value, "instanceID");
  if (instance != nullptr && instance->is_object()) {
    ASSIGN(out.host, text_below(*instance, "id"));
  } else {
    ASSIGN(out.host, text_below(value, "instanceID"));
  }
  ASSIGN(out.device, text_below(value, "deviceName"));
  ASSIGN(const std::string of, text_below(value, "volumeID"));
  if (!of.empty() && of != volume_id)
    return fail(Errc::internal, "an attachment names the volume \"{}\"", in_one_line(of, 80));
  return out;
}

Status read_attachments(const Json& object, StorageVolume& volume) {
  const Json* list = find(object, "attachments");
  if (list == nullptr || list->is_null()) return {};
  if (!list->is_array()) return fail(Errc::internal, "attachments is not a list");
  for (const Json& one : *list) {
    ASSIGN(StorageAttachment attachment, read_attachment(one, volume.id));
    // The vfs driver lists a host as often as it was attached there.
    const auto same = [&](const StorageAttachment& known) { return known.host == attachment.host; };
    if (std::none_of(volume.attachments.begin(), volume.attachments.end(), same))
      volume.attachments.push_back(std::move(attachment));
  }
  std::sort(volume.attachments.begin(), volume.attachments.end(),
            [](const StorageAttachment& a, const StorageAttachment& b) { return a.host < b.host; });
  return {};
}

// 2: attached to the asker, 3: to nobody, 4: to another. Anything else says nothing of attachments that are
// not listed: 0, which Go leaves out, that they were not looked for, 1 that the driver does not know. Some
// drivers say 4 and name nobody.
Status read_state(const Json& object, StorageVolume& volume) {
  const Json* value = find(object, "attachmentState");
  std::uint64_t state = 0;
  if (value != nullptr && value->is_number_unsigned()) state = value->get<std::uint64_t>();
  if (state == 3) return {};
  if (state != 2 && state != 4)
    return fail(Errc::internal, "REX-Ray does not say whether it is attached (attachmentState {})", state);
  if (volume.attachments.empty()) volume.attachments.emplace_back();
  return {};
}

void add(StorageList& list, Result<StorageVolume> volume) {
  if (volume) {
    list.volumes.push_back(*std::move(volume));
  } else if (list.unreadable.empty()) {
    list.unreadable = fmt::format("a volume cannot be read: {}", volume.error().message);
  }
}

// An id that is there twice names nothing.
void check_ids(StorageList& list) {
  std::set<std::string_view> ids;
  for (const StorageVolume& volume : list.volumes) {
    if (!ids.insert(volume.id).second && list.unreadable.empty())
      list.unreadable = fmt::format("id \"{}\" is there twice", in_one_line(volume.id, 80));
  }
}

}  // namespace

Result<StorageVolume> read_volume(const Json& value, StateField state) {
  if (!value.is_object()) return fail(Errc::internal, "it is not an object");
  TRY(check_keys(value));
  StorageVolume volume;
  const bool older = find(value, "volumeID") != nullptr;
  // The older program leaves nothing out: what is not there was cut off.
  if (older && (find(value, "name") == nullptr || find(value, "size") == nullptr ||
                find(value, "attachments") == nullptr))
    return fail(Errc::internal, "it has no name, size or attachments");
  ASSIGN(volume.id, text_below(value, older ? "volumeID" : "id"));
  if (volume.id.empty()) return fail(Errc::internal, "it has no id");
  const auto of_it = [&](const Error& error) {
    return fail(Errc::internal, "{}: {}", in_one_line(volume.id, 80), error.message);
  };
  Result<std::string> name = text_below(value, "name");
  if (!name) return of_it(name.error());
  Result<std::string> type = text_below(value, older ? "volumeType" : "type");
  if (!type) return of_it(type.error());
  Result<std::string> zone = text_below(value, "availabilityZone");
  if (!zone) return of_it(zone.error());
  Result<std::int64_t> size = size_below(value);
  if (!size) return of_it(size.error());
  volume.name = *std::move(name);
  volume.type = *std::move(type);
  volume.availability_zone = *std::move(zone);
  volume.size_gb = *size;
  if (const Status read = read_attachments(value, volume); !read) return of_it(read.error());
  if (state == StateField::needed || find(value, "attachmentState") != nullptr) {
    if (const Status read = read_state(value, volume); !read) return of_it(read.error());
  }
  return volume;
}

Result<StorageList> read_volume_list(const Json& value, StateField state) {
  if (!value.is_array() && !value.is_null())
    return fail(Errc::internal, "the answer is not a list of volumes");
  StorageList list;
  if (value.is_null()) return list;
  for (const Json& one : value) add(list, read_volume(one, state));
  check_ids(list);
  return list;
}

Result<StorageList> read_volume_map(const Json& value) {
  if (!value.is_object()) return fail(Errc::internal, "the answer is not an object of volumes");
  StorageList list;
  for (const auto& item : value.items()) {
    Result<StorageVolume> volume = read_volume(item.value(), StateField::needed);
    if (volume && volume->id != item.key())
      volume = fail(Errc::internal, "{}: stands below the id \"{}\"", in_one_line(volume->id, 80),
                    in_one_line(item.key(), 80));
    add(list, std::move(volume));
  }
  return list;
}

}  // namespace extvold::providers::rexray
