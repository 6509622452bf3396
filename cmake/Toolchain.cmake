# Compiler, warnings, sanitizers, ccache, linker: everything that is the same for every target. These are
# directory options on purpose: all targets have the same flags, so that they can share one precompiled
# header.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Debug CACHE STRING "" FORCE)
endif()

# --- warnings: both compilers are clean; errors only where a preset asks, so that a newer compiler can still
# build a release.
add_compile_options(-Wall -Wextra -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast
                    -Wimplicit-fallthrough -Wswitch-enum)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  add_compile_options(-Wno-restrict)  # g++ 12 warns about its own std::string operator+ (GCC bug 105651)
endif()
if(EXTVOLD_WERROR)
  add_compile_options(-Werror)
endif()

# --- sanitizers: the first finding ends the test.
if(EXTVOLD_SANITIZE)
  add_compile_options(-fsanitize=${EXTVOLD_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${EXTVOLD_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # With a sanitizer g++ 12 sees maybe-uninitialized reads inside std::optional and std::variant that are
    # not there.
    add_compile_options(-Wno-maybe-uninitialized)
    if(EXTVOLD_SANITIZE MATCHES "undefined")
      # These four double the time to compile with g++ and find little that the address sanitizer does not. The
      # clang-asan preset has them.
      add_compile_options(-fno-sanitize=null,alignment,object-size,vptr)
    endif()
  endif()
endif()

# --- release: checks stay on (EXTVOLD_CHECK is never compiled out, nothing uses assert); the usual hardening
# of a Debian daemon.
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-fPIE -fstack-protector-strong -fstack-clash-protection -fcf-protection
                      -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -D_GLIBCXX_ASSERTIONS)
  add_link_options(-pie -Wl,-z,relro -Wl,-z,now)
endif()

# --- ccache: build directories of one checkout share hits (paths are hashed relative to the checkout); the
# rest is what precompiled headers need.
find_program(EXTVOLD_CCACHE ccache)
if(EXTVOLD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${EXTVOLD_CCACHE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  elseif(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

if(EXTVOLD_MOLD)
  find_program(EXTVOLD_MOLD_PROGRAM mold)
  if(EXTVOLD_MOLD_PROGRAM)
    add_link_options(-fuse-ld=mold)
  endif()
endif()

# --- links run one at a time beside compiles: this must also build on a small machine.
set_property(GLOBAL PROPERTY JOB_POOLS link=2)
set(CMAKE_JOB_POOL_LINK link)
