#include "daemon/ingest/record_decoder.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "tests/ingest/support.h"

namespace extvold::ingest::tests {

namespace {

using Texts = std::vector<std::string>;

constexpr std::string_view kTask =
    R"({"name":"n","task_id":{"value":"t"},"framework_id":{"value":"F"},"agent_id":{"value":"A"},)"
    R"("state":"TASK_RUNNING"})";

std::string task_added(std::string_view task) {
  return fmt::format(R"({{"type":"TASK_ADDED","task_added":{{"task":{}}}}})", task);
}

std::string error_after_snapshot(const std::string& record) {
  const Decoded out = decode_records({record});
  CHECK(out.code == (out.error.empty() ? Errc::internal : Errc::corrupt));
  CHECK((out.error.empty() || out.events.empty()));
  return out.error;
}

}  // namespace

TEST_CASE("decoder: every recorded connection decodes, nothing in it is unknown") {
  const auto connections = recorded_connections();
  CHECK(connections.size() >= 8);
  std::size_t events = 0;
  for (const RecordedConnection& one : connections) {
    INFO(one.scenario << " connection " << one.number);
    const Decoded out = decode(one.bytes);
    CHECK(out.error.empty());
    CHECK(out.counters.unknown_fields == 0);
    CHECK(out.counters.unknown_types == 0);
    CHECK(out.counters.unknown_values == 0);
    CHECK(out.counters.replaced_bytes == 0);
    REQUIRE(out.events.size() >= 3);
    CHECK(out.events.front() == "snapshot began");
    CHECK(std::count(out.events.begin(), out.events.end(), "heartbeat") >= 1);
    events += out.events.size();
  }
  CHECK(events > 150);
}

TEST_CASE("decoder: a recorded stream in single bytes gives the same events") {
  for (const RecordedConnection& one : recorded_connections()) {
    INFO(one.scenario << " connection " << one.number);
    const Decoded whole = decode(one.bytes);
    CHECK(decode(one.bytes, 1).events == whole.events);
    CHECK(decode(one.bytes, 97).events == whole.events);
  }
}

TEST_CASE("decoder: random splits give the same events") {
  const auto connections = recorded_connections();
  std::vector<Texts> wanted;
  for (const RecordedConnection& one : connections) wanted.push_back(decode(one.bytes).events);
  CHECK(rc::check([&] {
    const auto at = *rc::gen::inRange<std::size_t>(0, connections.size());
    const std::string& bytes = connections[at].bytes;
    IngestCounters counters;
    RecordDecoder decoder(counters);
    std::vector<MesosEvent> events;
    for (std::size_t i = 0; i < bytes.size();) {
      const auto n = std::min(*rc::gen::inRange<std::size_t>(1, 2000), bytes.size() - i);
      RC_ASSERT(decoder.push(std::string_view(bytes).substr(i, n), events).has_value());
      i += n;
    }
    RC_ASSERT(event_texts(events) == wanted[at]);
  }));
}

TEST_CASE("decoder: spot checks of what was recorded") {
  std::string all;
  for (const RecordedConnection& one : recorded_connections()) {
    if (one.scenario != "pods" && one.scenario != "partition") continue;
    for (const std::string& event : decode(one.bytes).events) all += event + "\n";
  }
  for (const char* const part :
       {"[docker_volume driver=extvold name=nested-a path=a ro=false]",
        "[csi_volume driver=hostpath.csi name=csi-vol-1 path=c ro=false]",
        "[docker_parameter driver=rexray name=dockvol path=/data ro=false]",
        "container=3479df1b-c7f2-41d4-80dd-a6696d9277a5 parent=6e2e76ee-9269-499b-b090-e98483f14673",
        "message=Abnormal executor termination: unknown container", "reason=REASON_FRAMEWORK_REMOVED",
        "hostname=a1.cluster address=127.0.0.11:5051",
        "attributes=ext-storage-inst1=scaleio~row8~pool-hdd;rack=r1;", "task_unreachable source_master",
        "unreachable=true", "name=pods principal= active=true"}) {
    CHECK_THAT(all, Catch::Contains(part));
  }
}

TEST_CASE("decoder: a snapshot") {
  const std::string record = subscribed(
      fmt::format(R"("tasks":[{0},{0}],"unreachable_tasks":[{0}],"completed_tasks":[{0}])", kTask),
      R"("executors":[{"executor_info":{"executor_id":{"value":"e"},"framework_id":{"value":"F"}},)"
      R"("agent_id":{"value":"A"}}])",
      R"("completed_frameworks":[{"framework_info":{"id":{"value":"G"}}}],)"
      R"("frameworks":[{"framework_info":{"id":{"value":"F"}}}])",
      R"("agents":[{"agent_info":{"id":{"value":"A"}}}],"recovered_agents":[{"id":{"value":"B"},)"
      R"("hostname":"b"}])");
  const Decoded out = decode(framed(record));
  CHECK(out.error.empty());
  REQUIRE(out.events.size() == 11);
  CHECK(out.events[0] == "snapshot began");
  CHECK_THAT(out.events[1], Catch::StartsWith("task snapshot tasks framework=F task=t agent=A"));
  CHECK_THAT(out.events[3], Catch::StartsWith("task snapshot unreachable_tasks"));
  CHECK_THAT(out.events[4], Catch::StartsWith("task snapshot completed_tasks"));
  CHECK_THAT(out.events[5], Catch::StartsWith("executor snapshot framework=F executor=e agent=A"));
  CHECK_THAT(out.events[6], Catch::StartsWith("framework=G") && Catch::EndsWith("snapshot completed=true"));
  CHECK_THAT(out.events[7], Catch::StartsWith("framework=F") && Catch::EndsWith("snapshot completed=false"));
  CHECK_THAT(out.events[8], Catch::StartsWith("agent=A") && Catch::EndsWith("snapshot recovered=false"));
  CHECK_THAT(out.events[9], Catch::StartsWith("agent=B hostname=b") && Catch::Contains("active=false") &&
                                Catch::EndsWith("recovered=true"));
  CHECK(out.events[10] == "snapshot ended, heartbeat 15000000000 ns");
  CHECK(out.counters.elements == 9);
  CHECK(out.counters.records == 1);
}

TEST_CASE("decoder: type after the payload") {
  const std::string record = subscribed(fmt::format(R"("tasks":[{}])", kTask));
  const std::string head = R"("type":"SUBSCRIBED",)";
  std::string turned = record;
  turned.erase(turned.find(head), head.size());
  turned.insert(turned.size() - 1, R"(,"type":"SUBSCRIBED")");
  CHECK(decode(framed(turned)).events == decode(framed(record)).events);

  const Decoded plain = decode_records({task_added(kTask)});
  const Decoded late =
      decode_records({fmt::format(R"({{"task_added":{{"task":{}}},"type":"TASK_ADDED"}})", kTask)});
  CHECK(plain.error.empty());
  CHECK(plain.events.size() == 1);
  CHECK(late.events == plain.events);
}

TEST_CASE("decoder: unknown events are counted and named, whatever they carry") {
  const Decoded out =
      decode_records({R"({"type":"AGENT_UPDATED","agent_updated":{"agent":[1,2]}})",
                      R"({"type":"NEW","task_added":7})", R"({"type":"HEARTBEAT","more":true})"});
  CHECK(out.error.empty());
  CHECK(out.events == Texts{"unknown AGENT_UPDATED", "unknown NEW", "heartbeat"});
  CHECK(out.counters.unknown_types == 2);
  CHECK(out.counters.unknown_fields == 2);
  CHECK(decode_records({"{\"type\":\"A\xff\x1b[2J\"}"}).events == Texts{"unknown A??[2J"});
}

TEST_CASE("decoder: types and payloads must fit") {
  CHECK_THAT(error_after_snapshot(R"({"type":"TASK_ADDED"})"),
             Catch::Contains("type TASK_ADDED with the payload none"));
  CHECK_THAT(error_after_snapshot(R"({"type":"HEARTBEAT","task_added":{}})"),
             Catch::Contains("with the payload task_added"));
  CHECK_THAT(error_after_snapshot(R"({"agent_removed":{"agent_id":{"value":"A"}},"type":"TASK_ADDED"})"),
             Catch::Contains("with the payload agent_removed"));
  CHECK_THAT(
      error_after_snapshot(
          fmt::format(R"({{"type":"TASK_ADDED","task_added":{{"task":{0}}},"task_added":{{}}}})", kTask))
          .substr(0, 400),
      Catch::Contains("a second payload"));
  CHECK_THAT(error_after_snapshot("{}"), Catch::Contains("a record without a type"));
  CHECK_THAT(error_after_snapshot(R"({"type":7})"), Catch::Contains("type is no plain text"));
  CHECK_THAT(error_after_snapshot(subscribed()), Catch::Contains("a second SUBSCRIBED"));
  CHECK_THAT(error_after_snapshot(""), Catch::Contains("the record ends too early"));
}

TEST_CASE("decoder: the first record must be a whole SUBSCRIBED") {
  CHECK_THAT(decode(framed(R"({"type":"HEARTBEAT"})")).error,
             Catch::Contains("the first record is HEARTBEAT, not SUBSCRIBED"));
  CHECK_THAT(decode(framed(R"({"type":"SUBSCRIBED","subscribed":{}})")).error,
             Catch::Contains("SUBSCRIBED without get_state"));
  CHECK_THAT(decode(framed(R"({"type":"SUBSCRIBED"})")).error, Catch::Contains("with the payload none"));
  const std::string record = framed(subscribed(fmt::format(R"("tasks":[{}])", kTask)));
  for (std::size_t n = 0; n < record.size(); ++n) {
    const Decoded out = decode(std::string_view(record).substr(0, n));
    CHECK((n == 0) == out.error.empty());
    CHECK(std::none_of(out.events.begin(), out.events.end(),
                       [](const std::string& event) { return event.starts_with("snapshot ended"); }));
  }
}

TEST_CASE("decoder: wrong lengths") {
  const std::string record = task_added(kTask);
  const std::string head = framed(subscribed());
  CHECK_THAT(decode(head + fmt::format("{}\n{}", record.size() - 1, record)).error,
             Catch::Contains("ends too early"));
  CHECK_THAT(decode(head + fmt::format("{}\n{}{}", record.size() + 1, record, framed(record))).error,
             Catch::Contains("more than one value"));
  CHECK_THAT(decode(head + framed(record) + "x").error, Catch::Contains("a record's length"));
  CHECK_THAT(decode(head + "99999999999999\n").error, Catch::Contains("is announced"));
}

TEST_CASE("decoder: an error names the place, and ends the stream") {
  IngestCounters counters;
  RecordDecoder decoder(counters);
  std::vector<MesosEvent> events;
  const std::string record = framed(subscribed(fmt::format(R"("tasks":[{},{{"name":"x"}}])", kTask)));
  const Status done = decoder.push(record, events);
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Errc::corrupt);
  CHECK_THAT(
      done.error().message,
      Catch::Contains(
          "record at byte 4, SUBSCRIBED: subscribed.get_state.get_tasks.tasks[1]: task: no framework_id"));
  CHECK(events.size() == 2);  // what came before is good
  CHECK_FALSE(decoder.push("20\n{\"type\":\"HEARTBEAT\"}", events));
  CHECK(events.size() == 2);
  CHECK_FALSE(decoder.finish());
}

