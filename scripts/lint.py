"""What the lints share: the files of the project, the form of a finding, the self-test."""

import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Findings:
    """Findings and warnings, each `file:line: what: remedy`. Only findings fail the lint."""

    def __init__(self):
        self.errors = []
        self.warnings = []

    def add(self, path, line, what, remedy, warn=False):
        (self.warnings if warn else self.errors).append(f"{path}:{line}: {what}: {remedy}")


def project_files(root):
    """Paths below root that are, or could be, committed: sorted, relative, build output left out."""
    if os.path.exists(os.path.join(root, ".git")):
        command = ["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        out = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if out.returncode == 0:
            names = {name for name in out.stdout.decode("utf-8", "surrogateescape").split("\0") if name}
            return sorted(name for name in names if os.path.isfile(os.path.join(root, name)))
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in (".git", "build", ".cache", "__pycache__"))
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def read_text(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def read_bytes(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return file.read()


CPP_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)


def blank_cpp(text):
    """The text with comments and the insides of literals turned to blanks; lines and columns stay."""
    def blank(match):
        token = match.group(0)
        inner = re.sub(r"[^\n]", " ", token)
        return inner if token.startswith("/") else '"' + inner[1:-1] + '"'
    return CPP_TOKEN.sub(blank, text)


def self_test(check, good, bad):
    """Proves that `check` passes `good` ({path: text}) and finds each of `bad`: (files, part of finding)."""
    def run(files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "wb") as file:
                    file.write(text if isinstance(text, bytes) else text.encode())
            findings = Findings()
            check(root, findings)
            return findings
    failed = 0
    clean = run(good)
    for line in clean.errors + clean.warnings:
        print(f"self-test: found in the good sample: {line}")
        failed += 1
    for files, expected in bad:
        found = run({**good, **files})
        if not any(expected in line for line in found.errors + found.warnings):
            print(f"self-test: {expected!r} not found in {sorted(files)}: {found.errors + found.warnings}")
            failed += 1
    print(f"self-test: {len(bad) + 1 - failed} of {len(bad) + 1} samples as expected")
    return 1 if failed else 0


def main(description, check, good, bad):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--root", default=ROOT, help="the project to look at")
    parser.add_argument("--self-test", action="store_true", help="prove that this lint can fail")
    args = parser.parse_args()
    if args.self_test:
        sys.exit(self_test(check, good, bad))
    findings = Findings()
    check(args.root, findings)
    for line in findings.warnings:
        print(f"warning: {line}")
    for line in findings.errors:
        print(line)
    print(f"{len(findings.errors)} findings, {len(findings.warnings)} warnings")
    sys.exit(1 if findings.errors else 0)
