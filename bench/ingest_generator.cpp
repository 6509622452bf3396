#include "bench/ingest_generator.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include "daemon/ingest/element_scanner.h"

namespace extvold::bench {

namespace {

using Hole = ElementTemplate::Hole;
using ingest::Place;

struct OldText {
  std::string_view text;
  Hole hole;
};

// The string that follows each `marker`, as a thing to replace wherever it stands.
void collect(std::string_view json, std::string_view marker, Hole hole, std::vector<OldText>& out) {
  for (std::size_t at = json.find(marker); at != std::string_view::npos; at = json.find(marker, at + 1)) {
    const std::string_view rest = json.substr(at + marker.size());
    const std::string_view text = rest.substr(0, rest.find_first_of("\":"));
    const auto same = [&](const OldText& one) { return one.text == text; };
    if (!text.empty() && std::none_of(out.begin(), out.end(), same)) out.push_back({text, hole});
  }
}

std::vector<OldText> old_texts(std::string_view json) {
  std::vector<OldText> out;
  collect(json, R"("task_id":{"value":")", Hole::task, out);
  collect(json, R"("framework_id":{"value":")", Hole::framework, out);
  collect(json, R"("agent_id":{"value":")", Hole::agent, out);
  collect(json, R"("executor_id":{"value":")", Hole::executor, out);
  collect(json, R"("parent":{"value":")", Hole::root_container, out);
  collect(json, R"("container_id":{"value":")", Hole::container, out);
  collect(json, R"(uuid":")", Hole::uuid, out);
  collect(json, R"("driver":"extvold","name":")", Hole::volume, out);
  collect(json, R"("driver":"rexray","name":")", Hole::volume, out);
  collect(json, R"("volume_id":")", Hole::volume, out);
  collect(json, R"("key":"volume","value":")", Hole::volume, out);
  if (json.find(R"("framework_info")") != std::string_view::npos)
    collect(json, R"("id":{"value":")", Hole::framework, out);
  if (json.find(R"("agent_info")") != std::string_view::npos) {
    collect(json, R"("id":{"value":")", Hole::agent, out);
    collect(json, R"("hostname":")", Hole::hostname, out);
    collect(json, "slave(1)@", Hole::address, out);
  }
  return out;
}

// Fixed width, so that a record's length is known before it is written.
std::string filling(Hole hole, const ElementTemplate::Numbers& n) {
  switch (hole) {
    case Hole::none:
      return {};
    case Hole::task:
      return fmt::format("task-{:06}", n.element);
    case Hole::framework:
      return fmt::format("c1b8a0aa-1e5e-47c4-9250-853736662b5d-{:04}", n.framework);
    case Hole::agent:
      return fmt::format("c1b8a0aa-1e5e-47c4-9250-853736662b5d-S{:05}", n.agent);
    case Hole::executor:
      return fmt::format("executor-{:06}", n.element);
    case Hole::container:
      return fmt::format("{:08x}-c7f2-41d4-80dd-a6696d9277a5", n.element);
    case Hole::root_container:
      return fmt::format("{:08x}-ee92-499b-b090-e98483f14673", n.element);
    case Hole::uuid:
      return fmt::format("{:08}fuSK6ZHw+ehDpQ==", n.element);
    case Hole::volume:
      return fmt::format("vol-{:06}", n.element);
    case Hole::hostname:
      return fmt::format("host-{:05}.cluster", n.agent);
    case Hole::address:
      return fmt::format("10.{}.{}.{}", 100 + n.agent / 10'000, 100 + n.agent / 100 % 100,
                         100 + n.agent % 100);
  }
  return {};
}

Result<std::string> read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  if (!in) return fail(Errc::not_found, "{}: cannot be read", path.string());
  return text;
}

// The elements of the master's recorded answers, one a (scenario, place, size) so that no shape counts twice.
class Harvest {
 public:
  Status read(const std::filesystem::path& file) {
    ASSIGN(const std::string body, read_file(file));
    scanner_.begin(ingest::master_nodes());
    scanner_.feed(body);
    while (true) {
      ASSIGN(const ingest::ScanPart part, scanner_.next());
      if (part.kind == ingest::ScanPart::Kind::need_more) return {};
      if (part.kind == ingest::ScanPart::Kind::value) keep(part.place, part.json);
    }
  }
  std::vector<ElementTemplate> at(Place place) const {
    std::vector<ElementTemplate> out;
    for (const auto& [where, size, json] : found_) {
      if (where == place) out.emplace_back(json);
    }
    return out;
  }

 private:
  void keep(Place place, std::string_view json) {
    const bool task =
        place == Place::task || place == Place::unreachable_task || place == Place::completed_task;
    if (task && json.find(R"("statuses")") == std::string_view::npos) return;
    found_.emplace(place, json.size(), std::string(json));
  }

  ingest::ElementScanner scanner_;
  std::set<std::tuple<Place, std::size_t, std::string>> found_;
};

}  // namespace

ElementTemplate::ElementTemplate(std::string_view json) {
  const std::vector<OldText> olds = old_texts(json);
  Piece piece;
  for (std::size_t at = 0; at < json.size();) {
    const OldText* match = nullptr;
    const char before = at == 0 ? ' ' : json[at - 1];
    for (const OldText& old : olds) {
      const std::size_t end = at + old.text.size();
      if (json.substr(at, old.text.size()) != old.text || end >= json.size()) continue;
      if ((before == '"' || before == '@') && (json[end] == '"' || json[end] == ':')) match = &old;
    }
    if (match == nullptr) {
      piece.literal += json[at++];
      continue;
    }
    piece.hole = match->hole;
    at += match->text.size();
    size_ += piece.literal.size() + filling(piece.hole, {}).size();
    pieces_.push_back(std::move(piece));
    piece = {};
  }
  size_ += piece.literal.size();
  pieces_.push_back(std::move(piece));
}

