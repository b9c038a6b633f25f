"""Small runs for the trainers' tests, and how their logs are read."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from training import lesions


def quick(kind: type, **changes: Any) -> Any:
    """Settings of one epoch on the CPU that sees the pictures as they are."""
    return kind(strength=0.0, epochs=1, accelerator="cpu", **changes)


def on_pictures(folder: Path) -> dict[str, Path]:
    """Where a classifier's run reads what the fixture ``class_folders`` wrote, and writes."""
    return {"output": folder / "run", "train": folder / "train", "validation": folder / "val"}


def lesion_settings(folders: tuple[Path, Path], output: Path) -> lesions.LesionSettings:
    images, masks = folders
    sizes = {"width": 8, "size": 64, "crop": 64}
    steps = {"steps_per_epoch": 110, "batch_size": 8, "learning_rate": 1e-2, "threads": 1}
    files = {"output": output, "images": images, "masks": masks}
    return quick(lesions.LesionSettings, **files, **sizes, **steps)


def losses(output: Path) -> dict[int, float]:
    """Loss by step over all logs of a run; what was done twice counts as it was done last."""
    folder = output / "logs" / "csv"
    earlier = sorted(folder.glob("metrics-*.csv"), key=lambda f: int(f.stem.split("-")[1]))
    found = {}
    for file in [*earlier, folder / "metrics.csv"]:
        with file.open(newline="") as stream:
            for row in csv.DictReader(stream):
                if row["loss"]:
                    found[int(row["step"])] = float(row["loss"])
    return found
