// Secret: a password, a token, a whole Authorization value; bytes that may be sent and never shown.
//
// Move-only, owned by one thread at a time; wiped when it ends. It has no conversion, no formatter and no
// operator<<, so that a log line, a message, JSON or a ledger row that takes one does not compile. reveal()
// is the only way out: grep for it to see every place that a secret leads to.
#pragma once

#include <cstddef>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

namespace extvold::daemon {

class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string_view bytes);
  ~Secret() { wipe(); }
  Secret(Secret&& other) noexcept;
  Secret& operator=(Secret&& other) noexcept;
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;

  bool empty() const { return size_ == 0; }
  // For the bytes of a request, and for nothing else. Good until the Secret is moved or ends.
  std::string_view reveal() const { return {bytes_.get(), size_}; }

  bool operator==(const Secret& other) const { return reveal() == other.reveal(); }

 private:
  void wipe();

  // On the heap whatever its size: a short text inside the object would be left behind by a move.
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

std::ostream& operator<<(std::ostream&, const Secret&) = delete;

// For a buffer that held a secret on its way.
void wipe(std::string& text);

}  // namespace extvold::daemon
