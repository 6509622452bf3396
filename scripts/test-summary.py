#!/usr/bin/env python3
"""Adds up ctest's JUnit results and tells loudly what did not run and why.

The last line is `N passed, N failed` or `N passed, N failed, N skipped`. Exit status 1 if something failed or
nothing ran.
"""

import os
import sys
import xml.etree.ElementTree as ElementTree


def reason(case):
    output = case.findtext("system-out") or ""
    for line in output.splitlines():
        if line.startswith("SKIPPED: "):
            return line[len("SKIPPED: "):]
    return "gives no reason"


def skipped_itself(case):
    mark = case.find("skipped")
    return mark is not None and "SKIP_RETURN_CODE" in mark.get("message", "")


def main(paths):
    passed, failed, skipped = 0, [], []
    for path in paths:
        run = os.path.splitext(os.path.basename(path))[0]
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name, status = f"{run}: {case.get('name')}", case.get("status")
            if status == "run" and case.find("failure") is None:
                passed += 1
            elif skipped_itself(case):
                skipped.append((reason(case), name))
            else:  # failed, timed out, crashed, or its program was never built
                failed.append(name)
    if skipped:
        root = "" if os.geteuid() == 0 else " (you are not root)"
        print(f"\n!! {len(skipped)} TESTS DID NOT RUN HERE{root}")
        for why in sorted({why for why, _ in skipped}):
            names = [name for other, name in skipped if other == why]
            print(f"!!   {why}: {len(names)}")
            for name in names:
                print(f"!!     {name}")
    if failed:
        print(f"\nFAILED ({len(failed)}):")
        for name in failed:
            print(f"  {name}")
    print()
    print(f"{passed} passed, {len(failed)} failed" + (f", {len(skipped)} skipped" if skipped else ""))
    sys.exit(1 if failed or passed == 0 else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
