"""The scene and its segmentations as files."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from medai import host
from medai.errors import InputError, OutputError
from medai.host.quiet import without_vtk_messages
from medai.images import read_segmentation
from medai.output import atomic_file

_LEAST_FREE_BYTES = 1_000_000


def save_scene(path: Path | str, *, overwrite: bool = False) -> None:
    """Write the whole scene as a Slicer bundle (``.mrb``), atomically.

    Raises InputError on another suffix, OutputError when it exists or can't be written.
    """
    path = _checked(path, ".mrb")
    slicer = host.start()
    with (
        atomic_file(path, overwrite=overwrite) as temporary,
        # The folder inside the bundle gets the name that the file has while it is written.
        tempfile.TemporaryDirectory(prefix=".writing-", dir=temporary.parent) as folder,
        without_vtk_messages(),
    ):
        bundle = Path(folder) / path.name
        messages = slicer.vtkMRMLMessageCollection()
        if not slicer.mrmlScene.WriteToMRB(str(bundle), None, messages):
            raise _output_error(path)
        bundle.replace(temporary)


def save_segmentation(node: Any, path: Path | str, *, overwrite: bool = False) -> None:
    """Write a segmentation node as ``.seg.nrrd``, atomically.

    Names, colors, terminology and geometry are kept. Raises InputError on another suffix,
    OutputError when it exists or can't be written.
    """
    path = _checked(path, ".seg.nrrd")
    slicer = host.start()
    with atomic_file(path, overwrite=overwrite) as temporary, without_vtk_messages():
        storage = slicer.vtkMRMLSegmentationStorageNode()
        storage.SetScene(slicer.mrmlScene)
        storage.SetCropToMinimumExtent(False)
        storage.SetFileName(str(temporary))
        temporary.unlink()
        if not storage.WriteData(node):
            raise _output_error(path)
        try:
            # The writer doesn't notice when the disk fills up.
            read_segmentation(temporary)
        except InputError as error:
            raise _output_error(path) from error


def _checked(path: Path | str, suffix: str) -> Path:
    path = Path(path)
    if not path.name.lower().endswith(suffix):
        raise InputError(f"{path}: the name must end in {suffix}.")
    return path


def _output_error(path: Path) -> OutputError:
    if shutil.disk_usage(path.parent).free < _LEAST_FREE_BYTES:
        return OutputError(f"Can't write {path}: the disk is full.")
    return OutputError(f"Can't write {path}: Slicer's writer failed.")
