#include "daemon/ingest/value_dropper.h"

#include <rapidcheck.h>

#include <array>
#include <catch2/catch.hpp>

namespace extvold::ingest {

namespace {

constexpr std::array kLeftOut{LeftOut{"offers", 1}, LeftOut{"data", 2}};

std::string kept(std::string_view text, std::size_t piece) {
  ValueDropper dropper;
  dropper.begin(kLeftOut);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    const std::string exact(text.substr(at, piece));
    dropper.feed(exact, out);
  }
  return out;
}

std::string kept(std::string_view text) {
  std::string whole = kept(text, text.size() + 1);
  for (std::size_t piece = 1; piece < 9; ++piece) CHECK(kept(text, piece) == whole);
  return whole;
}

// A value and what is to be kept of it, inside of `depth` brackets.
struct Pair {
  std::string text;
  std::string kept;
};

Pair value(int depth);

Pair object(int depth) {
  Pair out{"{", "{"};
  const int fields = *rc::gen::inRange(0, 4);
  for (int i = 0; i < fields; ++i) {
    const auto key = *rc::gen::element<std::string>("offers", "data", "offer", "a\\\"b", "\\\\");
    const auto colon = *rc::gen::element<std::string>(":", " : ", ":\n");
    const Pair inner = value(depth + 1);
    const bool left_out = (key == "offers" && depth == 0) || (key == "data" && depth == 1);
    const bool small = inner.text[0] != '{' && inner.text[0] != '[' && inner.text[0] != '"';
    const std::string head = (i == 0 ? "\"" : ",\"") + key + "\"" + colon;
    out.text += head + inner.text;
    out.kept += head + (left_out && !small ? "null" : inner.kept);
  }
  return {out.text + "}", out.kept + "}"};
}

Pair array(int depth) {
  Pair out{"[", "["};
  const int elements = *rc::gen::inRange(0, 4);
  for (int i = 0; i < elements; ++i) {
    const Pair inner = value(depth + 1);
    out.text += (i == 0 ? "" : ", ") + inner.text;
    out.kept += (i == 0 ? "" : ", ") + inner.kept;
  }
  return {out.text + "]", out.kept + "]"};
}

Pair value(int depth) {
  const int kind = *rc::gen::inRange(0, depth > 3 ? 2 : 5);
  if (kind >= 3) return object(depth);
  if (kind == 2) return array(depth);
  auto text = kind == 0 ? *rc::gen::element<std::string>("1", "-2.5e3", "true", "null")
                        : *rc::gen::element<std::string>(R"("")", R"("}]")", R"("\"{")", R"("offers")",
                                                         R"("\\")", R"("data\"")");
  return {text, text};
}

}  // namespace

TEST_CASE("dropper: leaves out large values under a named key at its depth") {
  CHECK(kept(R"({"a":1,"offers":[{"x":"]"},{"y":[]}],"b":2})") == R"({"a":1,"offers":null,"b":2})");
  CHECK(kept(R"({"status":{"data":"ab\"}c\\","state":"S"},"x":3})") ==
        R"({"status":{"data":null,"state":"S"},"x":3})");
  CHECK(kept(R"({ "offers" : {"a":{}} , "statuses":[{"data" :"x"}] })") ==
        R"({ "offers" : null , "statuses":[{"data" :"x"}] })");
}

TEST_CASE("dropper: everything else is copied, also what is no JSON") {
  for (const std::string_view text : {
           R"({"data":"x","a":{"offers":[1]}})",         // at another depth
           R"({"a":"offers","b":["offers",["data"]]})",  // no keys
           R"({"offers":12,"a":{"data":true}})",         // small
           R"({"offers":null})",
           R"({"offers":})",
           R"({"offers")",
           R"({"offers":)",
           R"({"of\u0066ers":[1]})",
           R"(}}{"a" "b":,,]")",
           R"({"a":"\)",
       }) {
    CHECK(kept(text) == text);
  }
}

TEST_CASE("dropper: of any element exactly the named values are missing, wherever it is split") {
  CHECK(rc::check([] {
    const Pair element = object(0);
    RC_ASSERT(kept(element.text, element.text.size() + 1) == element.kept);
    RC_ASSERT(kept(element.text, *rc::gen::inRange<std::size_t>(1, 20)) == element.kept);
  }));
}

}  // namespace extvold::ingest
