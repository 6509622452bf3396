"""The one promise, judged from a ledger alone: a single-writer volume is never attached to a second host before evidence
that permits it and the read-back of its detach from the first stand in the ledger, in that order.

It does not know how extvold decides: it reads the rows that an operator can read. judge() answers the violations.
"""

import sqlite3

PERMITS_DETACH = {"fenced", "host_unmounted", "host_rebooted", "agent_clean", "agent_gone", "operator"}

ATTACHES = """
SELECT o.id, o.volume, o.host, h.name AS host_name, v.name AS volume_name, o.state, o.rule, o.recorded_sequence,
       o.incarnation, o.counter, o.number,
       (SELECT min(y.number) FROM history AS y WHERE y.operation = o.id AND y.kind = 'operation.recorded') AS recorded_at,
       (SELECT max(y.number) FROM history AS y WHERE y.operation = o.id AND y.kind = 'operation.failed') AS failed_at
FROM operations AS o JOIN volumes AS v ON v.id = o.volume JOIN hosts AS h ON h.id = o.host
WHERE o.kind = 'attach' AND v.access = 'rw' ORDER BY o.volume, o.number"""

DETACHES = """
SELECT o.id, o.state, o.rule, o.evidence, o.recorded_sequence, o.number,
       (SELECT min(y.number) FROM history AS y WHERE y.operation = o.id AND y.kind = 'operation.recorded') AS recorded_at,
       (SELECT max(y.number) FROM history AS y WHERE y.operation = o.id AND y.kind = 'operation.done') AS done_at
FROM operations AS o WHERE o.kind = 'detach' AND o.volume = ? AND o.host = ? AND o.number > ? AND o.number < ?
ORDER BY o.number"""

FOUND = """
SELECT 1 FROM history WHERE kind = 'attachment.found' AND volume = ? AND host = ? AND number > ? AND number < ?"""


def judge(path, accepted=("proven",)):
    """`accepted`: the grades of evidence that the policy lets pass."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        return list(violations(connection, accepted))
    finally:
        connection.close()


def violations(ledger, accepted):
    attaches = ledger.execute(ATTACHES).fetchall()
    for later in attaches:
        if later["recorded_at"] is None:
            yield f"{text(later)}: its intent is not in the history"
            continue
        latest_elsewhere = {}
        for earlier in attaches:
            if earlier["volume"] == later["volume"] and earlier["number"] < later["number"]:
                if earlier["failed_at"] is not None and earlier["failed_at"] < later["recorded_at"]:
                    continue  # it never was
                latest_elsewhere[earlier["host"]] = earlier
        for host, earlier in latest_elsewhere.items():
            if host != later["host"]:
                yield from released(ledger, earlier, later, accepted)


def released(ledger, earlier, later, accepted):
    """Nothing is left of `earlier` when `later` was intended."""
    where = f"{text(later)} while {text(earlier)}"
    detaches = ledger.execute(DETACHES, (earlier["volume"], earlier["host"], earlier["number"], later["number"]))
    done = [row for row in detaches if row["state"] == "done" and row["done_at"] is not None]
    if not done:
        yield f"{where}: no detach from there is done"
        return
    last = done[-1]
    if last["done_at"] >= later["recorded_at"]:
        yield f"{where}: the read-back of {last['id']} stands in the history after the intent"
    if ledger.execute(FOUND, (earlier["volume"], earlier["host"], last["done_at"], later["recorded_at"])).fetchone():
        yield f"{where}: it was found attached there again"
    if last["rule"] == "detach.order_withdrawn":
        return  # our own format or an operator's order: nobody else had it
    evidence = ledger.execute("SELECT * FROM evidence WHERE id = ?", (last["evidence"] or 0,)).fetchone()
    if evidence is None:
        yield f"{where}: its detach {last['id']} names no evidence"
        return
    if evidence["kind"] not in PERMITS_DETACH or evidence["grade"] not in accepted:
        yield f"{where}: {evidence['kind']} ({evidence['grade']}) permits no detach"
    if (evidence["volume"], evidence["host"]) != (earlier["volume"], earlier["host"]):
        yield f"{where}: evidence {evidence['id']} speaks of something else"
    if (evidence["incarnation"], evidence["counter"]) != (earlier["incarnation"], earlier["counter"]):
        yield f"{where}: evidence {evidence['id']} speaks of another attachment generation"
    if evidence["recorded_sequence"] > last["recorded_sequence"]:
        yield f"{where}: evidence {evidence['id']} was recorded after the detach that it permits"
    if evidence["void_sequence"] is not None and evidence["void_sequence"] <= last["recorded_sequence"]:
        yield f"{where}: evidence {evidence['id']} was void when the detach was recorded"


def text(operation):
    return f"attach {operation['volume_name']} to {operation['host_name']} ({operation['id']})"


def attach_hosts(path, volume):
    """The hosts where the volume was attached for somebody (not to be formatted), in order."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return [row[0] for row in connection.execute(
            "SELECT h.name FROM operations AS o JOIN volumes AS v ON v.id = o.volume JOIN hosts AS h ON h.id = o.host "
            "WHERE o.kind = 'attach' AND o.state = 'done' AND o.rule <> 'attach.to_format' AND v.name = ? "
            "ORDER BY o.number", (volume,))]
    finally:
        connection.close()
