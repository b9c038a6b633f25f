"""``python -m Testing.supply.audit [ADVISORIES]``: known faults of what is installed.

ADVISORIES is a JSON list in the format of OSV, for machines without network. Without it pip-audit
asks the network. Exit status: 0 none, 1 some, 2 it can't be told.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.version import InvalidVersion, Version

from Testing.supply.sbom import installed


def faults(advisories: Iterable[Mapping[str, Any]], versions: Mapping[str, str]) -> list[str]:
    """One line for each advisory that one of ``versions`` (package -> version) falls under."""
    lines = []
    for advisory in advisories:
        for affected in advisory.get("affected", ()):
            package = affected.get("package", {})
            name = re.sub(r"[-_.]+", "-", package.get("name", "")).lower()
            version = versions.get(name)
            if package.get("ecosystem") == "PyPI" and version and _covers(affected, version):
                lines.append(f"{name} {version}: {advisory['id']} {advisory.get('summary', '')}")
    return sorted({line.strip() for line in lines})


def _covers(affected: Mapping[str, Any], version: str) -> bool:
    if version in affected.get("versions", ()):
        return True
    try:
        own = Version(version)
        return any(
            _in_range(ordered["events"], own)
            for ordered in affected.get("ranges", ())
            if ordered.get("type") == "ECOSYSTEM"
        )
    except InvalidVersion:
        return False


def _in_range(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    inside = False
    for event in events:
        if "introduced" in event:
            start = event["introduced"]
            inside = inside or start == "0" or version >= Version(start)
        if "fixed" in event and version >= Version(event["fixed"]):
            inside = False
        if "last_affected" in event and version > Version(event["last_affected"]):
            inside = False
    return inside


def main(arguments: list[str]) -> int:
    """Print the faults and return the exit status."""
    versions = {
        each.metadata["Name"].lower().replace("_", "-"): each.version for each in installed()
    }
    if not arguments:
        return _ask_the_network()
    try:
        advisories = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
        lines = faults(advisories, versions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        print(f"{arguments[0]} is no JSON list of OSV advisories: {error}.", file=sys.stderr)
        return 2
    print("\n".join(lines) or f"{len(versions)} packages, none with a fault in {arguments[0]}.")
    return 1 if lines else 0


def _ask_the_network() -> int:
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", "--local", "--progress-spinner", "off"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0 or done.stdout.strip():
        print(done.stdout or done.stderr)
        return 1 if done.returncode else 0
    why = (done.stderr.strip().splitlines() or ["no answer"])[-1]
    print(
        f"The audit needs pip-audit and the network ({why}): pip install pip-audit, or give a file "
        "of advisories with make audit ADVISORIES=FILE.",
        file=sys.stderr,
    )
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