// What a framework holds stands in its element of the snapshot: 20 MiB are some ten thousand offers.
TEST_CASE("decoder: what nobody reads of an element does not count for its bound") {
  const auto many = [](std::string_view key, std::string_view value, std::size_t times) {
    std::string list = fmt::format(R"("{}":[)", key);
    for (std::size_t i = 0; i < times; ++i) list.append(i == 0 ? "" : ",").append(value);
    return list + "]";
  };
  const std::string offer = fmt::format(R"({{"id":{{"value":"O"}},"x":"{}"}})", std::string(2000, ']'));
  const auto snapshot = [&](std::size_t times) {
    const std::string framework = fmt::format(
        R"("frameworks":[{{{},"framework_info":{{"id":{{"value":"F"}},"name":"n"}},{},"active":true}}])",
        many("offers", offer, times), many("allocated_resources", offer, times));
    const std::string agent =
        fmt::format(R"("agents":[{{{},{},"agent_info":{{"id":{{"value":"A"}},"hostname":"h"}},{}}}])",
                    many("allocated_resources", offer, times), many("offered_resources", offer, times),
                    many("resource_providers", offer, times));
    const std::string executor =
        fmt::format(R"("executors":[{{"executor_info":{{"data":"{}","executor_id":{{"value":"e"}},)"
                    R"("framework_id":{{"value":"F"}}}},"agent_id":{{"value":"A"}}}}])",
                    std::string(times * 2000, 'd'));
    return framed(subscribed("", executor, framework, agent));
  };
  const Decoded small = decode(snapshot(1));
  CHECK(small.error.empty());
  CHECK(small.events.size() == 5);
  for (const std::size_t piece : {std::size_t{0}, std::size_t{60'000}}) {
    const Decoded large = decode(snapshot(10'000), piece);
    CHECK(large.error.empty());
    CHECK(large.events == small.events);
    CHECK(large.counters.unknown_fields == 0);
  }
}

TEST_CASE("decoder: secrets and data never come out") {
  const std::string secret = "c2VjcmV0LXBhc3N3b3Jk";
  const std::string container = fmt::format(
      R"({{"type":"MESOS","volumes":[{{"mode":"RO","container_path":"k","source":{{"type":"SECRET","secret":)"
      R"({{"type":"VALUE","value":{{"data":"{0}"}}}}}}}},{{"mode":"RW","container_path":"c",)"
      R"("source":{{"type":"CSI_VOLUME",)"
      R"("csi_volume":{{"plugin_name":"p","static_provisioning":{{"volume_id":"v",)"
      R"("node_stage_secrets":{{"u":)"
      R"({{"type":"VALUE","value":{{"data":"{0}"}}}}}},)"
      R"("node_publish_secrets":{{"u":{{"value":{{"data":"{0}"}}}}}},)"
      R"("volume_context":{{"password":"{0}"}}}}}}}}}}]}})",
      secret);
  const std::string task = fmt::format(
      R"({{"task_id":{{"value":"t"}},"framework_id":{{"value":"F"}},"agent_id":{{"value":"A"}},)"
      R"("container":{0},)"
      R"("labels":{{"labels":[{{"key":"k","value":"{1}"}}]}},"statuses":[{{"state":"TASK_RUNNING",)"
      R"("data":"{1}"}}]}})",
      container, secret);
  const std::string executor = fmt::format(
      R"({{"executor_info":{{"executor_id":{{"value":"e"}},"framework_id":{{"value":"F"}},"container":{0},)"
      R"("data":"{1}",)"
      R"("command":{{"value":"run {1}","environment":{{"variables":[{{"name":"P","type":"VALUE",)"
      R"("value":"{1}"}},)"
      R"({{"name":"S","type":"SECRET","secret":{{"value":{{"data":"{1}"}}}}}}]}}}}}},)"
      R"("agent_id":{{"value":"A"}}}})",
      container, secret);
  const std::string update = fmt::format(
      R"({{"type":"TASK_UPDATED","task_updated":{{"framework_id":{{"value":"F"}},"state":"TASK_RUNNING",)"
      R"("status":)"
      R"({{"task_id":{{"value":"t"}},"state":"TASK_RUNNING","data":"{}"}}}}}})",
      secret);
  const Decoded out =
      decode(framed(subscribed("\"tasks\":[" + task + "]", "\"executors\":[" + executor + "]")) +
             framed(task_added(task)) + framed(update));
  REQUIRE(out.error.empty());
  CHECK(out.events.size() == 6);
  CHECK_THAT(out.events[1], Catch::Contains("[csi_volume driver=p name=v path=c ro=false]"));
  for (const std::string& event : out.events) CHECK_THAT(event, !Catch::Contains(secret));
}

TEST_CASE("decoder: errors do not quote more than a few bytes") {
  const std::string secret = "c2VjcmV0LXBhc3N3b3Jk";
  CHECK_THAT(decode(framed(subscribed()) + secret).error, !Catch::Contains(secret.substr(0, 9)));
  CHECK_THAT(error_after_snapshot(R"({"type":"TASK_ADDED" ")" + secret + "\"}"),
             !Catch::Contains(secret.substr(0, 9)));
}

TEST_CASE("decoder: hostile records are refused") {
  for (const std::string& record :
       {std::string(100'000, '['), "{\"task_added\":" + std::string(100'000, '{'), std::string(1000, '"'),
        std::string("{\"type\":\"TASK_ADDED\",\"task_added\":[[]]}"),
        std::string("{\"type\":\"TASK_ADDED\",\"task_added\":{}}"), std::string("\0\0\0\0", 4),
        "{\"type\":\"TASK_ADDED\",\"task_added\":{\"task\":" + std::string(100, '{') + "}"}) {
    CHECK_FALSE(error_after_snapshot(record).empty());
  }
}

}  // namespace extvold::ingest::tests
