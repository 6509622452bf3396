# sql/**/*.sql becomes one generated source with a sorted table {name, text}: see ledger/sql_files.h.
#
# extvold_embed_sql(OUTPUT.cpp). The name is the path below sql/ without its ending: "queries/put_task". Every
# byte is escaped, so the text in the program is the file, byte for byte. This file is both the function and,
# run by `cmake -P`, the generator.

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  file(STRINGS "${LIST}" names)
  set(rows "")
  foreach(name IN LISTS names)
    file(READ "${SQL_DIR}/${name}.sql" bytes HEX)
    string(LENGTH "${bytes}" digits)
    math(EXPR size "${digits} / 2")
    string(REGEX REPLACE "(..)" "\\\\x\\1" bytes "${bytes}")
    string(APPEND rows "    {\"${name}\", std::string_view(\"${bytes}\", ${size})},\n")
  endforeach()
  list(LENGTH names count)
  file(WRITE "${OUTPUT}" "// Generated from sql/ by cmake/EmbedSql.cmake.
#include \"ledger/sql_files.h\"

#include <array>

namespace extvold::ledger {
namespace {

constexpr std::array<SqlFile, ${count}> kFiles = {{
${rows}}};

constexpr bool sorted() {
  for (std::size_t i = 1; i < kFiles.size(); ++i) {
    if (!(kFiles[i - 1].name < kFiles[i].name)) return false;
  }
  return true;
}
static_assert(sorted());

}  // namespace

std::span<const SqlFile> sql_files() { return kFiles; }

}  // namespace extvold::ledger
")
  return()
endif()

set(EXTVOLD_EMBED_SQL "${CMAKE_CURRENT_LIST_FILE}")

function(extvold_embed_sql output)
  set(sql_dir ${CMAKE_SOURCE_DIR}/sql)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${sql_dir} ${sql_dir}/*.sql)
  list(TRANSFORM files REPLACE "\\.sql$" "")
  list(SORT files COMPARE STRING CASE SENSITIVE)
  list(JOIN files "\n" lines)
  set(list ${output}.list)
  set(old "")
  if(EXISTS ${list})
    file(READ ${list} old)
  endif()
  if(NOT EXISTS ${list} OR NOT old STREQUAL lines)
    file(WRITE ${list} "${lines}")  # touched only when a file came or went
  endif()
  set(paths ${files})
  list(TRANSFORM paths PREPEND ${sql_dir}/)
  list(TRANSFORM paths APPEND .sql)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DSQL_DIR=${sql_dir} -DLIST=${list} -DOUTPUT=${output} -P ${EXTVOLD_EMBED_SQL}
    DEPENDS ${paths} ${list} ${EXTVOLD_EMBED_SQL}
    COMMENT "Embedding sql/"
    VERBATIM)
endfunction()
