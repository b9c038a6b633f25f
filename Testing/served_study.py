"""A small study, and the real server of ``medai study serve`` in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from medai.images import Volume, write_volume
from medai.studies import Study, StudyPlan, create_study, label
from medai.web.invitations import OWNER, Invitations
from Testing.browser_client import Client

RATERS = ("AB", "CD", "EF")


def gray_volume(seed: int, shape: tuple[int, int, int], flips: int = 1) -> Volume:
    """Noise whose every slice differs; flips: -1 lets columns run toward the patient's right."""
    values = np.random.default_rng(seed).integers(-1000, 1000, shape).astype(np.int16)
    return Volume(values, np.diag([-flips * 1.5, -1.5, 3.0, 1.0]), "CT", "")


def color_volume(seed: int, shape: tuple[int, int]) -> Volume:
    values = np.random.default_rng(seed).integers(0, 255, (1, *shape, 3)).astype(np.uint8)
    return Volume(values, np.diag([-1.0, -1.0, 1.0, 1.0]), "", "", has_spacing=False)


def make_study(folder: Path, **plan: object) -> Study:
    """Two photographs of 60 × 80 and a CT of 5 slices that lies turned, for three raters."""
    given = folder.parent / f"{folder.name}-in"
    given.mkdir()
    for k in range(2):
        write_volume(color_volume(k, (60, 80)), given / f"photo-{k}.nrrd")
    write_volume(gray_volume(7, (5, 40, 50), flips=-1), given / "chest.nrrd")
    chosen: dict[str, object] = {
        "title": "Evening study",
        "images": sorted(given.glob("*.nrrd")),
        "raters": list(RATERS),
        "labels": [label("lesion"), label("consolidation")],
        "instructions": "Outline <b>every</b> lesion.",
    }
    return create_study(folder, StudyPlan(**(chosen | plan)))  # type: ignore[arg-type]


class Server:
    """``medai study serve`` on a free port of this computer."""

    def __init__(self, study: Study, log: Path) -> None:
        self.study = study
        self._log = log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        command = [sys.executable, "-m", "medai", "study", "serve", str(self.study.folder)]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)],
                stdout=log,
                stderr=log,
                env=os.environ | {"HOME": str(self._log.parent / "home")},
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            with socket.socket() as tried:
                if tried.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError(f"The server did not start: {self.said}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def link(self, rater: str) -> str:
        return f"{self.url}#{Invitations(self.study).invite(rater)}"

    def client(self, rater: str) -> Client:
        """A rater's device that has entered by a new link."""
        client = Client(self.port)
        client.enter(Invitations(self.study).invite(rater))
        return client

    def owner(self) -> Client:
        client = Client(self.port)
        client.enter(Invitations(self.study).invite("", role=OWNER))
        return client
