#!/usr/bin/env python3
"""The rules of sql/: ordered lists, released migrations never edited, nothing unused.

- A query file holds one statement. One that can return a list has an ORDER BY; one that returns at most one
  row says so with LIMIT 1, an aggregate without GROUP BY, or a comment `-- one row: why`.
- sql/migrations/CHECKSUMS lists the released migrations as sha256sum prints them. A listed file never
  changes; one that is not listed is still being written and comes after all that are. To release:
  cd sql/migrations && sha256sum *.sql > CHECKSUMS
- Every file is named in the C++ code, alone ("queries/put_task") or, for what is applied as a set, by its
  folder ("views/").
"""

import hashlib
import os
import re

import lint

CHECKSUMS = "sql/migrations/CHECKSUMS"
AGGREGATE = re.compile(r"^(count|sum|total|min|max|avg|exists|group_concat|json_group_(array|object))\s*\(")
NONDETERMINISTIC = re.compile(
    r"\b(current_(timestamp|time|date)\b|random(blob)?\s*\(|unixepoch\s*\(\s*\))|'now'", re.IGNORECASE)


def blank_sql(text):
    """Comments and string insides turned to blanks."""
    token = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:''|[^'])*'|\"[^\"]*\"", re.DOTALL)
    return token.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] in "-/" else "'x'", text)


def top_level(sql):
    """The statement without what stands in brackets."""
    out, depth = [], 0
    for char in sql:
        depth -= char == ")"
        if depth == 0:
            out.append(char)
        depth += char == "("
    return "".join(out)


def returns_list(text):
    sql = blank_sql(text).strip().lower()
    if not re.match(r"(select|with|values)\b", sql):
        return False
    outer = re.sub(r"\s+", " ", top_level(sql))
    body = outer[outer.rfind("select"):] if re.search(r"\bselect\b", outer) else ""
    if not body or re.search(r"\b(insert into|update|delete from)\b", outer):
        return False  # WITH … INSERT/UPDATE/DELETE
    if re.search(r"--\s*one row: \S", text) or re.search(r"\blimit 1\b(?!\d)", outer):
        return False
    columns = re.match(r"select (.*?)(?: from |$)", body)
    if columns and "group by" not in body and " union " not in outer:
        aggregates = all(AGGREGATE.match(column.strip()) for column in columns.group(1).split(","))
        if aggregates or " from " not in body:
            return False
    return True


def check_queries(root, paths, findings):
    for path in paths:
        if not path.startswith("sql/queries/"):
            continue
        text = lint.read_text(root, path)
        sql = blank_sql(text)
        if len([part for part in sql.split(";") if part.strip()]) != 1:
            findings.add(path, 1, "not exactly one statement", "one statement per file")
        if returns_list(text) and "order by" not in re.sub(r"\s+", " ", top_level(sql.lower())):
            findings.add(path, 1, "a list without ORDER BY",
                         "order it, or add LIMIT 1 or `-- one row: why`")
        match = NONDETERMINISTIC.search(re.sub(r"--[^\n]*", "", text))
        if match:
            line = text.count("\n", 0, text.find(match.group(0))) + 1
            findings.add(path, line, f"{match.group(0)} in a query", "bind time and chance as parameters")


def check_migrations(root, paths, findings):
    files = [os.path.basename(path) for path in paths if path.startswith("sql/migrations/")]
    for number, name in enumerate(files, 1):
        if not re.fullmatch(rf"{number:04d}_[a-z0-9_]+\.sql", name):
            findings.add(f"sql/migrations/{name}", 1, "number out of sequence",
                         f"expected {number:04d}_what.sql")
    released = {}
    if os.path.exists(os.path.join(root, CHECKSUMS)):
        for number, line in enumerate(lint.read_text(root, CHECKSUMS).splitlines(), 1):
            match = re.fullmatch(r"([0-9a-f]{64})  (\S+)", line)
            if match:
                released[match.group(2)] = match.group(1)
            else:
                findings.add(CHECKSUMS, number, "not a line of sha256sum",
                             "cd sql/migrations && sha256sum *.sql > CHECKSUMS")
    elif files:
        findings.add(CHECKSUMS, 1, "missing", "create it (empty while no migration is released)")
    for name, digest in sorted(released.items()):
        path = f"sql/migrations/{name}"
        if name not in files:
            findings.add(path, 1, "released, but gone", "restore it: ledgers in the field were made by it")
        elif hashlib.sha256(lint.read_bytes(root, path)).hexdigest() != digest:
            findings.add(path, 1, "released, but changed", "restore it and write the next migration")
    for name in files:
        if name not in released and any(other > name for other in released):
            findings.add(f"sql/migrations/{name}", 1, "new, but before a released one",
                         "give it the next number")


