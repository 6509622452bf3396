// What operators write (zk://...) and what masters leave in ZooKeeper: tables of good and bad texts.
#include <catch2/catch.hpp>

#include "daemon/zookeeper/address.h"
#include "daemon/zookeeper/guard.h"
#include "daemon/zookeeper/master_node.h"

namespace extvold::daemon::zookeeper {
namespace {

TEST_CASE("a zk:// address is read, and shown without its credentials", "[zookeeper]") {
  struct Row {
    std::string text;
    std::vector<Server> servers;
    std::string credentials;
    std::string path;
    std::string shown;
  };
  const std::vector<Row> rows = {
      {"zk://h1:2181/mesos", {{"h1", 2181}}, "", "/mesos", "zk://h1:2181/mesos"},
      {"zk://user:pa:ss@h1:2181,10.0.0.2:2182/a/b/",
       {{"h1", 2181}, {"10.0.0.2", 2182}},
       "user:pa:ss",
       "/a/b",
       "zk://h1:2181,10.0.0.2:2182/a/b"},
      {"zk://u:p@ss@[::1]:2181/mesos", {{"::1", 2181}}, "u:p@ss", "/mesos", "zk://[::1]:2181/mesos"},
  };
  for (const Row& row : rows) {
    INFO(row.text);
    const auto address = parse_address(row.text);
    REQUIRE(address);
    CHECK(address->servers == row.servers);
    CHECK(address->credentials == row.credentials);
    CHECK(address->path == row.path);
    CHECK(address->text() == row.shown);
  }
}

TEST_CASE("a bad zk:// address says what is wrong, and never what the password is", "[zookeeper]") {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"http://h:1", "does not begin with zk://"},
      {"zk://", "is no server"},
      {"zk://h1:2181", "names no path"},
      {"zk://h1:2181/", "names no path"},
      {"zk://h1/mesos", "\"h1\" has no port"},
      {"zk://h1:/mesos", "\"h1:\" has no port from 1 to 65535"},
      {"zk://h1:0/mesos", "\"h1:0\" has no port from 1 to 65535"},
      {"zk://h1:65536/mesos", "has no port from 1 to 65535"},
      {"zk://h1:2181x/mesos", "has no port from 1 to 65535"},
      {"zk://h1:2181,,h2:2181/mesos", "a comma too many"},
      {"zk://h1:2181,/mesos", "a comma too many"},
      {"zk://h 1:2181/mesos", "is not HOST:PORT"},
      {"zk://::1:2181/mesos", "is not HOST:PORT"},
      {"zk://[::1:2181/mesos", "has no closing bracket"},
      {"zk://[::1]2181/mesos", "has no port"},
      {"zk://[h1]:2181/mesos", "is not HOST:PORT"},
      {"zk://h1:2181//mesos", "empty name"},
      {"zk://h1:2181/a//", "empty name"},
      {"zk://h1:2181/../mesos", "relative part"},
      {"zk://h1:2181/me sos", "not printable ASCII"},
      {"zk://secret@h1:2181/mesos", "not USER:PASSWORD"},
      {"zk://:secret@h1:2181/mesos", "not USER:PASSWORD"},
      {"zk://secret:@h1:2181/mesos", "not USER:PASSWORD"},
      {"zk://user:sec ret@h1:2181/mesos", "a space"},
      {"zk://user:secret@h1/mesos", "\"h1\" has no port"},
      {"zk://user:secret@h1:2181", "names no path"},
      {"zk://user:sec/ret@h1:2181/mesos", "has an @ behind a slash"},
      {"zk://user:secret@h1:2181/ ", "has the path"},
  };
  for (const auto& [text, what] : rows) {
    INFO(text);
    const auto address = parse_address(text);
    REQUIRE_FALSE(address);
    CHECK(address.error().what.find(what) != std::string::npos);
    CHECK_FALSE(address.error().remedy.empty());
    CHECK((address.error().what + address.error().remedy).find("sec") == std::string::npos);
  }
  CHECK(without_credentials("zk:/user:secret@h1:2181/mesos") == "...@h1:2181/mesos");
  CHECK(without_credentials("ZK://user:secret@h1:2181/mesos") == "ZK://...@h1:2181/mesos");
  CHECK(without_credentials("h1:2181") == "h1:2181");
}

TEST_CASE("members of the election are told from what else lies there", "[zookeeper]") {
  const auto format = [](std::string_view name) {
    const auto node = parse_node_name(name);
    return node ? std::string(to_text(node->format)) + " " + std::to_string(node->sequence)
                : std::string("-");
  };
  CHECK(format("json.info_0000000012") == "json 12");
  CHECK(format("info_0000000003") == "protobuf 3");
  CHECK(format("0000000007") == "upid 7");
  CHECK(format("json.info_-2147483648") == "json -2147483648");  // the counter of ZooKeeper wraps round
  CHECK(format("other_0000000001") == "unknown 1");
  CHECK(format("a_b_0000000001") == "unknown 1");
  CHECK(format("log_replicas") == "-");
  CHECK(format("") == "-");
  CHECK(format("_") == "-");
  CHECK(format("json.info_") == "-");
  CHECK(format("json.info_12x") == "-");
  CHECK(format("json.info_99999999999") == "-");
}

