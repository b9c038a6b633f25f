"""Right answers that somebody made apart from the raters: a folder of masks named as the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medai.errors import StudyError
from medai.images import Volume
from medai.studies.label_masks import polarity_question, read_label_masks
from medai.studies.name_key import read_key
from medai.studies.names import image_name
from medai.studies.protocol import label
from medai.studies.rater_folder import MASK_SUFFIXES
from medai.studies.ratings_source import RatedCase


@dataclass(frozen=True)
class GoldFolder:
    """Where a gold standard lies. label: the segment to take where files hold several.

    foreground: the value that marks in a picture, None for every value but 0. key: the study's key,
    for masks named as the images were before the study gave them neutral names.
    """

    folder: Path
    label: str = ""
    foreground: int | None = None
    key: Path | None = None

    def open(self, images: Sequence[str]) -> GoldMasks:
        """The masks of ``images``.

        Raises StudyError when the folder doesn't exist, has two masks of one image or of none of
        the images, or the key is damaged.
        """
        if not self.folder.is_dir():
            raise StudyError(f"{self.folder} doesn't exist: expected a folder of masks.")
        named = {} if self.key is None else read_key(self.key)
        masks: dict[str, Path] = {}
        for path in sorted(self.folder.iterdir()):
            if not path.name.lower().endswith(MASK_SUFFIXES) or path.name.startswith("."):
                continue
            image = named.get(image_name(path), image_name(path))
            if image in masks:
                raise StudyError(
                    f"Two masks are named for image {image!r}: {masks[image]} and {path}."
                )
            masks[image] = path
        if not set(masks) & set(images):
            raise StudyError(
                f"{self.folder} holds no gold standard: expected masks named as the images, such "
                f"as {images[0]}.nrrd; or the study's key (--key), if they have older names."
            )
        return GoldMasks(masks, self.label or "gold standard", self.foreground)


@dataclass(frozen=True)
class GoldMasks:
    """A gold standard: the file by image, and how it is read; see ``GoldFolder``."""

    masks: Mapping[str, Path]
    label: str
    foreground: int | None

    def read(self, case: RatedCase) -> tuple[NDArray[np.uint8], list[str]] | None:
        """The mask (z, y, x) on the case's grid and what should be known of it; None without one.

        Raises ImageReadError, GeometryError or StudyError, each naming the file.
        """
        path = self.masks.get(case.ratings.name)
        if path is None:
            return None
        masks = np.asarray(case.ratings.masks[0])
        grid = masks.reshape(masks.shape if masks.ndim == 3 else (1, *masks.shape))
        volume = Volume(
            grid.astype(np.uint8),
            case.ijk_to_ras,
            "",
            case.ratings.name,
            has_spacing=case.has_spacing,
        )
        found, note = read_label_masks(path, (label(self.label),), volume, self.foreground)
        mask = found[self.label]
        notes = [note] if note else []
        question = "" if self.foreground is not None else polarity_question(mask)
        if question:
            notes.append(f"The gold standard {path.name} {question} (--foreground VALUE)")
        return mask.reshape(masks.shape), notes