def check_used(root, paths, sources, findings):
    named = set()
    for source in sources:
        named.update(re.findall(r'"([a-z0-9_]+/[a-z0-9_]*)"', lint.read_text(root, source)))
    for path in paths:
        name = path[len("sql/"):-len(".sql")]
        folder = name.split("/")[0] + "/"
        whole_set = folder in named and folder != "queries/"
        if name not in named and not whole_set:
            findings.add(path, 1, f'"{name}" is not named in the code', "delete it or use it")


def check(root, findings):
    every = lint.project_files(root)
    paths = [path for path in every if path.startswith("sql/") and path.endswith(".sql")]
    product = [path for path in every if not path.startswith(("tests/", "bench/"))]
    sources = [path for path in product if path.endswith((".cpp", ".h"))]
    check_queries(root, paths, findings)
    check_migrations(root, paths, findings)
    check_used(root, paths, sources, findings)


INIT = "CREATE TABLE t (a INTEGER) STRICT;\n"
SUM = hashlib.sha256(INIT.encode()).hexdigest()
GOOD = {
    "sql/queries/list_a.sql": "-- all\nSELECT a FROM t WHERE b IN (SELECT c FROM u) ORDER BY a;\n",
    "sql/queries/get_a.sql": "SELECT a FROM t WHERE a = :a;  -- one row: primary key\n",
    "sql/queries/count_a.sql": "SELECT count(*), max(a) FROM t;\n",
    "sql/queries/put_a.sql": "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x;\n",
    "sql/migrations/0001_init.sql": INIT,
    "sql/migrations/0002_more.sql": "-- not released yet\n",
    "sql/migrations/CHECKSUMS": f"{SUM}  0001_init.sql\n",
    "sql/views/v.sql": "CREATE VIEW v AS SELECT a FROM t;\n",
    "ledger/ledger.cpp": 'f("queries/list_a", "queries/get_a", "queries/count_a", "queries/put_a");\n'
                         'g("views/"); g("migrations/");\n',
}
BAD = [
    ({"sql/queries/list_a.sql": "SELECT a FROM t WHERE b IN (SELECT c FROM u ORDER BY c);\n"},
     "a list without ORDER BY"),
    ({"sql/queries/get_a.sql": "WITH x AS (SELECT a FROM t ORDER BY a) SELECT a FROM x;\n"},
     "a list without ORDER BY"),
    ({"sql/queries/count_a.sql": "SELECT count(*) FROM t GROUP BY a;\n"}, "a list without ORDER BY"),
    ({"sql/queries/put_a.sql": "DELETE FROM t; DELETE FROM u;\n"}, "one statement per file"),
    ({"sql/queries/put_a.sql": "INSERT INTO t VALUES (\n CURRENT_TIMESTAMP);\n"},
     "put_a.sql:2: CURRENT_TIMESTAMP"),
    ({"sql/migrations/0001_init.sql": INIT + "-- edited\n"}, "released, but changed"),
    ({"sql/migrations/CHECKSUMS": f"{SUM}  0001_init.sql\n{SUM}  0003_x.sql\n"}, "released, but gone"),
    ({"sql/migrations/CHECKSUMS": "hello\n"}, "not a line of sha256sum"),
    ({"sql/migrations/0004_x.sql": ""}, "number out of sequence"),
    ({"sql/queries/unused.sql": "DELETE FROM t;\n"}, '"queries/unused" is not named'),
    ({"sql/checks/unused.sql": "SELECT 1;\n"}, '"checks/unused" is not named'),
]

if __name__ == "__main__":
    lint.main(__doc__, check, GOOD, BAD)
