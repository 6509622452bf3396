# The helpers that every folder's CMakeLists.txt uses. Sources are found, not listed: drop a file in and
# build. A folder without sources is no error; its library is then empty and its program is left out.

# --- precompiled headers: one for the product, one for the tests. Targets reuse them, which needs identical
# flags.
set(EXTVOLD_PCH_HEADERS
    <algorithm> <array> <cstdint> <functional> <map> <memory> <optional> <set> <span> <string> <string_view>
    <utility> <variant> <vector> <fmt/format.h> <tl/expected.hpp>)

function(extvold_pch name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;DEPS")
  if(NOT EXTVOLD_PCH)
    return()
  endif()
  file(WRITE ${CMAKE_BINARY_DIR}/cmake/${name}.cpp.in "// Only carries the precompiled header.\n")
  configure_file(${CMAKE_BINARY_DIR}/cmake/${name}.cpp.in ${CMAKE_BINARY_DIR}/cmake/${name}.cpp COPYONLY)
  add_library(${name} OBJECT ${CMAKE_BINARY_DIR}/cmake/${name}.cpp)
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
endfunction()

extvold_pch(extvold_pch HEADERS ${EXTVOLD_PCH_HEADERS} DEPS dep::fmt tl::expected)
extvold_pch(extvold_pch_test HEADERS ${EXTVOLD_PCH_HEADERS} <catch2/catch.hpp> DEPS dep::fmt tl::expected)

function(extvold_use_pch target pch)
  if(EXTVOLD_PCH)
    target_precompile_headers(${target} REUSE_FROM ${pch})
  endif()
endfunction()

# extvold_sources(VAR [RECURSE] [EXCLUDE REGEX...]): the *.cpp of this folder.
function(extvold_sources var)
  cmake_parse_arguments(PARSE_ARGV 1 arg "RECURSE" "" "EXCLUDE")
  set(here ${CMAKE_CURRENT_SOURCE_DIR})
  if(arg_RECURSE)
    file(GLOB_RECURSE found CONFIGURE_DEPENDS RELATIVE ${here} ${here}/*.cpp)
  else()
    file(GLOB found CONFIGURE_DEPENDS RELATIVE ${here} ${here}/*.cpp)
  endif()
  foreach(pattern IN LISTS arg_EXCLUDE)
    list(FILTER found EXCLUDE REGEX "${pattern}")
  endforeach()
  list(SORT found)
  set(${var} "${found}" PARENT_SCOPE)
endfunction()

# extvold_library(NAME [RECURSE] [TEST] [EXCLUDE REGEX...] [SOURCES extra...] [DEPS libraries...])
# TEST: it may include catch.hpp. DEPS are public: who links a library may include what it includes.
function(extvold_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "RECURSE;TEST" "" "EXCLUDE;SOURCES;DEPS")
  set(recurse)
  if(arg_RECURSE)
    set(recurse RECURSE)
  endif()
  extvold_sources(found ${recurse} EXCLUDE ${arg_EXCLUDE})
  list(APPEND found ${arg_SOURCES})
  if(NOT found)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${arg_DEPS})
    return()
  endif()
  add_library(${name} STATIC ${found})
  target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PUBLIC ${arg_DEPS})
  if(arg_TEST)
    extvold_use_pch(${name} extvold_pch_test)
  else()
    extvold_use_pch(${name} extvold_pch)
  endif()
endfunction()

# extvold_program(NAME SOURCES files... [DEPS libraries...]): build/PRESET/NAME, left out without a source.
function(extvold_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  set(found)
  foreach(source IN LISTS arg_SOURCES)
    # A glob, so that the file's arrival configures again.
    file(GLOB one CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${source})
    list(APPEND found ${one})
  endforeach()
  if(NOT found)
    message(STATUS "${name}: no source yet, left out")
    return()
  endif()
  add_executable(${name} ${found})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${arg_DEPS})
  extvold_use_pch(${name} extvold_pch)
endfunction()

# extvold_test(NAME [RECURSE] [EXCLUDE REGEX...] [SOURCES files...] [DEPS libraries...] [TIMEOUT seconds]
#              [MACHINE] [LOCK name] [COST seconds])
# One Catch2 program of this folder's *.cpp (or of SOURCES), one ctest for each of its cases. A case that
# cannot run here says so with skip_test() of tests/lib/skip.h and counts as skipped, not as passed. MACHINE:
# it uses what a machine has only once (fixed addresses, mounts, our programs), so that no other such test
# runs beside it; of another LOCK none of the same. What has the highest COST is begun first.
# catch_discover_tests() takes no property whose value is a list: one label, one variable; the sanitizers'
# options are compiled in (tests/lib/test_main.cpp).
function(extvold_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "RECURSE;MACHINE" "TIMEOUT;LOCK;COST" "EXCLUDE;SOURCES;DEPS")
  set(recurse)
  if(arg_RECURSE)
    set(recurse RECURSE)
  endif()
  if(arg_SOURCES)
    set(found ${arg_SOURCES})
  else()
    extvold_sources(found ${recurse} EXCLUDE ${arg_EXCLUDE})
  endif()
  if(NOT found)
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  if(NOT arg_COST)
    set(arg_COST 0)
  endif()
  set(lock)
  set(programs)
  if(arg_MACHINE)
    if(NOT arg_LOCK)
      set(arg_LOCK machine)
    endif()
    set(lock RESOURCE_LOCK ${arg_LOCK})
    foreach(program IN ITEMS extvold extvold-replay)
      if(TARGET ${program})
        list(APPEND programs ${program})
      endif()
    endforeach()
  endif()
  string(REGEX REPLACE "^test_" "" area ${name})
  add_executable(${name} ${found})
  target_link_libraries(${name} PRIVATE test_main extvold_testlib ${arg_DEPS})
  target_compile_definitions(${name} PRIVATE EXTVOLD_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             EXTVOLD_BINARY_DIR="${CMAKE_BINARY_DIR}"
                                             EXTVOLD_PROJECT_VERSION="${PROJECT_VERSION}")
  if(programs)
    add_dependencies(${name} ${programs})
  endif()
  extvold_use_pch(${name} extvold_pch_test)
  catch_discover_tests(${name}
    TEST_PREFIX "${area}:"
    PROPERTIES TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77 COST ${arg_COST} LABELS ${area} ${lock} ENVIRONMENT
      LC_ALL=C.UTF-8)
endfunction()

# What the tests that are no Catch2 program run with: a sanitizer's first finding aborts, so that no exit code
# hides it.
set(EXTVOLD_TEST_ENVIRONMENT
    "ASAN_OPTIONS=abort_on_error=1:detect_stack_use_after_return=1:strict_string_checks=1"
    "UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1"
    "TSAN_OPTIONS=abort_on_error=1:halt_on_error=1:second_deadlock_stack=1"
    "LC_ALL=C.UTF-8")
