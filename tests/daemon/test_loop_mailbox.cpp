// LoopMailbox: closures of other threads run on the loop's; those that come too late are kept.
#include <catch2/catch.hpp>
#include <thread>

#include "daemon/loop_mailbox.h"

using extvold::daemon::LoopMailbox;
using extvold::daemon::uv::Loop;

TEST_CASE("mailbox: what another thread posts runs on the loop, in order") {
  Loop loop;
  LoopMailbox mailbox(loop);
  std::vector<int> ran;
  std::thread::id where;
  std::thread other([post = mailbox.post(), &ran, &where] {
    for (int i = 0; i < 1000; ++i) {
      post->post([i, &ran, &where] {
        ran.push_back(i);
        where = std::this_thread::get_id();
      });
    }
  });
  other.join();
  while (ran.size() < 1000) loop.turn();
  CHECK(std::is_sorted(ran.begin(), ran.end()));
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE("mailbox: what is posted after its end is neither run nor dropped where it came from") {
  const auto held = std::make_shared<int>(0);
  bool ran = false;
  std::shared_ptr<extvold::providers::csi::LoopPost> post;
  {
    Loop loop;
    LoopMailbox mailbox(loop);
    post = mailbox.post();
  }
  std::thread other([post = std::move(post), held, &ran]() mutable {
    post->post([held, &ran] { ran = true; });
    post.reset();
  });
  other.join();
  CHECK_FALSE(ran);
  CHECK(held.use_count() == 2);
}
