// The YAML that REX-Ray 0.1 and 0.2 print, and no other: a list of flat objects, each with at most lists of
// flat objects below it (`attachments`). Pure function, any thread.
//
//   - name: persistent-data
//     volumeid: vol-425e94af
//     size: "10"
//     attachments:
//     - volumeid: vol-425e94af
//       instanceid: i-1234
//
// A text of more than 80 columns goes on in the next line, two columns further in than its key.
//
// A whole YAML reader would bring in a language (anchors, tags, several documents, five ways to write a text)
// of which this program writes nothing; what is not of this shape is refused with its line.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "model/result.h"

namespace extvold::providers::rexray {

// A JSON list of objects; every scalar is a text. An empty text is an empty list (that is what the program
// prints then); one that does not end with a line feed was cut off. Errc::internal.
Result<nlohmann::json> read_yaml_list(std::string_view text);

}  // namespace extvold::providers::rexray
