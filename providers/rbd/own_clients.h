// OwnClients: which images the programs that we started have open just now. While `rbd` changes an image it
// watches it, as any client does; a look that saw that would take us for a host that has the volume.
//
// Loop thread only. Forgotten with the process: what a former one has left goes by itself within kLinger.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/instant.h"

namespace extvold::providers::rbd {

// How long the cluster keeps the watch of a client that was killed (osd_client_watch_timeout: 30 s), and
// some.
inline constexpr Duration kLinger = seconds(40);

class OwnClients {
 public:
  // A program begins that has these words. `gone_at`: from then on nothing of it is seen any more.
  void begin(const std::vector<std::string>& words, Instant now);
  void end(const std::vector<std::string>& words, Instant gone_at);

  // A client that was seen there since that time may have been one of ours.
  bool may_be_seen(const std::string& image, Instant since) const;
  bool is_running(const std::string& image) const;
  // That may take an hour. It began when nobody had the image open, and else refuses by itself.
  bool is_being_removed(const std::string& image) const;
  // Once none runs there: from inside end().
  void when_ended(const std::string& image, std::function<void()> then);

 private:
  struct Image {
    int running = 0;
    int removing = 0;  // of those
    Instant gone_at;
    std::vector<std::function<void()>> waiting;
  };
  std::map<std::string, Image> images_;
};

// The images that are named by the words of an rbd command: "pool/image", "pool/image@snapshot".
std::vector<std::string> images_named(const std::vector<std::string>& words);

}  // namespace extvold::providers::rbd
