"""Every command's help ends with its page; every panel's help links its own, kept locally."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from medai import cli
from medai.resources import documentation_page

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = (*cli._COMMANDS, *cli._GROUPS)
MODULES = (
    "LesionSegmentation",
    "CovidClassification",
    "CataractMap",
    "RaterAgreement",
    "ChestXray",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_ends_with_its_page(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert cli.run([command, "--help"]) == 0
    last = capsys.readouterr().out.strip().splitlines()[-1].strip()
    assert last == f"Page: {documentation_page(cli.PAGES[command])}"


def test_a_group_commands_help_ends_with_the_groups_page(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    assert cli.run(["models", "accept", "--help"]) == 0
    assert capsys.readouterr().out.strip().endswith("model-card.md")


@pytest.mark.xdist_group("panels")
@pytest.mark.parametrize("module", MODULES)
def test_a_panels_help_links_its_page_and_its_publications(module):
    from Testing.standins import install, load_module

    description = getattr(install().modules, load_module(module).__name__.lower()).module.parent
    (address,) = re.findall(r'href="(file:[^"]+)"', description.helpText)
    page = Path(unquote(urlparse(address).path))
    assert page.is_file() and page.read_text(encoding="utf-8").startswith("# ")
    cited = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    dois = re.findall(r'href="https://doi.org/([^"]+)"', description.acknowledgementText)
    assert dois or module == "ChestXray"  # it follows no one publication
    assert all(f"doi: {doi}" in cited for doi in dois)


def test_pages_are_installed_with_the_extension_and_the_package():
    cmake = (ROOT / "MedAIExtension" / "medai" / "CMakeLists.txt").read_text(encoding="utf-8")
    (folders,) = re.findall(r"IN ITEMS ([^)]+)\)", cmake)
    assert {"Documentation", "Screenshots"} <= set(folders.split())
    assert '"Resources/Documentation"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
