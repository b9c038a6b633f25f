"""Studies that are served, and Chromium."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from medai.studies import Study, open_study
from Testing.served_study import Server, make_study


@pytest.fixture(autouse=True)
def own_user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept on the rater's own computer stays out of the real user folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return make_study(tmp_path / "study")


ServerMaker = Callable[[Study], Server]


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[ServerMaker]:
    made: list[Server] = []

    def make(study: Study) -> Server:
        made.append(Server(study, tmp_path / f"server-{len(made)}.log"))
        return made[-1]

    yield make
    for server in made:
        server.stop()


@pytest.fixture
def server(study: Study, make_server: ServerMaker) -> Server:
    return make_server(open_study(study.folder))


@pytest.fixture(scope="module")
def refusing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests after which its study is as before."""
    folder = tmp_path_factory.mktemp("refusing")
    server = Server(make_study(folder / "study"), folder / "server.log")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Debian's Chromium is; ``make test`` installs it. In CI it may not be missing."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("CI"):
        pytest.fail("Chromium is missing: apt-get install chromium.")
    pytest.skip("Chromium is missing: apt-get install chromium.")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Debian's Chromium needs a sandbox of its own or none; CI runs as root.
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()
