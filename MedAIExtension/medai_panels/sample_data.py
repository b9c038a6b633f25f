"""Synthetic studies in Slicer's Sample Data module, made when asked for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import slicer

CATEGORY = "MedAI"


def register_sample(name: str, make: Callable[..., list[Any]], thumbnail: str) -> None:
    """Offer ``make`` in the Sample Data module once Slicer has started.

    ``make`` gets Slicer's description of the sample and returns the nodes that it made.
    """

    def register(*args: Any) -> None:
        import_module("SampleData").SampleDataLogic.registerCustomSampleDataSource(
            category=CATEGORY,
            sampleName=name,
            thumbnailFileName=thumbnail,
            customDownloader=make,
            # Slicer asks the length of each of these, also where nothing is downloaded.
            uris=[],
            fileNames=[],
            nodeNames=[],
            loadFiles=[],
            checksums=[],
        )

    slicer.app.startupCompleted.connect(register)
