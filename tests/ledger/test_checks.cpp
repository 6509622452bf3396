// Each check of sql/checks passes on a sound ledger and fails on a violation made by hand; where a constraint
// refuses the violation, that is shown too.
#include <catch2/catch.hpp>
#include <functional>
#include <set>

#include "tests/ledger/ledger_fixture.h"

namespace extvold::ledger {
namespace {

struct Violation {
  const char* check;
  std::function<void(Ledger&)> make;
};

void sql(Ledger& ledger, const std::string& text) { REQUIRE(raw_sql(ledger, text) == SQLITE_OK); }

Operation open_attach(std::int64_t volume, std::int64_t host, std::int64_t counter) {
  Operation o =
      sample_operation(fmt::format("op-attach-{}", counter), OperationKind::attach, volume, host, counter);
  o.state = OperationState::issued;
  return o;
}

Operation done(Operation o) {
  o.state = OperationState::done;
  o.outcome = Outcome::changed;
  o.ended_at = kNow;
  return o;
}

Host quarantined(std::int64_t id) {
  Host h = sample_host(id);
  h.quarantined = true;
  h.quarantine_reason = "fence 1";
  h.quarantine_fence = {1};
  return h;
}

Evidence fenced(std::int64_t host, std::int64_t counter) {
  Evidence e = sample_evidence(1, EvidenceKind::fenced, 1, host, counter);
  e.fence = {1};
  return e;
}

// On top of sample_state(): volume 1 is attached to host 1, generation 1.1.
std::vector<Violation> violations() {
  return {
      {"one_open_operation_a_subject",
       [](Ledger& l) {
         sql(l, "DROP INDEX operations_open");
         commit(l, {sample_operation("op-x", OperationKind::remove, 2, 0, 5)});
         sql(l,
             "INSERT INTO operations SELECT 99, 'op-y', kind, state, outcome, volume, host, incarnation, "
             "counter, attempt, claim, "
             "evidence, rule, cause, error_code, error, recorded_at, ended_at, recorded_sequence, "
             "ended_order, open_volume "
             "FROM operations WHERE id = 'op-x'");
       }},
      {"open_operation_has_volume",
       [](Ledger& l) {
         commit(l, {sample_operation("op-x", OperationKind::remove, 2, 0, 5)});
         sql(l, "PRAGMA foreign_keys = OFF; DELETE FROM volumes WHERE id = 2");
       }},
      {"attach_needs_release", [](Ledger& l) { commit(l, {open_attach(1, 2, 2)}); }},
      {"attach_needs_release",  // detached, but nobody looked
       [](Ledger& l) {
         Attachment old = sample_attachment(1, 1, AttachmentState::detached, 1);
         old.read_back = false;
         commit(l, {old, open_attach(1, 2, 2)});
       }},
      {"attach_needs_release",  // evidence of another generation
       [](Ledger& l) {
         commit(l, {sample_evidence(1, EvidenceKind::operator_, 1, 1, 7), open_attach(1, 2, 20)});
       }},
      {"attach_needs_release",  // void when the intent was recorded
       [](Ledger& l) {
         Evidence e = sample_evidence(1, EvidenceKind::operator_, 1, 1, 1);
         e.void_reason = "heard of again";
         commit(l, {e, open_attach(1, 2, 2)});
       }},
      {"attach_needs_release",  // evidence that came after the intent
       [](Ledger& l) {
         commit(l, {open_attach(1, 2, 2)});
         Evidence e = sample_evidence(1, EvidenceKind::operator_, 1, 1, 1);
         e.recorded_sequence = 1'000'000;
         commit(l, {e});
       }},
      {"attach_needs_release",  // switched off, and still attached
       [](Ledger& l) {
         Fence f = sample_fence(1, FenceState::held, 1, "h1");
         f.rung = FenceRung::power;
         f.provider = {};
         commit(l, {quarantined(1), f, fenced(1, 1), open_attach(1, 2, 2)});
       }},
      {"attach_needs_release",  // evidence that permits a detach, not this
       [](Ledger& l) {
         commit(l, {sample_evidence(1, EvidenceKind::agent_gone, 1, 1, 1), open_attach(1, 2, 2)});
       }},
      {"single_writer_on_one_host",
       [](Ledger& l) {
         commit(l, {done(open_attach(1, 2, 2)), sample_attachment(1, 2, AttachmentState::attached, 2)});
       }},
      {"single_writer_on_one_host",
       [](Ledger& l) {
         commit(l, {sample_attachment(1, 1, AttachmentState::uncertain, 1)});
         commit(l, {open_attach(1, 2, 2), sample_attachment(1, 2, AttachmentState::attaching, 2)});
       }},
      {"attachment_has_an_intent",
       [](Ledger& l) { commit(l, {sample_attachment(2, 1, AttachmentState::attached, 3)}); }},
      {"detached_is_read_back",
       [](Ledger& l) {
         Attachment a = sample_attachment(1, 1, AttachmentState::detached, 1);
         a.read_back = false;
         commit(l, {a});
       }},
      {"detached_is_read_back",  // found, and then not seen any more
       [](Ledger& l) {
         Attachment a = sample_attachment(2, 1, AttachmentState::detached, 3);
         a.origin = AttachmentOrigin::found;
         a.read_back = false;
         commit(l, {a});
       }},
      {"claim_began_before_it_was_seen",
       [](Ledger& l) {
         Claim c = sample_claim(1, 1, 1);
         c.began_sequence = c.first_seen_sequence + 1;
         commit(l, {c});
       }},
      {"evidence_fits", [](Ledger& l) { commit(l, {sample_evidence(1, EvidenceKind::operator_, 1, 1, 9)}); }},
      {"evidence_fits",
       [](Ledger& l) {
         Evidence e = sample_evidence(1, EvidenceKind::operator_, 1, 2, 0);
         e.claim = {1};  // is on host 1
         commit(l, {e});
       }},
      {"evidence_fits",
       [](Ledger& l) {
         Evidence e = sample_evidence(1, EvidenceKind::operator_, 1, 2, 0);
         e.claim = {999'999};
         commit(l, {e});
       }},
      {"evidence_fits",
       [](Ledger& l) { commit(l, {sample_evidence(1, EvidenceKind::operator_, 1, 2, 5'000'000)}); }},
      {"fenced_means_held",  // names none
       [](Ledger& l) { commit(l, {sample_evidence(1, EvidenceKind::fenced, 1, 1, 1)}); }},
      {"fenced_means_held",  // it does not hold
       [](Ledger& l) {
         commit(l, {quarantined(1), sample_fence(1, FenceState::uncertain, 1, "node-1"), fenced(1, 1)});
       }},
      {"fenced_means_held",  // of another host
       [](Ledger& l) {
         commit(l, {quarantined(2), sample_fence(1, FenceState::held, 2, "node-1"), fenced(1, 1)});
       }},
      {"fenced_means_held",  // names another identity than the one that was recorded when attaching
       [](Ledger& l) {
         commit(l, {quarantined(1), sample_fence(1, FenceState::held, 1, "node-9"), fenced(1, 1)});
       }},
      {"fenced_means_held",  // does not say that it rests on the host's help
       [](Ledger& l) {
         Fence f = sample_fence(1, FenceState::held, 1, "node-1");
         f.cooperative = true;
         commit(l, {quarantined(1), f, fenced(1, 1)});
       }},
      {"fenced_host_is_quarantined",
       [](Ledger& l) { commit(l, {sample_fence(1, FenceState::held, 1, "node-1")}); }},
      {"evidence_exists",
       [](Ledger& l) {
         Claim c = sample_claim(1, 1, 1);
         c.evidence = {77};
         commit(l, {c});
       }},
      {"dead_claim_has_evidence",
       [](Ledger& l) {
         Claim c = sample_claim(1, 1, 1);
         c.liveness = Liveness::dead;
         commit(l, {c});
       }},
      {"dead_claim_has_evidence",  // an agent cannot speak for somebody unknown
       [](Ledger& l) {
         Claim c = sample_claim(2, 1, 1);
         c.kind = ClaimKind::synthetic;
         c.liveness = Liveness::dead;
         c.evidence = {1};
         commit(l, {sample_evidence(1, EvidenceKind::agent_gone, 1, 1, 1), c});
       }},
      {"claim_is_resolved_or_says_why",
       [](Ledger& l) {
         Claim c = sample_claim(2, 0, 1);
         commit(l, {c});
       }},
      {"formatted_once",
       [](Ledger& l) {
         Operation o = done(sample_operation("op-f1", OperationKind::format, 2, 1, 5));
         Operation again = o;
         again.id = OperationId("op-f2");
         commit(l, {o, again});
       }},
      {"formatted_once",  // under way on what is formatted already
       [](Ledger& l) { commit(l, {sample_operation("op-f1", OperationKind::format, 2, 1, 5)}); }},
      {"formatted_once",  // not made by us
       [](Ledger& l) {
         Volume v = sample_volume(2);
         v.origin = VolumeOrigin::adopted;
         commit(l, {v, done(sample_operation("op-f1", OperationKind::format, 2, 1, 5))});
       }},
      {"trash_has_an_end",
       [](Ledger& l) {
         Volume v = sample_volume(2);
         v.state = VolumeState::trashed;
         commit(l, {v});
       }},
      {"removed_is_unused",
       [](Ledger& l) {
         Volume v = sample_volume(1);
         v.state = VolumeState::removed;
         commit(l, {v});
       }},
      {"removed_is_unused",  // in the trash, and ours
       [](Ledger& l) {
         Volume v = sample_volume(1);
         v.state = VolumeState::trashed;
         v.purge_after = kNow;
         commit(l, {v});
       }},
      {"removed_is_unused",
       [](Ledger& l) {
         Volume v = sample_volume(2);
         v.state = VolumeState::removed;
         commit(l, {v, sample_claim(2, 2, 1)});
       }},
      {"numbers_were_handed_out",
       [](Ledger& l) {
         commit(l, {done(sample_operation("op-x", OperationKind::attach, 2, 1, 2'000'000))});
       }},
      {"numbers_were_handed_out",
       [](Ledger& l) {
         commit(l, {Counters{100, 2, 100, 100, 100, 100}});
       }},
      {"history_in_order",
       [](Ledger& l) {
         sql(l, "DROP TRIGGER history_stands; UPDATE history SET sequence = 99 WHERE number = 1");
       }},
      {"history_has_no_gap",
       [](Ledger& l) { sql(l, "DROP TRIGGER history_is_kept; DELETE FROM history WHERE number = 1"); }},
      {"mesos_operation_has_an_end",
       [](Ledger& l) {
         MesosOperation o;
         o.id = OperationId("op-m");
         o.agent = AgentId("S1");
         commit(l, {o});
         o.state = OperationState::issued;
         commit(l, {o});
         o.state = OperationState::done;
         commit(l, {o});
       }},
      {"one_open_operation_a_subject",
       [](Ledger& l) {
         MesosOperation o;
         o.id = OperationId("op-m");
         o.agent = AgentId("S1");
         commit(l, {o});
         sql(l,
             "DROP INDEX mesos_operations_open; INSERT INTO mesos_operations SELECT 99, id, kind, state, "
             "outcome, agent, incarnation, counter, role, resource, amount_milli, principal, labels, "
             "persistence_id, container_path, grace_seconds, mark_gone, before_milli, user_uid, reason, "
             "error_code, error, recorded_at, ended_at, open_agent FROM mesos_operations");
       }},
      {"ended_operation_has_an_end",
       [](Ledger& l) {
         Operation o = done(sample_operation("op-x", OperationKind::remove, 2, 0, 5));
         o.outcome = Outcome::none;
         commit(l, {o});
       }},
  };
}

}  // namespace

TEST_CASE("A sound ledger passes every check, page by page") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
  commit(*ledger, sample_state());
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("Every check fails on its violation, and no check is without one") {
  std::set<std::string> shown;
  for (const Violation& violation : violations()) {
    INFO(violation.check);
    const TempDir dir;
    const auto ledger = open_ledger(dir / "ledger.db");
    commit(*ledger, sample_state());
    violation.make(*ledger);
    const auto findings = value_of(ledger->check(CheckDepth::invariants));
    bool found = false;
    for (const Finding& one : findings) {
      found = found || one.check == violation.check;
      CHECK_FALSE(one.subject.empty());
      CHECK_FALSE(one.problem.empty());
    }
    CHECK(found);
    shown.insert(violation.check);
  }
  for (const SqlFile& file : files_below("checks/")) {
    INFO(file.name);
    CHECK(shown.count(std::string(file.name.substr(7))) == 1);
  }
}

TEST_CASE("A single-writer volume moves to another host without a finding once it is released by rule") {
  const auto moved_with = [](std::vector<Change> release) {
    const TempDir dir;
    const auto ledger = open_ledger(dir / "ledger.db");
    commit(*ledger, sample_state());
    commit(*ledger, std::move(release));
    commit(*ledger, {open_attach(1, 2, 2), sample_attachment(1, 2, AttachmentState::attaching, 2)});
    const std::string open = findings_text(*ledger, CheckDepth::full);
    commit(*ledger, {done(open_attach(1, 2, 2)), sample_attachment(1, 2, AttachmentState::attached, 2)});
    return open + findings_text(*ledger, CheckDepth::full);
  };
  CHECK(moved_with({sample_attachment(1, 1, AttachmentState::detached, 1)}) == "");
  CHECK(moved_with({sample_evidence(1, EvidenceKind::operator_, 1, 1, 1)}) == "");
  CHECK(moved_with({sample_evidence(1, EvidenceKind::operator_, 1, 1, 1)}) == "");
}

TEST_CASE("Evidence that became void after the intent does not make the intent wrong") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, sample_state());
  Evidence e = sample_evidence(1, EvidenceKind::operator_, 1, 1, 1);
  commit(*ledger, {e});
  commit(*ledger, {open_attach(1, 2, 2), sample_attachment(1, 2, AttachmentState::attaching, 2)});
  e.void_reason = "the host was heard of again";
  commit(*ledger, {e});
  CHECK(findings_text(*ledger, CheckDepth::full) == "");
}

