// What REX-Ray says of volumes, read into StorageVolume. Foreign bytes: whatever is not as it should be is an
// error in words, never a guess. Pure functions, any thread; nothing here throws.
//
// Two shapes. libStorage's, of its API and of the program since 0.4:
//   {"id":"vfs-000","name":"pg0","size":1,"type":"","attachments":[{"instanceID":{"id":"a1",…},
//    "deviceName":"/dev/xvda","status":"attached","volumeID":"vfs-000"}],"attachmentState":2}
// and the older program's, whose keys are VolumeID, Name, Size (a text), InstanceID (a text), DeviceName, in
// lower case where it writes YAML. The keys are compared without case, as Go writes and reads them.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "providers/rexray/storage.h"

namespace extvold::providers::rexray {

// Whether a volume that lists no attachment has none is told by attachmentState alone, which libStorage has
// since 0.3.3 (REX-Ray 0.6.1) and only where attachments were asked for. What came before has no such field;
// if it is there all the same (another program was installed since we asked), it counts.
enum class StateField { needed, unknown };

// Where it counts, a volume of which attachmentState does not say whether it is attached is an error; one
// that is, and names nobody, has one attachment without a host.
Result<StorageVolume> read_volume(const nlohmann::json& value, StateField state);

// A JSON list of volumes; `null` is an empty one. An element that cannot be read makes it unreadable, not
// shorter without a word. Errors: `value` is no list.
Result<StorageList> read_volume_list(const nlohmann::json& value, StateField state);

// An object keyed by id, as the API answers where attachments were asked for.
Result<StorageList> read_volume_map(const nlohmann::json& value);

}  // namespace extvold::providers::rexray
