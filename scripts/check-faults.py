#!/usr/bin/env python3
"""docs/faults.md names tests: each of them must exist, and each of the 68 faults must stand there once.
Whatever test shows a way round the rules must stand there too."""
import os
import re

import lint

PAGE = "docs/faults.md"
FAULTS = 68
WAY = "way round: "
NAMED = re.compile(r'(?P<area>[a-z]+): (?P<names>(?:"[^"]+"(?:, )?)+)')
E2E = re.compile(r"e2e: (?P<names>(?:[A-Za-z]+\.test_\w+(?:, )?)+)")
GOLDEN = re.compile(r"golden: (?P<names>[a-z0-9-]+(?:, [a-z0-9-]+)*)")
CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:\\.|[^"\\])*"\s*)+)')


def cases_under(root, folder):
    names = set()
    for path in lint.project_files(root):
        if not path.startswith(folder) or not path.endswith(".cpp"):
            continue
        for match in CASE.finditer(lint.read_text(root, path)):
            names.add("".join(re.findall(r'"((?:\\.|[^"\\])*)"', match.group(1))))
    return names


def e2e_tests(root):
    names = set()
    for path in lint.project_files(root):
        if not path.startswith("tests/e2e/") or not path.endswith(".py"):
            continue
        owner = ""
        for line in lint.read_text(root, path).splitlines():
            if match := re.match(r"class (\w+)", line):
                owner = match.group(1)
            elif match := re.match(r"    def (test_\w+)", line):
                names.add(f"{owner}.{match.group(1)}")
    return names


def check(root, findings):
    text = lint.read_text(root, PAGE)
    known = {}
    seen = []
    for number, line in enumerate(text.splitlines(), 1):
        if row := re.match(r"\| (\d+) \|", line):
            seen.append(int(row.group(1)))
        elif not line.startswith("| "):
            continue
        for match in NAMED.finditer(line):
            area = match.group("area")
            if area not in known:
                known[area] = cases_under(root, f"tests/{area}/")
            for name in re.findall(r'"([^"]+)"', match.group("names")):
                if name not in known[area]:
                    findings.add(PAGE, number, f'tests/{area} has no test "{name}"', "name it as it is called")
        for match in E2E.finditer(line):
            for name in match.group("names").split(", "):
                if name and name not in known.setdefault("e2e", e2e_tests(root)):
                    findings.add(PAGE, number, f"tests/e2e has no {name}", "name it as it is called")
        for match in GOLDEN.finditer(line):
            for name in match.group("names").split(", "):
                if not os.path.isdir(os.path.join(root, "tests/golden", name)):
                    findings.add(PAGE, number, f"tests/golden has no {name}", "name it as it is called")
    for name in sorted(cases_under(root, "tests/")):
        if name.startswith(WAY) and f'"{name}"' not in text:
            findings.add(PAGE, 1, f'the test "{name}" does not stand here', "say which way it goes, and what holds it up")
    if seen != list(range(1, FAULTS + 1)):
        findings.add(PAGE, 1, "faults are missing or out of order", f"1 to {FAULTS}, each once")


def page(row):
    return "".join(f"| {n} | f | must | {row if n == 7 else '-'} |\n" for n in range(1, FAULTS + 1))


GOOD = {
    PAGE: page('area: "a test, and another", "one"; e2e: Life.test_it; golden: a-case'),
    "tests/area/test_x.cpp": 'TEST_CASE("a test, and "\n          "another") {}\nTEST_CASE("one", "[tag]") {}\n',
    "tests/e2e/test_x.py": "class Life:\n    def test_it(self):\n        pass\n",
    "tests/golden/a-case/snapshot.json": "{}",
}
BAD = [
    ({PAGE: page('area: "no such test"')}, 'no test "no such test"'),
    ({PAGE: page("e2e: Life.test_other")}, "no Life.test_other"),
    ({PAGE: page("golden: no-case")}, "no no-case"),
    ({"tests/other/test_y.cpp": 'TEST_CASE("way round: by night") {}\n'}, "does not stand here"),
    ({PAGE: page("-") + "| 68 | twice | must | - |\n"}, "out of order"),
]

if __name__ == "__main__":
    lint.main(__doc__, check, GOOD, BAD)
