"""Fitting pictures of any size into the one size a network is fed, and back.

Training uses the same code, so a network never sees at work what it was not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor
from torch.nn import functional as F


def normalise(grey: Tensor, mean: float, std: float) -> Tensor:
    """Grey values 0..255 to what the network is fed: ``(grey / 255 - mean) / std``."""
    return (grey - 255.0 * mean) / (255.0 * std)


@dataclass(frozen=True)
class Frame:
    """A picture scaled to fit into ``size``, its proportions kept, top left, the rest black.

    picture, size, fitted: (rows, columns) of the picture, the frame, and the scaled picture in it.
    """

    picture: tuple[int, int]
    size: tuple[int, int]
    fitted: tuple[int, int]

    @classmethod
    def fit(
        cls,
        picture: tuple[int, int],
        size: tuple[int, int],
        pixel_mm: tuple[float, float] = (1.0, 1.0),
    ) -> Self:
        """The frame that holds the whole picture as large as possible.

        pixel_mm: height and width of a pixel; in the frame pixels are square.
        """
        height, width = picture[0] * pixel_mm[0], picture[1] * pixel_mm[1]
        ratio = min(size[0] / height, size[1] / width)
        rows, columns = (max(1, round(ratio * n)) for n in (height, width))
        return cls(picture, size, (rows, columns))

    @property
    def scale(self) -> tuple[float, float]:
        """Frame pixels per picture pixel along (rows, columns)."""
        return self.fitted[0] / self.picture[0], self.fitted[1] / self.picture[1]

    def into(self, pictures: Tensor) -> Tensor:
        """Grey pictures (n, rows, columns), uint8 or float, to float32 (n, 1, *size), 0..255."""
        scaled = pictures[:, None].float()
        if self.fitted != self.picture:
            scaled = F.interpolate(scaled, self.fitted, mode="bilinear", align_corners=False)
        return self._pad(scaled)

    def into_labels(self, labels: Tensor) -> Tensor:
        """Label maps (n, rows, columns) uint8 to (n, *size), nearest neighbour."""
        scaled = labels[:, None]
        if self.fitted != self.picture:
            scaled = F.interpolate(scaled, self.fitted, mode="nearest-exact")
        return self._pad(scaled)[:, 0]

    def back(self, maps: Tensor) -> Tensor:
        """Maps (n, c, *size) to the picture's own pixels, (n, c, rows, columns), bilinear."""
        cut = maps[:, :, : self.fitted[0], : self.fitted[1]]
        if self.fitted == self.picture:
            return cut
        return F.interpolate(cut, self.picture, mode="bilinear", align_corners=False)

    def _pad(self, scaled: Tensor) -> Tensor:
        rows, columns = (n - f for n, f in zip(self.size, self.fitted, strict=True))
        return F.pad(scaled, [0, columns, 0, rows]) if rows or columns else scaled
