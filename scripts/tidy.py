#!/usr/bin/env python3
"""Rules of style that a program can check: sizes, banned calls, left-over notes, stray files.

A line that needs an exception says why: `// tidy: allow RULE (reason)`, where RULE is the word in [brackets].
"""

import re

import lint

COLUMNS_MAX = 110
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 700
FILE_BYTES_MAX = 2 << 20

CODE = (".cpp", ".h", ".py", ".sh", ".sql", ".cmake", "CMakeLists.txt")
RECORDED = ("tests/recordings/", "tests/fuzz/corpus/", "tests/golden/", "tests/data/")  # bytes as they came

LENIENT = ("sleep", "using-namespace")  # only warned about in tests/ and bench/

# [rule], pattern in blanked C++ text, folders where it is allowed, remedy
BANNED = [
    ("assert", r"(?<![\w.:>])assert\s*\(", [], "use EXTVOLD_CHECK: it is never compiled out"),
    ("using-namespace", r"\busing\s+namespace\b", [], "name what you use"),
    ("rand", r"(?<![\w.>])(?:std::|::)?s?rand\s*\(", [], "take a random source as an argument"),
    ("system", r"(?<![\w.>])(?:std::|::)?system\s*\(", [], "run an argument vector through ProcessRunner"),
    ("popen", r"(?<![\w.>])(?:::)?popen\s*\(", [], "run an argument vector through ProcessRunner"),
    ("sleep", r"(?<![\w.>])(?:::|std::this_thread::)?(?:u|nano)?sleep(?:_for|_until)?\s*\(", [],
     "wait for the event itself: a timer, a descriptor, a condition"),
    ("thread", r"\bstd::j?thread\b", ["ledger/", "daemon/", "tests/", "bench/"],
     "two threads exist: the loop and the ledger's"),
    ("async", r"\bstd::async\b", [], "two threads exist: the loop and the ledger's"),
    ("co_await", r"\bco_(?:await|yield|return)\b", [], "g++ 12 miscompiles it; make the state a value"),
]
NOTE = re.compile(r"\bFIX" r"ME\b|\bX" r"XX\b|\bTO" r"DO\b(?!\(#\d+\))")
# Paths that exist on one machine only.
PLACE = re.compile(r"(?<![\w.~*}-])/(?:work|farm|home/[a-z]+)/")
PREPROCESSOR = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
ALLOW = re.compile(r"tidy: allow ([\w-]+) \(\S")


def allowed(line_text, rule):
    return any(match.group(1) == rule for match in ALLOW.finditer(line_text))


def functions(blanked):
    """(first line, last line) of every function that stands in a namespace or a type, lambdas included."""
    stack = []  # (kind, line)
    head_start = 0
    for match in re.finditer(r"[{};]", blanked):
        char, at = match.group(0), match.start()
        if char == "{":
            head = blanked[head_start:at].strip()
            outer = all(kind in ("namespace", "type") for kind, _ in stack)
            head_line = blanked.count("\n", 0, at - len(blanked[head_start:at].lstrip())) + 1
            if not outer:
                kind = "inner"
            elif re.search(r'\bnamespace\b|\bextern\s*""?', head) and ")" not in head:
                kind = "namespace"
            elif re.search(r"\b(class|struct|union|enum)\b", head) and not re.search(r"\)\s*[\w\s&]*$", head):
                kind = "type"
            elif ")" in head and not re.search(r"=\s*$", head):
                kind = "function"
            else:
                kind = "inner"
            stack.append((kind, head_line))
        elif char == "}" and stack:
            kind, line = stack.pop()
            if kind == "function":
                yield line, blanked.count("\n", 0, at) + 1
        # Inside round brackets a brace or semicolon does not end a head (a default argument, a for).
        head_start = match.end()


def check_cpp(path, text, findings):
    lines = text.split("\n")
    blanked = PREPROCESSOR.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), lint.blank_cpp(text))
    in_tests = path.startswith(("tests/", "bench/"))
    for rule, pattern, folders, remedy in BANNED:
        if path.startswith(tuple(folders)) and folders:
            continue
        for match in re.finditer(pattern, blanked):
            line = blanked.count("\n", 0, match.start()) + 1
            if not allowed(lines[line - 1], rule):
                findings.add(path, line, f"{match.group(0).strip()} is banned [{rule}]", remedy,
                             warn=in_tests and rule in LENIENT)
    for first, last in functions(blanked):
        if last - first + 1 > FUNCTION_LINES_MAX:
            findings.add(path, first, f"function of {last - first + 1} lines",
                         f"at most {FUNCTION_LINES_MAX}: split it",
                         warn=in_tests)
    for match in re.finditer(r'^TEST_CASE\(\s*"[^"\n]*;', text, re.MULTILINE):
        findings.add(path, text.count("\n", 0, match.start()) + 1, "';' in the name of a test",
                     "ctest would run two names that do not exist")
    if path.endswith(".h") and "#pragma once" not in text:
        findings.add(path, 1, "no #pragma once", "add it after the opening comment")


