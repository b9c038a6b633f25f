"""``SampleData``: remembers what modules offer."""

from __future__ import annotations

from types import SimpleNamespace

# Name of the sample -> what was registered.
sources: dict[str, SimpleNamespace] = {}


class SampleDataLogic:
    """The part that registers samples."""

    @staticmethod
    def registerCustomSampleDataSource(
        *, category, sampleName, thumbnailFileName, customDownloader
    ) -> None:
        sources[sampleName] = SimpleNamespace(
            category=category,
            sampleName=sampleName,
            thumbnailFileName=thumbnailFileName,
            customDownloader=customDownloader,
        )
