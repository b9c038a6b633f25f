"""What is asked of one study, and what came of it; both travel between processes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class StudyRequest:
    """One study to do.

    number: its row in the list, from 1. name: its folder's name. task: the command's name.
    study: file or folder.
    options: what its row says beyond that (see tasks.Task.list_columns), the model included.
    folder: where its results go. overwrite: whether results of another request may be replaced.
    gpu_memory_gb: the most to take of the GPU, None for all.
    version: of the MedAI that asks; results of two versions don't belong in one table.
    """

    number: int
    name: str
    task: str
    study: Path
    options: dict[str, str]
    folder: Path
    device: str
    gpu_memory_gb: float | None
    overwrite: bool
    version: str


@dataclass(frozen=True)
class Outcome:
    """done: computed now. kept: whole results were there. failed: ``reason`` says why, one line.

    rows: the study's lines of results.csv.
    """

    number: int
    name: str
    state: Literal["done", "kept", "failed"]
    reason: str = ""
    rows: tuple[tuple[Any, ...], ...] = field(default=())
