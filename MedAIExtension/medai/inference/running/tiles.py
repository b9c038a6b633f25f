"""A network on pictures larger than it was trained on: overlapping tiles, blended."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# One pass up to this many times the trained side: a U-Net takes any size, and less is seen at
# tile borders than in one piece.
_ONE_PASS = 1.5


def run_tiled(network: nn.Module, x: Tensor, side: int) -> Tensor:
    """Class probabilities (n, classes, y, x) in float32 of normalised pictures (n, c, y, x).

    side: pixels across that the network was trained on. Larger pictures are cut into tiles of that
    side that overlap by a quarter or more, weighted less toward their borders.
    """
    rows, columns = x.shape[-2:]
    if max(rows, columns) <= _ONE_PASS * side:
        return _probabilities(network, x)
    tops, lefts = _starts(rows, side), _starts(columns, side)
    total: Tensor | None = None
    weights = torch.zeros(rows, columns, device=x.device)
    window = _window(min(side, rows), min(side, columns), x.device)
    for top in tops:
        for left in lefts:
            place = (..., slice(top, top + side), slice(left, left + side))
            part = _probabilities(network, x[place]) * window
            if total is None:
                total = part.new_zeros(x.shape[0], part.shape[1], rows, columns)
            total[place] += part
            weights[place] += window
    assert total is not None
    return total / weights


def _probabilities(network: nn.Module, x: Tensor) -> Tensor:
    dtype = next(network.parameters()).dtype
    fed = x.to(dtype=dtype, memory_format=torch.channels_last)
    return network(fed).float().softmax(dim=1)


def _starts(length: int, side: int) -> list[int]:
    if length <= side:
        return [0]
    count = 1 + -(-(length - side) * 4 // (3 * side))
    return [round(k * (length - side) / (count - 1)) for k in range(count)]


def _window(rows: int, columns: int, device: torch.device) -> Tensor:
    def ramp(n: int) -> Tensor:
        place = torch.arange(n, device=device, dtype=torch.float32)
        return torch.minimum(place + 1, n - place)

    return ramp(rows)[:, None] * ramp(columns)[None]
