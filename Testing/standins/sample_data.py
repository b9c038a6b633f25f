"""``SampleData``: remembers what modules offer, and refuses what Slicer's own refuses."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

# Name of the sample -> what was registered.
sources: dict[str, SimpleNamespace] = {}


class SampleDataLogic:
    """The part that registers samples."""

    @staticmethod
    def registerCustomSampleDataSource(
        category: str = "Custom",
        sampleName: str | None = None,
        uris: Any = None,
        fileNames: Any = None,
        nodeNames: Any = None,
        customDownloader: Any = None,
        thumbnailFileName: str | None = None,
        loadFileTypes: Any = None,
        loadFiles: Any = None,
        loadFileProperties: Any = None,
        checksums: Any = None,
        loadFileType: Any = None,
    ) -> None:
        """As Slicer 5.8 to 5.12: one text stands for a list of one; all lists are as long.

        A list that isn't given is None there too, and its length is asked all the same.
        """
        lists = [uris, fileNames, nodeNames, loadFiles, checksums]
        if isinstance(uris, str):
            lists = [[each] for each in lists]
        if len({len(each) for each in lists}) > 1:
            raise ValueError("All fields of sample data source must have the same length")
        sources[sampleName or ""] = SimpleNamespace(
            category=category,
            sampleName=sampleName,
            thumbnailFileName=thumbnailFileName,
            customDownloader=customDownloader,
        )
