// What the renderers share. Pure functions of JSON.
#pragma once

#include "daemon/cli/render.h"
#include "daemon/cli/table.h"

namespace extvold::daemon::cli {

std::string plain_text(const Json& json);
// A member as text: null and absent are empty, true and false are yes and no. Printable.
std::string text_of(const Json& json, std::string_view name);
std::int64_t number_of(const Json& json, std::string_view name);
const Json& part(const Json& json, std::string_view name);     // null if it is not there
const Json& list_of(const Json& json, std::string_view name);  // empty if it is none
std::string joined(const Json& list, std::string_view between = ", ");

// "2026-01-31T10:11:12Z" without fractions.
std::string short_time(const std::string& time);

// How a word of a state is painted wherever it stands.
Paint paint_of(std::string_view word);

// "registered 2, absent 1": the words that count more than 0; "none" if there is no such.
std::string counts_text(const Json& counts);

std::string render_claims(const Json& claims, Style style);
std::string render_attachments(const Json& attachments, Style style);
std::string render_blocked(const Json& rows, Style style);

}  // namespace extvold::daemon::cli