void ElementTemplate::append(const Numbers& numbers, std::string& out) const {
  for (const Piece& piece : pieces_) {
    out += piece.literal;
    if (piece.hole != Hole::none) out += filling(piece.hole, numbers);
  }
}

Result<ElementTemplate> recorded_event(const std::string& stream,
                                       std::initializer_list<std::string_view> words) {
  ASSIGN(const std::string bytes, read_file(stream));
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const std::size_t line = rest.find('\n');
    const std::size_t size = std::strtoul(rest.data(), nullptr, 10);
    if (line == std::string_view::npos || rest.size() < line + 1 + size) break;
    const std::string_view record = rest.substr(line + 1, size);
    const auto holds = [&](std::string_view word) { return record.find(word) != std::string_view::npos; };
    if (std::all_of(words.begin(), words.end(), holds)) return ElementTemplate(record);
    rest.remove_prefix(line + 1 + size);
  }
  return fail(Errc::not_found, "{}: no such event was recorded", stream);
}

Result<IngestGenerator> IngestGenerator::load(const std::string& recordings, IngestShape shape) {
  namespace fs = std::filesystem;
  if (!fs::is_directory(recordings)) {
    return fail(Errc::not_found, "{}: no folder of recordings; it is tests/data/mesos of the sources",
                recordings);
  }
  std::set<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(recordings)) {
    const std::string name = entry.path().filename().string();
    const bool answer = name.find("-m1-GET_TASKS") != std::string::npos ||
                        name.find("-m1-GET_AGENTS") != std::string::npos ||
                        name.find("-m1-GET_EXECUTORS") != std::string::npos;
    if (answer) files.insert(entry.path());
  }
  Harvest harvest;
  for (const fs::path& file : files) TRY(harvest.read(file));
  IngestGenerator generator(shape);
  generator.tasks_ = harvest.at(Place::task);
  generator.unreachable_ = harvest.at(Place::unreachable_task);
  generator.completed_ = harvest.at(Place::completed_task);
  generator.executors_ = harvest.at(Place::executor);
  generator.agents_ = harvest.at(Place::agent);
  generator.frameworks_.emplace_back(
      R"({"framework_info":{"user":"root","name":"pods","id":{"value":"F"},"failover_timeout":600.0,)"
      R"("checkpoint":true,"roles":["*"],"hostname":"recorder","capabilities":[{"type":"MULTI_ROLE"},)"
      R"({"type":"PARTITION_AWARE"}]},"active":true,"connected":true,"recovered":false,)"
      R"("registered_time":{"nanoseconds":1795405739065586944}})");
  for (const auto* list : {&generator.tasks_, &generator.unreachable_, &generator.completed_,
                           &generator.executors_, &generator.agents_}) {
    if (list->empty()) return fail(Errc::not_found, "{}: a kind of element was never recorded", recordings);
  }
  generator.lay_out();
  return generator;
}

// The order of Mesos' own answers (reference 2.1).
void IngestGenerator::lay_out() {
  const std::uint32_t unreachable = shape_.tasks / 200;
  const std::uint32_t completed = shape_.tasks / 10;
  const std::uint32_t running = shape_.tasks - unreachable - completed;
  lists_ = {
      {R"({"type":"SUBSCRIBED","subscribed":{"get_state":{"get_tasks":{"tasks":[)", &IngestGenerator::tasks_,
       0, running},
      {R"(],"unreachable_tasks":[)", &IngestGenerator::unreachable_, running, unreachable},
      {R"(],"completed_tasks":[)", &IngestGenerator::completed_, running + unreachable, completed},
      {R"(]},"get_executors":{"executors":[)", &IngestGenerator::executors_, 0, shape_.executors},
      {R"(]},"get_frameworks":{"frameworks":[)", &IngestGenerator::frameworks_, 0, shape_.frameworks},
      {R"(],"completed_frameworks":[]},"get_agents":{"agents":[)", &IngestGenerator::agents_, 0,
       shape_.agents},
      {R"(],"recovered_agents":[]}},"heartbeat_interval_seconds":15.0}})", nullptr, 0, 0},
  };
  record_bytes_ = 0;
  for (const List& list : lists_) record_bytes_ += list_bytes(list);
  lists_.front().before.insert(0, fmt::format("{}\n", record_bytes_));
  lists_.back().before += "20\n{\"type\":\"HEARTBEAT\"}";
}

std::size_t IngestGenerator::list_bytes(const List& list) const {
  std::size_t bytes = list.before.size() + (list.count > 0 ? list.count - 1 : 0);
  for (std::uint32_t i = 0; i < list.count; ++i) {
    const auto& templates = this->*list.templates;
    bytes += templates[i % templates.size()].size();
  }
  return bytes;
}

void IngestGenerator::next(std::size_t want, std::string& chunk) {
  chunk.clear();
  while (chunk.size() < want && list_ < lists_.size()) {
    const List& list = lists_[list_];
    if (element_ == 0) chunk += list.before;
    if (element_ == list.count) {
      ++list_;
      element_ = 0;
      continue;
    }
    if (element_ > 0) chunk += ',';
    const std::uint32_t element = list.first + element_;
    const auto& templates = this->*list.templates;
    const ElementTemplate& shape = templates[element_ % templates.size()];
    const bool is_framework = list.templates == &IngestGenerator::frameworks_;
    const bool is_agent = list.templates == &IngestGenerator::agents_;
    shape.append({element, is_framework ? element : element % shape_.frameworks,
                  is_agent ? element : element % shape_.agents},
                 chunk);
    ++element_;
  }
}

}  // namespace extvold::bench
