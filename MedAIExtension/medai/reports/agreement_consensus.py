"""What the raters of an image say together, as files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medai.agreement import band_staple, dawid_skene, majority, staple
from medai.images import segmentation_from_masks, write_segmentation
from medai.output import atomic_file
from medai.palette import CLASS_COLORS
from medai.reports.pictures import png_bytes
from medai.studies.ratings_source import RatedCase


def write_consensus(case: RatedCase, candidates: Sequence[str], folder: Path) -> None:
    """Majority, STAPLE and Dawid–Skene of one image as segments of ``<image>.seg.nrrd``.

    candidates: names that take no part. Where the masks are pictures, a picture of the majority is
    written too. Nothing is written for an image of fewer than two raters.
    """
    ratings = case.ratings
    masks = [
        mask
        for rater, mask in zip(ratings.raters, ratings.masks, strict=True)
        if rater not in candidates
    ]
    if len(masks) < 2:
        return
    together = {
        "majority": majority(masks, ratings.roi).mask,
        "STAPLE": staple(masks, ratings.roi).mask,
        "STAPLE of the disputed band": band_staple(masks, ratings.roi).mask,
        "Dawid-Skene": dawid_skene(masks, ratings.roi).mask,
    }
    segmentation = segmentation_from_masks(
        together,
        case.ijk_to_ras,
        colors=dict.fromkeys(together, CLASS_COLORS["consensus"]),
        name=f"{ratings.name} consensus",
    )
    write_segmentation(segmentation, folder / f"{ratings.name}.seg.nrrd")
    if not case.has_spacing and len(together["majority"]) == 1:
        with atomic_file(folder / f"{ratings.name}.png") as temporary:
            temporary.write_bytes(png_bytes(255 * together["majority"][0]))