def check_text(path, text, findings):
    code = path.endswith(CODE) or text.startswith("#!")
    for number, line in enumerate(text.split("\n"), 1):
        if code and len(line) > COLUMNS_MAX and not allowed(line, "columns"):
            # An error where clang-format and a reader of the product care; recorded JSON in a test may be wide.
            product = path.endswith((".cpp", ".h", ".sql")) and not path.startswith("tests/")
            findings.add(path, number, f"{len(line)} columns", f"at most {COLUMNS_MAX}", warn=not product)
        if NOTE.search(line):
            findings.add(path, number, "left-over note", "do it now, or write " + "TO" + "DO(#issue)")
        if PLACE.search(line):
            findings.add(path, number, "path of one machine",
                         "name it relative to the project, or let it be configured")
    if code:
        count = text.count("\n")
        if count > FILE_LINES_MAX:
            findings.add(path, 1, f"{count} lines", f"at most {FILE_LINES_MAX}: two subjects?")


def check(root, findings):
    for path in lint.project_files(root):
        data = lint.read_bytes(root, path)
        if path.startswith(RECORDED):
            continue
        if b"\0" in data:
            findings.add(path, 1, "binary file", "keep its source; recorded bytes go to " + RECORDED[0])
            continue
        if len(data) > FILE_BYTES_MAX:
            findings.add(path, 1, f"{len(data)} bytes", f"at most {FILE_BYTES_MAX}")
            continue
        text = data.decode("utf-8", "replace")
        check_text(path, text, findings)
        if path.endswith((".cpp", ".h")):
            check_cpp(path, text, findings)


def long_function(lines):
    return "namespace x {\nint f(int a) {\n" + "  a += 1;\n" * (lines - 3) + "  return a;\n}\n}\n"


GOOD = {
    "ledger/a.cpp": "// assert( using namespace\nstatic_assert(true);\n"
                    "auto s = \"system(1); { \";\nstd::thread t;\n",
    "ledger/b.cpp": long_function(FUNCTION_LINES_MAX),
    "host/c.cpp": "void f() { usleep(1); }  // tidy: allow sleep (no event exists)\n"
                  "void g() { x.system(1); }\n",
    "docs/a.md": "x" * 300 + "\nTO" "DO(#12) later; /var/lib/mesos/wo" "rk/dir, ./wo" "rk/x\n",
    "tests/recordings/x.recordio": b"a\0b /ho" b"me/x/",
    "model/x.h": "#pragma once\n" + "struct S { int f() { return 1; } };\n" * 100,
}
BAD = [
    ({"model/a.cpp": "void f() { assert(true); }\n"}, "[assert]"),
    ({"model/a.cpp": "using namespace std;\n"}, "[using-namespace]"),
    ({"model/a.cpp": "int f() { return rand(); }\n"}, "[rand]"),
    ({"model/a.cpp": "int f() { return std::system(\"x\"); }\n"}, "[system]"),
    ({"model/a.cpp": "\nvoid f() { std::this_thread::sleep_for(x); }\n"}, "a.cpp:2: "),
    ({"host/a.cpp": "void f() { std::thread t; }\n"}, "[thread]"),
    ({"daemon/a.cpp": "void f() { co_await x; }\n"}, "[co_await]"),
    ({"host/a.cpp": "void f() { usleep(1); }  // tidy: allow rand (wrong rule)\n"}, "[sleep]"),
    ({"ledger/a.cpp": long_function(FUNCTION_LINES_MAX + 1)}, "a.cpp:2: function of 71 lines"),
    ({"tests/a.cpp": long_function(FUNCTION_LINES_MAX + 1)}, "function of 71 lines"),
    ({"model/a.cpp": "// " + "x" * COLUMNS_MAX + "\n"}, "113 columns"),
    ({"model/a.cpp": "// TO" "DO later\n"}, "left-over note"),
    ({"docs/a.md": "FIX" "ME\n"}, "left-over note"),
    ({"docs/a.md": "see /wo" "rk/x/y\n"}, "path of one machine"),
    ({"docs/a.bin": b"\0\1"}, "binary file"),
    ({"model/a.cpp": "\n" * (FILE_LINES_MAX + 1)}, f"{FILE_LINES_MAX + 1} lines"),
    ({"tests/a.cpp": 'TEST_CASE("one; two", "[x]") {}\n'}, "in the name of a test"),
    ({"model/a.h": "struct S {};\n"}, "no #pragma once"),
]

if __name__ == "__main__":
    lint.main(__doc__, check, GOOD, BAD)
