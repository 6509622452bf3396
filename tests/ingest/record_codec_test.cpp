#include "daemon/ingest/record_codec.h"

#include <catch2/catch.hpp>

#include "daemon/ingest/accept.h"
#include "daemon/ingest/utf8_repair.h"
#include "tests/ingest/support.h"

namespace extvold::ingest {

namespace {

struct Codec {
  IngestCounters counters;
  RecordCodec codec{counters};

  TaskRecord task(std::string_view json) {
    TaskRecord out;
    const Status done = codec.read_task(json, out);
    INFO((done ? std::string() : done.error().message));
    REQUIRE(done);
    return out;
  }
  std::string task_error(std::string_view json) {
    TaskRecord out;
    const Status done = codec.read_task(json, out);
    if (done) return "";
    CHECK(done.error().code == Errc::corrupt);
    return done.error().message;
  }
};

// A task with the required ids, and more.
std::string with_ids(std::string_view more) {
  return fmt::format(
      R"({{"framework_id":{{"value":"F"}},"task_id":{{"value":"T"}},"agent_id":{{"value":"A"}}{}}})", more);
}

}  // namespace

TEST_CASE("codec: a task, in any order of keys") {
  Codec it;
  const TaskRecord one = it.task(
      R"({"name":"n","task_id":{"value":"t.1"},"framework_id":{"value":"F-0"},"executor_id":{"value":"e"},)"
      R"("agent_id":{"value":"A-S1"},"state":"TASK_RUNNING","resources":[{"name":"cpus"}],)"
      R"("labels":{"labels":[]},)"
      R"("statuses":[{"state":"TASK_STARTING"},{"task_id":{"value":"t.1"},"state":"TASK_RUNNING",)"
      R"("source":"SOURCE_EXECUTOR","uuid":"u==","container_status":{"container_id":{"value":"c",)"
      R"("parent":{"value":"p","parent":{"value":"root"}}}}}],)"
      R"("container":{"volumes":[{"source":{"docker_volume":{"name":"pg","driver":"rexray"},)"
      R"("type":"DOCKER_VOLUME"},)"
      R"("container_path":"pg","mode":"RO"}],"type":"MESOS"}})");
  CHECK(one.name == "n");
  CHECK(one.task.value == "t.1");
  CHECK(one.framework.value == "F-0");
  CHECK(one.executor.value == "e");
  CHECK(one.agent.value == "A-S1");
  CHECK(one.state == TaskState::task_running);
  CHECK(one.containerizer == Containerizer::mesos);
  REQUIRE(one.last_status);
  CHECK(one.last_status->state == TaskState::task_running);
  CHECK(one.last_status->source == StatusSource::source_executor);
  CHECK(one.last_status->container.value == "c");
  CHECK(one.last_status->parent_container.value == "root");
  CHECK(one.volumes ==
        std::vector<VolumeReference>{{ReferenceSpelling::docker_volume, "rexray", "pg", "pg", true}});
  CHECK(it.counters.unknown_fields == 0);

  const TaskRecord same = it.task(
      R"({"container":{"type":"MESOS","volumes":[{"mode":"RO","container_path":"pg",)"
      R"("source":{"type":"DOCKER_VOLUME",)"
      R"("docker_volume":{"driver":"rexray","name":"pg"}}}]},"statuses":[{"state":"TASK_STARTING"},{)"
      R"("container_status":{"container_id":{"parent":{"parent":{"value":"root"},"value":"p"},)"
      R"("value":"c"}},"uuid":"u==",)"
      R"("source":"SOURCE_EXECUTOR","state":"TASK_RUNNING"}],"state":"TASK_RUNNING",)"
      R"("agent_id":{"value":"A-S1"},)"
      R"("executor_id":{"value":"e"},"framework_id":{"value":"F-0"},"task_id":{"value":"t.1"},"name":"n"})");
  CHECK(same == one);
}

TEST_CASE("codec: white space is allowed everywhere") {
  Codec it;
  const TaskRecord one = it.task(
      "{ \"framework_id\" :\t{ \"value\" : \"F\" } ,\n\"task_id\":{\"value\":\"T\" } , \"agent_id\":{ "
      "\"value\":\"A\"\r\n}"
      " , \"state\" : \"TASK_LOST\" , \"statuses\" : [ ] }");
  CHECK(one.framework.value == "F");
  CHECK(one.task.value == "T");
  CHECK(one.agent.value == "A");
  CHECK(one.state == TaskState::task_lost);
  CHECK_FALSE(one.last_status);
}

TEST_CASE("codec: the executor id is not defaulted") {
  Codec it;
  CHECK(it.task(with_ids("")).executor.empty());
}

TEST_CASE("codec: every task state, and those of the future") {
  Codec it;
  for (std::size_t i = 0; i + 1 < TaskState_texts.size(); ++i) {
    std::string word(TaskState_texts[i]);
    for (char& c : word) c = c == '_' ? c : static_cast<char>(c - 'a' + 'A');
    CHECK(it.task(with_ids(",\"state\":\"" + word + "\"")).state == static_cast<TaskState>(i));
  }
  CHECK(it.counters.unknown_values == 0);
  CHECK(it.task(with_ids(R"(,"state":"TASK_FROZEN")")).state == TaskState::task_other);
  CHECK(it.task(with_ids("")).state == TaskState::task_other);
  CHECK(it.counters.unknown_values == 1);
}

TEST_CASE("codec: unknown fields are counted and skipped") {
  Codec it;
  it.task(with_ids(R"(,"new":{"a":[1,2,{"b":null}]},"state":"TASK_RUNNING","statuses":[{"newer":1}])"));
  CHECK(it.counters.unknown_fields == 2);
}

TEST_CASE("codec: null counts as absent") {
  Codec it;
  const TaskRecord one =
      it.task(with_ids(R"(,"executor_id":null,"statuses":null,"container":null,"name":null)"));
  CHECK(one.executor.empty());
  CHECK(one.volumes.empty());
}

TEST_CASE("codec: a record without its ids is refused") {
  Codec it;
  CHECK(it.task_error(R"({"task_id":{"value":"T"},"agent_id":{"value":"A"}})") == "task: no framework_id");
  CHECK(it.task_error(R"({"framework_id":{"value":"T"},"agent_id":{"value":"A"}})") == "task: no task_id");
  CHECK(it.task_error(R"({"framework_id":{"value":"T"},"task_id":{"value":"A"}})") == "task: no agent_id");
  CHECK(it.task_error(R"({"framework_id":{"value":""},"task_id":{},"agent_id":{"value":"A"}})") ==
        "task: no framework_id");
}

TEST_CASE("codec: wrong types and broken JSON are refused, naming the field") {
  Codec it;
  CHECK_THAT(it.task_error(with_ids(R"(,"state":7)")), Catch::Contains("state is not a string"));
  CHECK_THAT(it.task_error(with_ids(R"(,"executor_id":"e")")),
             Catch::Contains("executor_id is not an object"));
  CHECK_THAT(it.task_error(with_ids(R"(,"statuses":{})")), Catch::Contains("statuses is not an array"));
  CHECK_THAT(it.task_error(with_ids(R"(,"statuses":[{"unreachable_time":{"nanoseconds":1.5}}])")),
             Catch::Contains("nanoseconds is not an integer"));
  for (const char* const json : {"[]",
                                 "{",
                                 "{}}",
                                 "{} {}",
                                 "{\"name\"}",
                                 "{\"name\":}",
                                 "{\"name\":\"a\" \"b\"}",
                                 "{\"name\":\"a\"x}",
                                 "{,}",
                                 "{\"name\":\"a\",}",
                                 "{\"name\" \"a\"}",
                                 "{\"statuses\":[}",
                                 "{\"statuses\":[1,]}",
                                 "{\"statuses\":[,]}",
                                 "{\"resources\":]}",
                                 "{\"resources\":,}",
                                 "{\"resources\"::1}",
                                 "{\"a\":\"\x01\"}",
                                 "{\"name\":\"\\q\"}",
                                 "{\"name\":\"\\ud800\"}",
                                 "\"name\"",
                                 "7"}) {
    INFO(json);
    CHECK_FALSE(it.task_error(json).empty());
  }
}

TEST_CASE("codec: nanoseconds stay integers") {
  Codec it;
  const TaskRecord one =
      it.task(with_ids(R"(,"statuses":[{"unreachable_time":{"nanoseconds":9223372036854775807}}])"));
  CHECK(one.last_status->unreachable_time_set);
}

TEST_CASE("codec: escapes are resolved, control characters replaced") {
  Codec it;
  CHECK(it.task(with_ids(R"(,"name":"a\"\\\/\u00e9\ud83d\ude00b")")).name ==
        "a\"\\/\xc3\xa9\xf0\x9f\x98\x80"
        "b");
  CHECK(it.task(with_ids(R"(,"name":"a\n\u0000b")")).name == "a??b");
  CHECK(it.counters.replaced_bytes == 2);
}

TEST_CASE("codec: invalid UTF-8 is replaced and the element read again") {
  Codec it;
  const TaskRecord one =
      it.task(with_ids(",\"name\":\"a\xff"
                       "b\xc3\",\"x\":\"\xed\xa0\x80\",\"state\":\"TASK_RUNNING\""));
  CHECK(one.name == "a?b?");
  CHECK(one.state == TaskState::task_running);
  CHECK(it.counters.replaced_bytes == 5);
  CHECK(it.task(with_ids(",\"name\":\"\xc3\xa9\"")).name == "\xc3\xa9");
  CHECK(it.counters.replaced_bytes == 5);
}

TEST_CASE("utf8: every kind of bad byte") {
  const auto repaired = [](std::string text) {
    const std::size_t n = repair_utf8(text);
    return fmt::format("{} {}", n, text);
  };
  CHECK(repaired("plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "0 plain \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
  CHECK(repaired("\x80") == "1 ?");
  CHECK(repaired("\xc0\xaf") == "2 ??");            // overlong
  CHECK(repaired("\xe0\x80\xaf") == "3 ???");       // overlong
  CHECK(repaired("\xed\xa0\x80") == "3 ???");       // a surrogate
  CHECK(repaired("\xf4\x90\x80\x80") == "4 ????");  // above U+10FFFF
  CHECK(repaired("\xe2\x82") == "2 ??");            // cut off
  CHECK(repaired("\xe2\x82\"") == "2 ??\"");        // the quote stays
  CHECK(repaired("\xf0\x9f\x98 \xfe") == "4 ??? ?");
}

TEST_CASE("codec: long texts are cut at a character, long ids refused") {
  Codec it;
  const std::string name = std::string(1023, 'n') + "\xc3\xa9";
  CHECK(it.task(with_ids(",\"name\":\"" + name + "\"")).name == std::string(1023, 'n'));
  CHECK(it.counters.cut_texts == 1);
  CHECK_THAT(it.task_error(with_ids(",\"executor_id\":{\"value\":\"" + std::string(1025, 'x') + "\"}")),
             Catch::Contains("executor_id: an id of 1025 bytes; the bound is 1024"));
}

TEST_CASE("codec: a containerizer of the future counts as docker") {
  Codec it;
  CHECK(it.task(with_ids(R"(,"container":{"type":"PODMAN"})")).containerizer == Containerizer::docker);
  CHECK(it.task(with_ids(R"(,"container":{})")).containerizer == Containerizer::mesos);
  CHECK(it.counters.unknown_values == 1);
}

TEST_CASE("codec: an agent with its reservations") {
  Codec it;
  AgentSeen one;
  REQUIRE(it.codec.read_agent(
      R"({"total_resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":2.0},"role":"*"},)"
      R"({"name":"ports","type":"RANGES","ranges":{"range":[]},"role":"db","reservations":[{"role":"db"}]},)"
      R"({"name":"ext-storage-inst1","type":"SCALAR","scalar":{"value":7500000.5},"role":"db",)"
      R"("reservation":{},)"
      R"("reservations":[{"type":"STATIC","role":"eng","labels":{"labels":[{"key":"old","value":"x"}]}},)"
      R"({"type":"DYNAMIC","role":"eng/db","labels":{"labels":[{"key":"extvold.volume","value":"w"}]}}]},)"
      R"({"name":"disk","scalar":{"value":2048},"role":"old","reservation":{"labels":{"labels":[{"key":"k",)"
      R"("value":"v"}]}},)"
      R"("disk":{"persistence":{"id":"pv"},"volume":{"container_path":"p","mode":"RW"},)"
      R"("source":{"type":"MOUNT","mount":{"root":"/m"},"profile":"fast","id":"i"}},)"
      R"("provider_id":{"value":"rp"}}],)"
      R"("agent_info":{"hostname":"h1","id":{"value":"S1"},"attributes":[{"name":"rack","type":"TEXT",)"
      R"("text":{"value":"r1"}},{"name":"n","type":"SCALAR","scalar":{"value":1.50}},{"name":"s",)"
      R"("type":"SET","set":{}}]},)"
      R"("active":false,"deactivated":true,"version":"1.11.0","pid":"slave(1)@10.0.0.5:5051",)"
      R"("drain_info":{"state":"DRAINING","config":{"mark_gone":false}}})",
      one));
  const AgentRecord& agent = one.agent;
  CHECK(agent.agent.value == "S1");
  CHECK(agent.hostname == "h1");
  CHECK(agent.address == "10.0.0.5:5051");
  CHECK(agent.version == "1.11.0");
  CHECK_FALSE(agent.active);
  CHECK(agent.deactivated);
  CHECK(agent.drain_state == "DRAINING");
  CHECK(agent.attributes == std::vector<std::pair<std::string, std::string>>{{"rack", "r1"}, {"n", "1.50"}});
  CHECK(agent.resources_hash != 0);
  CHECK(it.counters.unknown_fields == 0);
  const AgentId id("S1");
  REQUIRE(one.reservations);
  CHECK(*one.reservations ==
        std::vector<ReservationRecord>{
            {id, "eng/db", "ext-storage-inst1", "", "", "", 7'500'000'500, {{"extvold.volume", "w"}}},
            {id, "old", "disk", "pv", "p", "MOUNT id=i profile=fast provider=rp", 2'048'000, {{"k", "v"}}}});
}

TEST_CASE("codec: the hash of an agent's resources follows the resources only") {
  Codec it;
  const auto hash = [&](std::string_view resources, std::string_view more) {
    AgentSeen one;
    REQUIRE(it.codec.read_agent(
        fmt::format(R"({{"agent_info":{{"id":{{"value":"S"}}}},"total_resources":{}{}}})", resources, more),
        one));
    REQUIRE(one.reservations);
    CHECK(one.reservations->empty());
    return one.agent.resources_hash;
  };
  const auto one = hash(R"([{"name":"disk","scalar":{"value":1.0}}])", "");
  CHECK(one == hash(R"([{"name":"disk","scalar":{"value":1.0}}])", R"(,"active":false)"));
  CHECK(one != hash(R"([{"name":"disk","scalar":{"value":2.0}}])", ""));
}

TEST_CASE("codec: absurd amounts are refused") {
  Codec it;
  AgentSeen one;
  const Status done = it.codec.read_agent(
      R"({"agent_info":{"id":{"value":"S"}},"total_resources":[{"name":"d","scalar":{"value":1e300},)"
      R"("role":"x"}]})",
      one);
  REQUIRE_FALSE(done);
  CHECK_THAT(done.error().message, Catch::Contains("an amount of 1e+300"));
}

TEST_CASE("accept: the address in a pid") {
  CHECK(address_of_pid("slave(1)@10.0.0.5:5051") == "10.0.0.5:5051");
  CHECK(address_of_pid("slave(1)@[::1]:5051") == "[::1]:5051");
  for (const char* const pid :
       {"", "slave(1)", "10.0.0.5:5051", "slave(1)@", "slave(1)@:5051", "slave(1)@10.0.0.5",
        "slave(1)@10.0.0.5:", "slave(1)@10.0.0.5:0", "slave(1)@10.0.0.5:65536", "slave(1)@10.0.0.5:50x",
        "slave(1)@host/evil:80", "slave(1)@host:80"}) {
    INFO(pid);
    CHECK(address_of_pid(pid).empty());
  }
}

TEST_CASE("codec: an executor of the agent's API, with DVDI variables") {
  Codec it;
  ExecutorRecord one;
  one.agent = AgentId("S1");
  REQUIRE(it.codec.read_executor(
      R"({"executor_info":{"executor_id":{"value":"e"},"framework_id":{"value":"F"},)"
      R"("command":{"environment":{"variables":[)"
      R"({"name":"PASSWORD","type":"VALUE","value":"hunter2"},{"value":"b","type":"VALUE",)"
      R"("name":"DVDI_VOLUME_NAME2"},)"
      R"({"name":"DVDI_VOLUME_NAME","type":"SECRET","secret":{"type":"VALUE",)"
      R"("value":{"data":"aHVudGVyMg=="}}}]}},)"
      R"("data":"aHVudGVyMg=="}})",
      one));
  CHECK(one.agent.value == "S1");
  CHECK(one.volumes ==
        std::vector<VolumeReference>{{ReferenceSpelling::dvdi_variable, "rexray", "", "", false},
                                     {ReferenceSpelling::dvdi_variable, "rexray", "b", "", false}});
}

TEST_CASE("codec: the disks and labels of tasks and executors") {
  Codec it;
  const std::string ours =
      R"("resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1.0}},{"name":"disk","type":"SCALAR",)"
      R"("scalar":{"value":64.0},"allocation_info":{"role":"db"},"reservations":[{"type":"DYNAMIC",)"
      R"("role":"db","labels":{"labels":[{"key":"extvold.volume","value":"not-of-the-task"}]}}],)"
      R"("disk":{"persistence":{"id":"pv","principal":"p"},"volume":{"mode":"RO","container_path":"d"},)"
      R"("source":{"type":"MOUNT","mount":{"root":"/m"},"vendor":"com.x","id":"v-1","profile":"fast",)"
      R"("metadata":{"labels":[{"key":"k","value":"v"}]}}},"provider_id":{"value":"rp"},"shared":{}},)"
      R"({"name":"disk","disk":{"volume":{"mode":"RW","container_path":"tmp"}}}],)"
      R"("labels":{"labels":[{"key":"HAPROXY_GROUP","value":"external"},{"key":"lonely"},)"
      R"({"value":"orders","key":"extvold.volume"},{"key":"extvold.mode","value":"r\u006f"}]})";
  const std::vector<VolumeReference> wanted{{ReferenceSpelling::persistent_volume, "com.x", "v-1", "d", true},
                                            {ReferenceSpelling::label, "extvold", "orders", "", true}};
  CHECK(it.task(with_ids("," + ours)).volumes == wanted);
  ExecutorRecord executor;
  REQUIRE(it.codec.read_executor(R"({"agent_id":{"value":"S"},"executor_info":{"executor_id":{"value":"e"},)"
                                 R"("framework_id":{"value":"F"},)" +
                                     ours + "}}",
                                 executor));
  CHECK(executor.volumes == wanted);
  CHECK(it.counters.unknown_fields == 0);
}

TEST_CASE("codec: no secret of a task or executor is kept") {
  Codec it;
  const std::string secrets =
      R"("container":{"type":"DOCKER","docker":{"image":"i","parameters":[{"key":"env",)"
      R"("value":"PASSWORD=hunter2"},{"key":"volume","value":"pg:/d"}]},"volumes":[{"mode":"RW",)"
      R"("container_path":"s","source":{"type":"SECRET","secret":{"type":"VALUE","value":{"data":)"
      R"("hunter2"}}}},{"mode":"RW","container_path":"c","source":{"type":"CSI_VOLUME","csi_volume":)"
      R"({"plugin_name":"p","static_provisioning":{"volume_id":"v","node_stage_secrets":{"user":)"
      R"({"type":"VALUE","value":{"data":"hunter2"}}},"node_publish_secrets":{"user":{"type":"VALUE",)"
      R"("value":{"data":"hunter2"}}}}}}}]},"labels":{"labels":[{"key":"password","value":"hunter2"}]})";
  TaskSeen task;
  task.task = it.task(with_ids("," + secrets));
  CHECK(task.task.volumes.size() == 2);
  CHECK_THAT(tests::event_text(task), !Catch::Contains("hunter2"));
  ExecutorSeen executor;
  REQUIRE(it.codec.read_executor(
      R"({"agent_id":{"value":"S"},"executor_info":{"executor_id":{"value":"e"},)"
      R"("framework_id":{"value":"F"},)"
      R"("command":{"environment":{"variables":[{"name":"DVDI_VOLUME_NAME","type":"SECRET","secret":)"
      R"({"type":"VALUE","value":{"data":"hunter2"}}},{"name":"DVDI_VOLUME_OPTS","type":"VALUE","value":)"
      R"("password=hunter2"},{"name":"DVDI_VOLUME_NAME3","type":"VALUE","value":""}]}},)" +
          secrets + "}}",
      executor.executor));
  CHECK(executor.executor.volumes.size() == 3);
  CHECK_THAT(tests::event_text(executor), !Catch::Contains("hunter2"));
}

TEST_CASE("codec: a nested container's parent may stand in its status only") {
  Codec it;
  AgentContainer one;
  REQUIRE(it.codec.read_container(
      R"({"container_id":{"value":"c"},"container_status":{"container_id":{"value":"c",)"
      R"("parent":{"value":"p"}},"executor_pid":7},"resource_statistics":{}})",
      one));
  CHECK(one.container.value == "c");
  CHECK(one.parent.value == "p");
  CHECK(it.counters.unknown_fields == 0);
}

}  // namespace extvold::ingest
