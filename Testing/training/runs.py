"""Small runs for the trainers' tests, and how their logs are read."""

from __future__ import annotations

import csv
from pathlib import Path

from training import lesions


def lesion_settings(folders: tuple[Path, Path], output: Path) -> lesions.LesionSettings:
    return lesions.LesionSettings(
        output=output,
        images=folders[0],
        masks=folders[1],
        width=8,
        size=64,
        crop=64,
        strength=0.0,
        epochs=1,
        steps_per_epoch=110,
        batch_size=8,
        learning_rate=1e-2,
        accelerator="cpu",
        threads=1,
    )


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
