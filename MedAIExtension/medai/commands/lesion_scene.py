"""The scene file beside the results of a lesion segmentation or measurement."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from medai.commands.console import print_warning

if TYPE_CHECKING:
    from medai.inference.lesions.result import LesionResult


def write_scene(result: LesionResult, folder: Path) -> None:
    """Write scene.mrb into a folder, or say why it is left out."""
    if find_spec("slicer") is None:
        print_warning(
            "scene.mrb is left out: slicer-core is not installed "
            f"(it needs Python 3.11, this is {sys.version_info.major}.{sys.version_info.minor})."
        )
        return
    from medai import host, scene

    host.start()
    node = scene.show_volume(result.volume)
    scene.show(result, node)
    scene.save_scene(folder / "scene.mrb")
