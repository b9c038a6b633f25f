"""``python -m Testing.supply.sbom FOLDER``: sbom.cdx.json (CycloneDX 1.6) and licences.csv."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import medai
from medai.csv_text import csv_text

_LONGEST_LICENCE = 200


def installed() -> list[Distribution]:
    """The installed packages but MedAI itself, by name."""
    found = {_name(each): each for each in distributions() if each.metadata["Name"]}
    found.pop("medai", None)
    return [found[name] for name in sorted(found)]


def licence_of(package: Distribution) -> str:
    """The licence as the package states it: an SPDX expression, a name, or its classifiers."""
    stated = package.metadata.get("License-Expression") or package.metadata.get("License") or ""
    stated = " ".join(stated.split())
    if stated and len(stated) <= _LONGEST_LICENCE:
        return stated
    classifiers = package.metadata.get_all("Classifier") or []
    names = [c.rpartition(" :: ")[2] for c in classifiers if c.startswith("License ::")]
    return "; ".join(names) or "not stated"


def sbom() -> dict[str, Any]:
    """The bill of materials, without a time, so that the same set gives the same file."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": "medai",
                "version": medai.__version__,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [
            {
                "type": "library",
                "bom-ref": _purl(package),
                "name": _name(package),
                "version": package.version,
                "purl": _purl(package),
                "licenses": [{"license": {"name": licence_of(package)}}],
            }
            for package in installed()
        ],
    }


def write(folder: Path) -> None:
    """Write both files into ``folder``, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(sbom(), indent=2, ensure_ascii=False) + "\n"
    (folder / "sbom.cdx.json").write_text(text, encoding="utf-8")
    rows = [(_name(each), each.version, licence_of(each)) for each in installed()]
    table = csv_text(("package", "version", "licence"), rows)
    (folder / "licences.csv").write_text(table, encoding="utf-8")
    print(f"{len(rows)} packages in {folder / 'sbom.cdx.json'} and {folder / 'licences.csv'}.")


def _name(package: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", package.metadata["Name"] or "").lower()


def _purl(package: Distribution) -> str:
    return f"pkg:pypi/{_name(package)}@{package.version}"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
