"""What each demonstration is given, and what it hands to the demo's front page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medai.cancellation import CancelCallback
from medai.progress import ProgressCallback


@dataclass(frozen=True)
class DemoRun:
    """Where and how a demonstration runs.

    folder: an existing folder for the demonstration's own files.
    device: "auto", "cpu" or "cuda".
    has_scene: whether the demo has a scene for results to be shown in (slicer-core is there).
    """

    folder: Path
    device: str
    has_scene: bool
    progress: ProgressCallback
    cancelled: CancelCallback


@dataclass(frozen=True)
class Demonstration:
    """A section of the front page.

    pictures: PNG bytes and captions. links: path below the demo's folder, and words.
    summary: the demonstration's numbers as plain data.
    """

    title: str
    sentences: tuple[str, ...]
    pictures: tuple[tuple[bytes, str], ...]
    links: tuple[tuple[str, str], ...]
    summary: dict[str, Any]
