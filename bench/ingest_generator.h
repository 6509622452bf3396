// IngestGenerator: a SUBSCRIBED record of any size, made by multiplying recorded tasks, executors, frameworks
// and agents.
//
// Every copy has its own ids, container ids, volume names and addresses, so that a ledger sees as many rows
// as the record has elements. The bytes come piece by piece, RecordIO framed (the length line first, a
// heartbeat record last), and nothing ever holds the whole. The same shape gives the same bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/result.h"

namespace extvold::bench {

struct IngestShape {
  std::uint32_t agents = 10'000;
  std::uint32_t tasks = 200'000;  // in all three lists: 1 in 200 unreachable, 1 in 10 completed
  std::uint32_t executors = 2'000;
  std::uint32_t frameworks = 20;
};

// One recorded element, with holes where a copy differs.
class ElementTemplate {
 public:
  enum class Hole : std::uint8_t {
    none,
    task,
    framework,
    agent,
    executor,
    container,
    root_container,
    uuid,
    volume,
    hostname,
    address
  };
  struct Numbers {
    std::uint32_t element = 0;  // of the task, executor, framework or agent itself
    std::uint32_t framework = 0;
    std::uint32_t agent = 0;
  };

  explicit ElementTemplate(std::string_view json);
  void append(const Numbers& numbers, std::string& out) const;
  std::size_t size() const { return size_; }  // of every copy

 private:
  struct Piece {
    std::string literal;
    Hole hole = Hole::none;  // filled after the literal
  };
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
};

// The first event of a recorded stream whose text holds all of `words`.
Result<ElementTemplate> recorded_event(const std::string& stream,
                                       std::initializer_list<std::string_view> words);

class IngestGenerator {
 public:
  // `recordings`: the folder tests/data/mesos.
  static Result<IngestGenerator> load(const std::string& recordings, IngestShape shape);

  // Replaces `chunk` by the next bytes, at least `want` of them unless the end comes first; empty at the end.
  void next(std::size_t want, std::string& chunk);
  void rewind() {
    list_ = 0;
    element_ = 0;
  }

  std::uint64_t record_bytes() const { return record_bytes_; }
  const IngestShape& shape() const { return shape_; }

 private:
  // One array of the snapshot, and what stands before it.
  struct List {
    std::string before;
    std::vector<ElementTemplate> IngestGenerator::*templates = nullptr;  // generators are moved
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };

  explicit IngestGenerator(IngestShape shape) : shape_(shape) {}
  void lay_out();
  std::size_t list_bytes(const List& list) const;

  IngestShape shape_;
  std::vector<ElementTemplate> tasks_, unreachable_, completed_, executors_, frameworks_, agents_;
  std::vector<List> lists_;
  std::uint64_t record_bytes_ = 0;
  std::size_t list_ = 0;
  std::uint32_t element_ = 0;
};

}  // namespace extvold::bench
