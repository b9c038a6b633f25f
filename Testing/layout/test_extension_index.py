"""What the Extension Index asks for, held against CMakeLists.txt and the files that are here."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The catalog entry's fields, version 1.0.1; the schema allows no others.
FIELDS = {
    "$schema",
    "build_dependencies",
    "build_subdirectory",
    "category",
    "enabled",
    "scm_revision",
    "scm_type",
    "scm_url",
    "tier",
}


def cmake(name: str) -> str:
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    found = re.search(rf'set\({name}\s+"([^"]*)"', text)
    assert found, name
    return found.group(1)


def test_the_catalog_entry_says_what_cmake_says():
    entry = json.loads((ROOT / "MedAI.json").read_text(encoding="utf-8"))
    assert set(entry) == FIELDS
    assert entry["category"] == cmake("EXTENSION_CATEGORY")
    assert entry["build_dependencies"] == cmake("EXTENSION_DEPENDS").split()
    assert entry["scm_url"].removesuffix(".git") == cmake("MedAI_HOMEPAGE")
    assert cmake("MedAI_RAW_URL").endswith(f"/{entry['scm_revision']}")
    assert entry["scm_type"] == "git" and entry["tier"] in (1, 3, 5)
    inner = ROOT / entry["build_subdirectory"] / "CMakeLists.txt"
    assert "project(MedAI)" in inner.read_text(encoding="utf-8")


def test_licence_icon_and_screenshot_are_there_under_the_names_that_are_published():
    assert "Apache License" in (ROOT / "LICENSE.txt").read_text(encoding="utf-8")
    assert not (ROOT / "LICENSE").exists()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(LICENSE.txt)" in readme and "https://doi.org/" in readme
    assert 'license-files = ["LICENSE.txt"]' in (ROOT / "pyproject.toml").read_text(
        encoding="utf-8"
    )
    raw = "${MedAI_RAW_URL}/"
    for name in ("EXTENSION_ICONURL", "EXTENSION_SCREENSHOTURLS"):
        assert (ROOT / cmake(name).removeprefix(raw)).is_file(), name


def test_each_module_has_a_tutorial():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = re.findall(r"\]\((Resources/Documentation/[\w-]+\.md)\)", readme)
    assert len(pages) >= 4 and all((ROOT / page).is_file() for page in pages)
