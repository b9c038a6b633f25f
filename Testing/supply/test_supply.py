"""The list of what is installed, and faults found in it without the network."""

from __future__ import annotations

import csv
import json

import pytest

from Testing.supply import audit, sbom

OLD_TORCH = {
    "id": "CVE-2025-32434",
    "summary": "code despite weights_only",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "Torch"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.6.0"}]}],
        }
    ],
}


@pytest.mark.parametrize(
    ("version", "found"), [("2.5.1", 1), ("2.5.1+cu124", 1), ("2.6.0", 0), ("2.14.1", 0)]
)
def test_a_version_is_held_against_the_ranges_of_an_advisory(version, found):
    assert len(audit.faults([OLD_TORCH], {"torch": version, "numpy": "1.0"})) == found


def test_the_audit_says_what_it_found_by_its_status(tmp_path, capsys):
    path = tmp_path / "osv.json"
    path.write_text(json.dumps([OLD_TORCH]))
    assert audit.main([str(path)]) == 0
    everything = json.loads(json.dumps(OLD_TORCH).replace('"2.6.0"', '"999"'))
    path.write_text(json.dumps([everything]))
    assert audit.main([str(path)]) == 1
    assert "CVE-2025-32434" in capsys.readouterr().out
    path.write_text("{}x")
    assert audit.main([str(path)]) == 2


def test_the_bill_of_materials_lists_every_package_once(tmp_path):
    sbom.write(tmp_path)
    bill = json.loads((tmp_path / "sbom.cdx.json").read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    names = [component["name"] for component in bill["components"]]
    assert len(names) == len(set(names)) and {"numpy", "torch", "pillow"} <= set(names)
    for component in bill["components"]:
        assert component["purl"] == f"pkg:pypi/{component['name']}@{component['version']}"
        assert component["licenses"][0]["license"]["name"]
    with (tmp_path / "licences.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == len(names)
