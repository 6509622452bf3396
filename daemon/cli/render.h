// The query API's answers as text for people. Pure functions of JSON; the shapes are those of docs/api.md.
// Each ends with a newline, or is empty.
#pragma once

#include <string>

#include "daemon/record/codec.h"

namespace extvold::daemon::cli {

using record::Json;

struct Style {
  bool colours = false;
};

std::string render_status(const Json& status, Style style);
std::string render_volumes(const Json& volumes, Style style);
std::string render_foreign(const Json& volumes, Style style);  // the list of /v1/volumes
std::string render_volume(const Json& volume, Style style);
std::string render_plan(const Json& plan, Style style);
std::string render_history(const Json& history, Style style);
std::string render_agents(const Json& agents, Style style);              // of /v1/agents
std::string render_reservations(const Json& reservations, Style style);  // of /v1/reservations
std::string render_fences(const Json& fences, Style style);              // of /v1/fences
std::string render_fences_of_host(const Json& fences, Style style);      // of /v1/fences/{host}
std::string render_explanation(const Json& explanation, Style style);

}  // namespace extvold::daemon::cli
