#include "providers/rbd/own_clients.h"

#include <algorithm>
#include <utility>

namespace extvold::providers::rbd {

namespace {

bool is_removal(const std::vector<std::string>& words) { return !words.empty() && words.front() == "rm"; }

}  // namespace

void OwnClients::begin(const std::vector<std::string>& words, Instant now) {
  constexpr Duration kLookMax = minutes(15);  // no look lasts that long
  std::erase_if(images_, [&](const auto& entry) {
    return entry.second.running == 0 && entry.second.gone_at + kLookMax < now;
  });
  for (const std::string& name : images_named(words)) {
    Image& image = images_[name];
    ++image.running;
    if (is_removal(words)) ++image.removing;
  }
}

void OwnClients::end(const std::vector<std::string>& words, Instant gone_at) {
  std::vector<std::function<void()>> waiting;
  for (const std::string& name : images_named(words)) {
    Image& image = images_[name];
    --image.running;
    if (is_removal(words)) --image.removing;
    image.gone_at = std::max(image.gone_at, gone_at);
    if (image.running > 0) continue;
    for (auto& then : std::exchange(image.waiting, {})) waiting.push_back(std::move(then));
  }
  for (const auto& then : waiting) then();
}

bool OwnClients::may_be_seen(const std::string& image, Instant since) const {
  const auto found = images_.find(image);
  return found != images_.end() && (found->second.running > 0 || found->second.gone_at >= since);
}

bool OwnClients::is_running(const std::string& image) const {
  const auto found = images_.find(image);
  return found != images_.end() && found->second.running > 0;
}

bool OwnClients::is_being_removed(const std::string& image) const {
  const auto found = images_.find(image);
  return found != images_.end() && found->second.removing > 0;
}

void OwnClients::when_ended(const std::string& image, std::function<void()> then) {
  images_[image].waiting.push_back(std::move(then));
}

std::vector<std::string> images_named(const std::vector<std::string>& words) {
  std::vector<std::string> images;
  for (const std::string& word : words) {
    const bool plain = word.find('/') != std::string::npos && word.find_first_of(" -") != 0;
    const std::string image = word.substr(0, word.find('@'));
    if (plain && std::find(images.begin(), images.end(), image) == images.end()) images.push_back(image);
  }
  return images;
}

}  // namespace extvold::providers::rbd