TEST_CASE("a master's JSON is read: its address, never its ip", "[zookeeper]") {
  const auto info = parse_master(
      NodeFormat::json, R"({"address":{"hostname":"m1","ip":"10.0.0.1","port":5050},)"
                        R"("capabilities":[{"type":"AGENT_UPDATE"}],"hostname":"m1","id":"b9a4c2e0-1",)"
                        R"("ip":16777226,"pid":"master@10.9.9.9:1","port":1,"version":"1.11.0"})");
  REQUIRE(info);
  CHECK(*info == MasterInfo{"b9a4c2e0-1", "10.0.0.1", 5050, "m1", "1.11.0"});
  CHECK(info->url() == "http://10.0.0.1:5050");
  CHECK(info->url(/*https=*/true) == "https://m1:5050");  // what its certificate is for

  const auto url = [](std::string_view json) {
    const auto read = parse_master(NodeFormat::json, json);
    return read ? read->url() : read.error().message;
  };
  CHECK(url(R"({"address":{"hostname":"m1","port":5050}})") == "http://m1:5050");
  CHECK(url(R"({"address":{"ip":"::1","port":5050}})") == "http://[::1]:5050");
  CHECK(url(R"({"pid":"master@10.0.0.1:5050"})") == "http://10.0.0.1:5050");
  CHECK(url(R"({"address":7,"pid":"master@[fe80::1]:5050"})") == "http://[fe80::1]:5050");
  CHECK(url(R"({"address":{"ip":"10.0.0.1/x","port":5050}})").find("neither an address") == 4);
  for (const char* bad :
       {R"({"address":{"ip":"10.0.0.1","port":0}})", R"({"address":{"ip":"10.0.0.1","port":70000}})",
        R"({"address":{"ip":"a@b","port":1}})", R"({"address":{"ip":"10.0.0.1","port":"5050"}})",
        R"({"address":{"ip":"10.0.0.1"}})", R"({"ip":16777226,"port":5050})", R"({"pid":"master"})", "{}"}) {
    INFO(bad);
    CHECK_FALSE(parse_master(NodeFormat::json, bad));
  }
  for (const char* bad : {"", "[]", "null", "{", "\xff\xfe", R"({"pid":"m@h:1"} x)"}) {
    INFO(bad);
    CHECK(url(bad) == "is no JSON object");
  }
  CHECK_FALSE(parse_master(NodeFormat::json, std::string(100'000, '[')));
}

std::string field(int number, std::string_view bytes) {
  std::string out(1, static_cast<char>(number << 3 | 2));
  out += static_cast<char>(bytes.size());
  return out.append(bytes);
}

TEST_CASE("the old forms are read too", "[zookeeper]") {
  using std::string_literals::operator""s;
  const std::string ip = "\x10\x8a\x80\x80\x08"s;  // ip = 16777226
  const std::string port = "\x18\xba\x27"s;        // port = 5050
  const std::string pid = field(4, "master@10.0.0.1:5050");
  const std::string old = field(1, "2015-1") + ip + port + pid + field(5, "m1");
  const auto info = parse_master(NodeFormat::protobuf, old);
  REQUIRE(info);
  CHECK(*info == MasterInfo{"2015-1", "10.0.0.1", 5050, "m1", ""});

  const std::string address = field(7, field(1, "m2") + field(2, "10.0.0.2") + port);
  const auto newer = parse_master(NodeFormat::protobuf, old + field(6, "0.24.0") + address);
  REQUIRE(newer);
  CHECK(*newer == MasterInfo{"2015-1", "10.0.0.2", 5050, "m2", "0.24.0"});

  for (std::size_t cut = 1; cut < old.size();
       ++cut) {  // cut short: an error or a master, never anything else
    const auto read = parse_master(NodeFormat::protobuf, std::string_view(old).substr(0, cut));
    if (read) CHECK(read->url() == "http://10.0.0.1:5050");
  }
  CHECK_FALSE(parse_master(NodeFormat::protobuf, ""));
  CHECK_FALSE(parse_master(NodeFormat::protobuf, "{}"));
  CHECK_FALSE(parse_master(NodeFormat::protobuf, std::string(64, '\xff')));

  const auto upid = parse_master(NodeFormat::upid, "master@10.0.0.1:5050");
  REQUIRE(upid);
  CHECK(upid->url() == "http://10.0.0.1:5050");
  CHECK_FALSE(parse_master(NodeFormat::upid, "10.0.0.1:5050"));
  CHECK_FALSE(parse_master(NodeFormat::unknown, "master@10.0.0.1:5050"));
}

TEST_CASE("who acted before is told by the names of the nodes", "[zookeeper]") {
  const ActedBefore none = acted_before({"guard-0000000000000001-0000000003", "acted-", "acted-L-12"}, "L");
  CHECK_FALSE(none.others);
  CHECK_FALSE(none.newest_is_other);
  CHECK(none.own.empty());
  const ActedBefore own =
      acted_before({"acted-L.1-0000000002", "acted-L.1-0000000010", "acted-M.1-0000000009"}, "L.1");
  CHECK(own.others);
  CHECK_FALSE(own.newest_is_other);
  CHECK(own.own == "acted-L.1-0000000010");
  CHECK(own.own_older == std::vector<std::string>{"acted-L.1-0000000002"});
  const ActedBefore other = acted_before({"acted-L.1-0000000010", "acted-L.1-2-0000000011"}, "L.1");
  CHECK(other.others);  // a longer name is another ledger's
  CHECK(other.newest_is_other);
  CHECK(acted_before({"acted-L.1-0000000010"}, "").newest_is_other);
}

}  // namespace
}  // namespace extvold::daemon::zookeeper
