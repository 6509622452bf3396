// decode_element(): one element of a snapshot or poll, with its place, to one event.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "daemon/ingest/element_scanner.h"
#include "daemon/ingest/record_codec.h"
#include "model/mesos.h"

namespace extvold::ingest {

// Appends the event of an element that stood at `place`, which must be one of the lists of the master's
// answers. After an error `out` is as it was.
Status decode_element(RecordCodec& codec, Place place, std::string_view json, ElementOrigin origin,
                      std::vector<MesosEvent>& out);

// The inside of a JSON string without escapes; empty if it is none.
std::string_view plain_text(std::string_view json);
// A JSON number.
std::optional<double> plain_number(std::string_view json);

// Appends a T and fills it with read(T&) → Status; takes it away again after an error.
template <typename T, typename Read>
Status append_event(std::vector<MesosEvent>& out, Read&& read) {
  T& event = std::get<T>(out.emplace_back(std::in_place_type<T>));
  Status status = read(event);
  if (!status) out.pop_back();
  return status;
}

}  // namespace extvold::ingest
