// Subject: one provider, set up over a storage system (a real one, or a double that answers as the recorded
// bytes do) that can be made to misbehave and be looked into by the back door. The conformance suite
// (test_conformance_*.cpp) runs the same cases against every subject of subjects.h.
//
// Main thread only. A new Subject is an empty storage system with two hosts.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "providers/provider.h"

namespace extvold::tests::conformance {

// Which of our calls goes wrong.
enum class Stage { look, change };

// How. All calls of the stage do so until disarm().
enum class Fault {
  not_reached,        // nothing arrives: a refused connection, a program that is not there
  refused,            // an error that says so, and nothing is done
  throttled,          // "too many requests", and nothing is done
  wrong_credentials,  // nothing is done
  hang,               // no answer before the deadline, and nothing is done
  late,               // no answer before the deadline; it takes effect when let_late_calls_work()
  lost_answer,        // it is done, and the connection breaks or the program dies before it says so
  garbage,            // it is done, and the answer makes no sense
  cut_short,          // it is done, and half of the answer comes
  oversize,           // it is done, and the answer is too large to be read
};
inline constexpr std::array kAllFaults = {
    Fault::not_reached, Fault::refused,     Fault::throttled, Fault::wrong_credentials, Fault::hang,
    Fault::late,        Fault::lost_answer, Fault::garbage,   Fault::cut_short,         Fault::oversize};
std::string_view to_text(Fault fault);

class Subject {
 public:
  virtual ~Subject() = default;

  // The same provider all along; restart() makes a new one with no memory. Whatever was under way goes on at
  // the storage, and its end is told to nobody.
  virtual providers::Provider& provider() = 0;
  virtual void restart() = 0;
  // Until no call of ours is under way.
  virtual void drain() = 0;

  virtual bool can(Stage stage, Fault fault) const = 0;
  virtual void arm(Stage stage, Fault fault) = 0;
  virtual void disarm() = 0;
  virtual void let_late_calls_work() {}

  // A pool of the provider, and the smallest volume that the cases make there; sizes are multiples of it.
  virtual std::string pool() const = 0;
  virtual std::int64_t size_mb() const = 0;
  virtual std::vector<std::string> hosts() const { return {"a1", "a2"}; }
  virtual bool attaching_needs_root() const { return false; }
  // To the first of hosts(), on which its program or plugin runs; refused in words for the others.
  virtual bool attaches_to_one_host() const { return false; }
  // How long a call that hangs is waited for: as short as the subject can bear.
  virtual Duration short_deadline() const = 0;

  // By the back door, without the provider.
  virtual int copies_of(const Volume& volume) = 0;  // volumes of its key that really exist
  virtual std::vector<std::string> holders_of(const Volume& volume) = 0;  // identities, in order
  // One that is not ours, and whatever can be seen of it, as a text.
  virtual std::string make_foreign() = 0;  // its key
  virtual std::string state_of_foreign(const std::string& key) = 0;
  // Where names are not unique: a second volume of that name. False: it cannot be.
  virtual bool make_twin(const Volume&) { return false; }
};

}  // namespace extvold::tests::conformance
