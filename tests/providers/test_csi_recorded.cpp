// The driver's double against the recording of a real driver (CSI hostpath 1.9, --enable-attach): sent what
// was sent to it, it answers with the same bytes, so that what the other tests prove holds for the real one.
#include <csi_proto/csi.pb.h>
#include <google/protobuf/util/json_util.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "providers/csi/rpc_channel.h"
#include "tests/providers/csi_world.h"

using namespace extvold;
using namespace extvold::tests;
using google::protobuf::Message;

namespace {

struct Method {
  std::string path;
  std::unique_ptr<Message> request;
  std::unique_ptr<Message> reply;
};

// Of the calls that the project speaks; those of a node and the list of snapshots are not among them.
std::optional<Method> method_of(const std::string& rpc) {
  const google::protobuf::FileDescriptor& file = *csi::v1::Volume::descriptor()->file();
  for (int i = 0; i < file.service_count(); ++i) {
    const google::protobuf::MethodDescriptor* found = file.service(i)->FindMethodByName(rpc);
    if (found == nullptr) continue;
    auto* const factory = google::protobuf::MessageFactory::generated_factory();
    return Method{"/" + file.service(i)->full_name() + "/" + rpc,
                  std::unique_ptr<Message>(factory->GetPrototype(found->input_type())->New()),
                  std::unique_ptr<Message>(factory->GetPrototype(found->output_type())->New())};
  }
  return std::nullopt;
}

nlohmann::json json_of(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  REQUIRE(google::protobuf::util::MessageToJsonString(message, &text, options).ok());
  return nlohmann::json::parse(text, nullptr, false);
}

providers::csi::RpcAnswer ask(QueuePost& loop, providers::csi::RpcChannel& channel, const Method& method) {
  std::optional<providers::csi::RpcAnswer> got;
  channel.call(method.path, method.request->SerializeAsString(), seconds(30),
               [&](providers::csi::RpcAnswer answer) { got = std::move(answer); });
  while (!got) REQUIRE(loop.run_one());
  return *got;
}

}  // namespace

TEST_CASE("csi: the double answers as the recorded driver did", "[csi]") {
  CsiDoubleOptions options;
  options.as_recorded = true;
  CsiDouble driver(options);
  const auto loop = std::make_shared<QueuePost>();
  providers::csi::RpcChannel channel(driver.endpoint(), loop);
  std::ifstream lines(std::string(EXTVOLD_SOURCE_DIR) + "/tests/data/csi-hostpath/calls.jsonl");
  int replayed = 0;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json call = nlohmann::json::parse(line, nullptr, false);
    const std::optional<Method> method = method_of(call["rpc"]);
    if (!method || call["note"] == "from snapshot") continue;
    INFO(line);
    REQUIRE(google::protobuf::util::JsonStringToMessage(call["request"].dump(), method->request.get()).ok());
    const providers::csi::RpcAnswer answer = ask(*loop, channel, *method);
    ++replayed;
    CHECK(answer.code == call.value("code", 0));
    CHECK(answer.text == call.value("message", ""));
    if (answer.code != 0) continue;
    REQUIRE(method->reply->ParseFromString(answer.body));
    CHECK(json_of(*method->reply) == call["reply"]);
  }
  CHECK(replayed == 35);
}
