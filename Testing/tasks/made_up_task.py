"""A task for tests, what is brighter than a threshold: its files, and its entry in TASKS."""

from __future__ import annotations

from pathlib import Path

ENTRY = """    Task(
        name="bright",
        command="bright",
        title="Bright parts of a volume",
        read="medai.inference.bright:read_row",
        run="medai.inference.bright:find_bright",
        result_types=("medai.inference.bright:BrightResult",),
        write="medai.reports.bright:write_bright",
        summary="medai.reports.bright:summary_of",
        summary_file="bright.json",
        results="medai.inference.bright:RESULTS",
        show="medai.scene.bright:show_bright",
        message_types={"medai.inference.bright": "BrightOptions BrightResult"},
        demonstrate="medai.commands.demonstrations.bright:demonstrate",
        needs_model=False,
        list_columns=("above_hu",),
    ),
"""

OWN_FILES = {
    "inference/bright.py": """
from dataclasses import dataclass, replace
import numpy as np
from medai.images import read_volume
from medai.tables import Column, Table

RESULTS = Table(lambda summary: (summary,), (Column("bright_ml", "bright", "mL"),))

@dataclass(frozen=True, eq=False)
class BrightOptions:
    above_hu: float = 0.0

@dataclass(frozen=True, eq=False)
class BrightResult:
    volume: object
    mask: np.ndarray
    notes: tuple = ()

    @property
    def bright_ml(self):
        return float(self.mask.sum() * np.prod(self.volume.spacing_mm) / 1000)

    @property
    def sentence(self):
        return f"{self.bright_ml:.1f} mL are bright."

def read_row(path, cells, name, device):
    volume = replace(read_volume(path), name=name)
    return volume, BrightOptions(float(cells.get("above_hu", 0)))

def find_bright(volume, model, options, progress, cancelled):
    return BrightResult(volume, (volume.array > options.above_hu).astype(np.uint8))
""",
    "reports/bright.py": """
from medai.images import segmentation_from_masks, write_segmentation
from medai.output import write_text
from medai.reports.json_text import json_text

def summary_of(result):
    return {"bright_ml": result.bright_ml, "notes": list(result.notes)}

def write_bright(result, folder):
    mask = segmentation_from_masks(
        {"bright": result.mask}, result.volume.ijk_to_ras, colors={"bright": (1.0, 1.0, 0.0)}
    )
    write_segmentation(mask, folder / "bright.seg.nrrd")
    write_text(folder / "bright.json", json_text(summary_of(result)))
""",
    "scene/bright.py": """
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, put_labels

def show_bright(result, node):
    shown = ResultNodes(node, "bright", "bright").node(
        "mask", "vtkMRMLSegmentationNode", "bright", beside=True
    )
    look = {1: SegmentLook("bright", (1.0, 1.0, 0.0))}
    put_labels(shown, result.mask, result.volume.ijk_to_ras, look)
    return shown
""",
    "commands/bright.py": '''
from pathlib import Path
from typing import Annotated
import typer
from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.commands.run_task import Output, run_task

def bright(
    study: Annotated[Path, typer.Argument()],
    output: OutputOption,
    above_hu: float = 0.0,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find what is bright."""
    from medai.images import read_volume
    from medai.inference.bright import BrightOptions

    run_task(
        "bright",
        [lambda: read_volume(study)],
        BrightOptions(above_hu),
        Output(output, overwrite, as_json),
    )
''',
    "commands/demonstrations/bright.py": """
from medai.commands.demonstrations.demonstration import Demonstration

def demonstrate(run):
    return Demonstration("Bright", ("It is bright.",), (), (), {"bright": True})
""",
}


def add_to(package: Path) -> None:
    """Add the task to a copy of ``medai``: its own files, and one entry in tasks.py."""
    for name, text in OWN_FILES.items():
        assert not (package / name).exists()
        (package / name).write_text(text.lstrip(), encoding="utf-8")
    tasks = package / "tasks.py"
    before, end, after = tasks.read_text(encoding="utf-8").partition("\n)\n\n\ndef task_named")
    assert end
    tasks.write_text(before + "\n" + ENTRY.rstrip("\n") + end + after, encoding="utf-8")
