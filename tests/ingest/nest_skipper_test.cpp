#include "daemon/ingest/nest_skipper.h"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

namespace extvold::ingest {

namespace {

using End = NestSkipper::End;

NestSkipper::Progress whole(std::string_view text) {
  NestSkipper skipper;
  skipper.begin();
  return skipper.feed(text);
}

// Bytes that matter come often.
rc::Gen<std::string> nasty_text() {
  return rc::gen::container<std::string>(rc::gen::weightedElement<char>(
      {{6, 'x'}, {3, '{'}, {3, '}'}, {2, '['}, {2, ']'}, {3, '"'}, {2, '\\'}, {1, ' '}, {1, '\xc3'}}));
}

struct Outcome {
  End end;
  std::size_t used;
  std::int32_t depth;
  bool in_string, escaped;
  bool operator==(const Outcome&) const = default;
};

Outcome run(NestSkipper::Kernel kernel, std::string_view text, std::size_t split) {
  NestSkipper::State state;
  const std::size_t first = std::min(split, text.size());
  NestSkipper::Progress progress = kernel(state, text.substr(0, first));
  if (progress.end == End::not_yet) {
    progress = kernel(state, text.substr(first));
    progress.used += first;
  }
  if (progress.end != End::not_yet) state = {};  // of no use any more
  return {progress.end, progress.used, state.depth, state.in_string, state.escaped};
}

}  // namespace

TEST_CASE("nests: the end is found, and strings are no structure") {
  CHECK(whole("{}").used == 2);
  CHECK(whole(R"({"a":[1,{"b":"}]"}],"c":"\"}"} , {)").used == 30);
  CHECK(whole(R"({"a":"\\"}x)").used == 10);
  CHECK(whole("[[]").end == End::not_yet);
  CHECK(whole(R"({"a":"}})").end == End::not_yet);
}

TEST_CASE("nests: depth is bounded") {
  const std::string deep(NestSkipper::kMaxDepth, '[');
  CHECK(whole(deep).end == End::not_yet);
  CHECK(whole(deep + "[").end == End::too_deep);
  CHECK(whole(deep + "[").used == NestSkipper::kMaxDepth);
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "{},[],";
  CHECK(whole(wide + "0]").end == End::found);
}

TEST_CASE("nests: the fast way and the plain way agree, wherever the bytes are split") {
  CHECK(rc::check([] {
    const std::string text = "{" + *nasty_text() + *nasty_text();
    const auto split = *rc::gen::inRange<std::size_t>(0, text.size() + 1);
    const Outcome plain = run(NestSkipper::feed_plain, text, text.size());
    RC_ASSERT(run(NestSkipper::best_kernel(), text, text.size()) == plain);
    RC_ASSERT(run(NestSkipper::best_kernel(), text, split) == plain);
    RC_ASSERT(run(NestSkipper::feed_plain, text, split) == plain);
  }));
}

TEST_CASE("nests: long texts of mostly structure, near the depth bound") {
  CHECK(rc::check([] {
    std::string text(static_cast<std::size_t>(*rc::gen::inRange(100, 129)), '[');
    for (int i = 0; i < 40; ++i)
      text += *rc::gen::element<std::string>("[]", "[[", "]]", "\"[\"", "x", "\"\\\"\"");
    const Outcome plain = run(NestSkipper::feed_plain, text, text.size());
    RC_ASSERT(run(NestSkipper::best_kernel(), text, text.size()) == plain);
  }));
}

}  // namespace extvold::ingest
