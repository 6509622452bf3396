#include "tests/providers/conformance/calls.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/providers/only_answer.h"

namespace extvold::tests::conformance {

namespace {

template <typename Answer, typename Start>
Answer answer_of(Subject& subject, Start start) {
  return only_answer<Answer>(std::move(start), [&] { subject.drain(); });
}

}  // namespace

std::string_view to_text(Fault fault) {
  switch (fault) {
    case Fault::not_reached:
      return "not reached";
    case Fault::refused:
      return "refused";
    case Fault::throttled:
      return "throttled";
    case Fault::wrong_credentials:
      return "wrong credentials";
    case Fault::hang:
      return "hang";
    case Fault::late:
      return "late";
    case Fault::lost_answer:
      return "lost answer";
    case Fault::garbage:
      return "garbage";
    case Fault::cut_short:
      return "cut short";
    case Fault::oversize:
      return "oversize";
  }
  return "";
}

Volume volume_of(Subject& subject, const std::string& key, std::int64_t size_mb) {
  Volume volume;
  volume.id = {7};
  volume.name = key.substr(3);
  volume.key = key;
  volume.pool = {subject.provider().info().name, subject.pool()};
  volume.size_mb = size_mb == 0 ? subject.size_mb() : size_mb;
  volume.created_generation = {1, 1};
  return volume;
}

OperationCall call_of(OperationKind kind, const Volume& volume, const std::string& host) {
  OperationCall call;
  call.operation.id = OperationId("op-" + std::string(to_text(kind)) + "-" + volume.key + "-" + host);
  call.operation.kind = kind;
  call.operation.volume = volume.id;
  call.operation.generation = {1, 2};
  call.ledger_id = "ledger-1";
  call.volume = volume;
  call.host_name = host;
  return call;
}

OperationResult execute(Subject& subject, const OperationCall& call) {
  const auto got = answer_of<OperationResult>(
      subject, [&](auto done) { subject.provider().execute(call, std::move(done)); });
  CHECK(got.id == call.operation.id);
  return got;
}

void break_off(Subject& subject, const OperationCall& call) {
  int told = 0;
  subject.provider().execute(call, [&](const OperationResult&) { ++told; });
  subject.restart();
  subject.drain();
  subject.let_late_calls_work();
  CHECK(told == 0);
}

ProviderObservation observe(Subject& subject, const std::string& key) {
  const auto got = answer_of<ProviderObservation>(
      subject, [&](auto done) { subject.provider().observe(key, std::move(done)); });
  CHECK(got.provider == subject.provider().info().name);
  CHECK(got.volume_key == key);
  CHECK(got.complete == got.why_incomplete.empty());
  CHECK(got.sent_at <= got.ended_at);
  CHECK(std::is_sorted(got.volumes.begin(), got.volumes.end(),
                       [](const ObservedVolume& a, const ObservedVolume& b) { return a.key < b.key; }));
  return got;
}

FenceResult fence(Subject& subject, const FenceCall& call) {
  const auto got = answer_of<FenceResult>(
      subject, [&](auto done) { subject.provider().change_fence(call, std::move(done)); });
  CHECK(got.id == call.fence.id);
  CHECK(got.act == call.act);
  return got;
}

ObservedVolume inspect(Subject& subject, const Volume& volume) {
  const ProviderObservation seen = observe(subject, volume.key);
  INFO(seen.why_incomplete);
  REQUIRE(seen.complete);
  REQUIRE(seen.volumes.size() == 1);
  CHECK(seen.volumes.front().key == volume.key);
  return seen.volumes.front();
}

void check_done(const OperationResult& result, Outcome outcome) {
  INFO(result.error.message);
  REQUIRE(result.state == OperationState::done);
  CHECK(result.outcome == outcome);
}

void check_not_done(const OperationResult& result) {
  INFO(result.error.message);
  CHECK(result.state != OperationState::done);
  CHECK((result.state == OperationState::uncertain) == (result.error.code == Errc::uncertain));
  CHECK_FALSE(result.error.message.empty());
  CHECK(result.error.message.size() < 2000);
  CHECK(result.error.message.find('\n') == std::string::npos);
}

void check_by_fault(const OperationResult& result, Fault fault) {
  INFO(to_text(result.state));
  const bool is_done_there = fault == Fault::lost_answer || fault == Fault::garbage ||
                             fault == Fault::cut_short || fault == Fault::oversize;
  if (result.state != OperationState::done) check_not_done(result);
  if (is_done_there) CHECK(result.state != OperationState::failed);
  if (!is_done_there) CHECK(result.state != OperationState::done);
  if (fault == Fault::hang || fault == Fault::late) CHECK(result.state == OperationState::uncertain);
  if (fault == Fault::not_reached || fault == Fault::throttled || fault == Fault::wrong_credentials)
    CHECK(result.state == OperationState::failed);
  if (fault == Fault::throttled) {  // CSI has no word of its own for it
    const bool said = result.error.code == Errc::throttled || result.error.code == Errc::busy;
    CHECK(said);
  }
  if (fault == Fault::wrong_credentials) CHECK(result.error.code == Errc::permission);
}

Volume created(Subject& subject, const std::string& key) {
  Volume volume = volume_of(subject, key);
  const OperationResult made = execute(subject, call_of(OperationKind::create, volume));
  check_done(made, Outcome::changed);
  volume.provider_ref = made.provider_ref;
  volume.size_mb = made.granted_size_mb;
  volume.state = VolumeState::available;
  return volume;
}

OperationResult attached(Subject& subject, const Volume& volume, const std::string& host) {
  const OperationResult result = execute(subject, call_of(OperationKind::attach, volume, host));
  check_done(result, Outcome::changed);
  CHECK_FALSE(result.host_identity.empty());
  return result;
}

OperationCall detach_call(const Volume& volume, const std::string& host, const OperationResult& attached) {
  OperationCall call = call_of(OperationKind::detach, volume, host);
  call.host_identity = attached.host_identity;
  call.device = attached.device;
  return call;
}

}  // namespace extvold::tests::conformance
