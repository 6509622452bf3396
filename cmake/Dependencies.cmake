# What comes from the distribution. `./dev setup` installs all of it on Debian 12.

find_package(PkgConfig REQUIRED)

# extvold_system(NAME PKG): an imported target dep::NAME, or a message that says what to do.
function(extvold_system name module)
  pkg_check_modules(EXTVOLD_${name} QUIET IMPORTED_TARGET GLOBAL ${module})
  if(NOT EXTVOLD_${name}_FOUND)
    message(FATAL_ERROR "${module}: not found by pkg-config. Install what the build needs with: ./dev setup")
  endif()
  add_library(dep::${name} ALIAS PkgConfig::EXTVOLD_${name})
endfunction()

extvold_system(fmt fmt)
extvold_system(sqlite3 sqlite3)
extvold_system(uv libuv)
extvold_system(curl libcurl)
extvold_system(simdjson simdjson)
extvold_system(systemd libsystemd)
extvold_system(blkid blkid)
extvold_system(mount mount)
extvold_system(microhttpd libmicrohttpd)
extvold_system(zlib zlib)
extvold_system(grpc grpc++)
extvold_system(protobuf protobuf)
# Its pkg-config file has -DNOMINMAX, which is for Windows; a definition more and no precompiled header fits.
set_target_properties(PkgConfig::EXTVOLD_grpc PROPERTIES INTERFACE_COMPILE_OPTIONS "")
set_target_properties(PkgConfig::EXTVOLD_protobuf PROPERTIES INTERFACE_COMPILE_OPTIONS "")

# ZooKeeper's C client, the single-threaded library: our loop drives it. It has no pkg-config file.
find_path(EXTVOLD_zookeeper_HEADERS zookeeper/zookeeper.h)
find_library(EXTVOLD_zookeeper_LIBRARY zookeeper_st)
if(NOT EXTVOLD_zookeeper_HEADERS OR NOT EXTVOLD_zookeeper_LIBRARY)
  message(FATAL_ERROR "libzookeeper_st: not found. Install what the build needs with: ./dev setup")
endif()
add_library(zookeeper_st UNKNOWN IMPORTED GLOBAL)
set_target_properties(zookeeper_st PROPERTIES IMPORTED_LOCATION ${EXTVOLD_zookeeper_LIBRARY}
                                              INTERFACE_INCLUDE_DIRECTORIES ${EXTVOLD_zookeeper_HEADERS})
add_library(dep::zookeeper ALIAS zookeeper_st)

find_program(EXTVOLD_PROTOC protoc)
if(NOT EXTVOLD_PROTOC)
  message(FATAL_ERROR "protoc: not found. Install what the build needs with: ./dev setup")
endif()

find_package(Threads REQUIRED)
find_package(tl-expected REQUIRED)    # header only: tl/expected.hpp
find_package(nlohmann_json REQUIRED)  # header only
find_package(CLI11 REQUIRED)          # header only
find_package(tomlplusplus REQUIRED)   # used header only
find_package(Catch2 2 REQUIRED)       # tests: version 2 is what Debian 12 has
find_package(rapidcheck REQUIRED)     # tests
