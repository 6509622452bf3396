// What masters leave in ZooKeeper: the names of their nodes and what is in them.
//
// Plain values and pure functions, any thread. All of it comes from outside: whatever the bytes are, the
// answer is a value or an error, and a value holds nothing that could not stand in a URL. Facts: Apache Mesos
// 1.11, src/zookeeper/{group,detector}.cpp, src/master/{contender,detector}/zookeeper.cpp, MasterInfo in
// include/mesos/mesos.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "model/enum_text.h"
#include "model/result.h"

namespace extvold::daemon::zookeeper {

// How a node's label says that its data is written. json: `json.info_NNNNNNNNNN`, since Mesos 0.23.
// protobuf: `info_NNNNNNNNNN`. upid: a bare number. unknown: any other label; it counts for who leads, and
// cannot be read.
EXTVOLD_ENUM(NodeFormat, json, protobuf, upid, unknown)

struct MasterNode {
  std::string name;           // as listed
  std::int32_t sequence = 0;  // the lowest leads
  NodeFormat format = NodeFormat::unknown;
  bool operator==(const MasterNode&) const = default;
};

// nullopt: no member of the election (`log_replicas` lies there too).
std::optional<MasterNode> parse_node_name(std::string_view name);

struct MasterInfo {
  std::string id;        // new with each start of a master; empty: the data does not say
  std::string host;      // what is dialled: an IP address, or the hostname where none is given
  int port = 0;          //
  std::string hostname;  // what it calls itself; empty: the data does not say
  std::string version;

  // "http://10.0.0.1:5050"; with https "https://m1:5050", because certificates are for names.
  std::string url(bool https = false) const;
  bool operator==(const MasterInfo&) const = default;
};

// `address` counts, else `pid`; the old `ip` is a number in an order that depends on the writer's machine and
// is not used.
Result<MasterInfo> parse_master(NodeFormat format, std::string_view data);

}  // namespace extvold::daemon::zookeeper