TEST_CASE("Constraints refuse what no transaction may leave behind") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, sample_state());
  commit(*ledger, {sample_operation("op-x", OperationKind::remove, 2, 0, 5)});
  const std::string columns =
      "(id, kind, state, outcome, volume, incarnation, counter, attempt, rule, cause, error_code, error, "
      "recorded_at, ended_at, "
      "recorded_sequence, ended_order, open_volume) VALUES ('op-y', 'remove', ";
  const std::string rest = ", 'none', 2, 1, 1, 1, '', '', 'internal', '', 0, 0, 1, ";
  // A second open operation: the index. Hiding it from the index: the CHECK.
  CHECK(raw_sql(*ledger, "INSERT INTO operations " + columns + "'issued'" + rest + "NULL, 2)") ==
        SQLITE_CONSTRAINT_UNIQUE);
  CHECK(raw_sql(*ledger, "INSERT INTO operations " + columns + "'issued'" + rest + "NULL, NULL)") ==
        SQLITE_CONSTRAINT_CHECK);
  CHECK(raw_sql(*ledger, "INSERT INTO operations " + columns + "'issued'" + rest + "NULL, 1)") ==
        SQLITE_CONSTRAINT_CHECK);
  CHECK(raw_sql(*ledger, "INSERT INTO operations " + columns + "'done'" + rest + "NULL, NULL)") ==
        SQLITE_CONSTRAINT_CHECK);
  // History stands.
  CHECK(raw_sql(*ledger, "UPDATE history SET text = 'never happened'") == SQLITE_CONSTRAINT_TRIGGER);
  CHECK(raw_sql(*ledger, "DELETE FROM history") == SQLITE_CONSTRAINT_TRIGGER);
  // What is referred to stays.
  CHECK(raw_sql(*ledger, "DELETE FROM volumes WHERE id = 1") == SQLITE_CONSTRAINT_FOREIGNKEY);
  CHECK(
      raw_sql(
          *ledger,
          "INSERT INTO ledger_meta SELECT 2, id, 1, 1, mode, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, '', '', '', "
          "0, 0, 0 "
          "FROM ledger_meta") == SQLITE_CONSTRAINT_CHECK);
  // Two volumes of one name, of which neither is removed.
  Volume twin = sample_volume(3);
  twin.name = "vol1";
  CHECK(error_of(ledger->commit(make_batch(*ledger, {twin}))).code == Errc::internal);
}

TEST_CASE("A foreign key that fails at the end of the transaction is explained, and nothing is left of it") {
  const TempDir dir;
  const auto ledger = open_ledger(dir / "ledger.db");
  commit(*ledger, sample_state());
  const Snapshot before = value_of(ledger->load());
  const Error error = error_of(ledger->commit(make_batch(*ledger, {sample_claim(7, 1, 55)})));
  CHECK(error.code == Errc::internal);
  CHECK_THAT(error.message, Catch::Contains("claims") && Catch::Contains("hosts"));
  CHECK(value_of(ledger->load()) == before);
  commit(*ledger, {sample_host(3)});  // the connection is in order
}

}  // namespace extvold::ledger
