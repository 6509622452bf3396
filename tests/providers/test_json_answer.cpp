#include "providers/json_answer.h"

#include <catch2/catch.hpp>

using extvold::Duration;
using extvold::HttpResponse;
using extvold::seconds;
namespace pr = extvold::providers;

TEST_CASE("json answer: Retry-After counts where it is a number of seconds") {
  const auto of = [](std::string value) {
    HttpResponse answer;
    answer.status = 429;
    answer.headers = {{"content-type", "text/html"}, {"retry-after", std::move(value)}};
    return pr::json_answer(answer, "gateway")->retry_after;
  };
  CHECK(of("7") == seconds(7));
  CHECK(of("86400") == seconds(86'400));
  for (const char* odd : {"", "0", "-1", "7s", " 7", "Fri, 31 Dec 1999 23:59:59 GMT", "99999999999999999999",
                          "1000000", "1.5"}) {
    INFO(odd);
    CHECK(of(odd) == Duration{});
  }
  CHECK(pr::json_answer(HttpResponse{}, "gateway")->retry_after == Duration{});
}
