"""Many mutated files of every format, for the night: ``python -m Testing.fuzz [COUNT [FORMAT…]]``.

Ends with status 1 when anything but a typed error came of one.
"""

from __future__ import annotations

import sys

from Testing.fuzz.attack import attack
from Testing.fuzz.formats import FORMATS


def main() -> int:
    """Attack the named formats, or all; print what was found."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    found = 0
    for name in sys.argv[2:] or FORMATS:
        findings = attack(name, 0, count)
        print(f"{name}: {count} files, {len(findings)} findings", flush=True)
        for finding in findings:
            print(f"  {finding.number}: {finding.problem}", flush=True)
        found += len(findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
