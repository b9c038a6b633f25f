"""Six scans through the 31-million-parameter U-Net: MedAI's way beside plain PyTorch float32.

``python -m Testing.benchmarks.cataract``. No weights of that size are shipped, so the shipped
small network is widened to it without changing what it computes: every channel is there four
times and each copy passes on a quarter. All 31 million parameters take part.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from medai.images.oct_scans import EyeScans, eye_from_volume
from medai.inference.cataract.lens_crop import (
    from_network_grid,
    network_size,
    propose_crop,
    to_network_grid,
)
from medai.inference.cataract.mapping import map_cataract
from medai.inference.cataract.result import CataractOptions, EyeMap, measure_map
from medai.inference.running.letterbox import normalise
from medai.measures.cataract import PAPER_THRESHOLD
from medai.models import Model, ModelCard, ModelStore
from medai.networks import count_parameters, unet
from medai.phantoms.lens_oct import lens_oct
from medai.phantoms.lens_opacities import Opacity

SIDE = 550  # the source paper's network grid


def widened(small: nn.Module, width: int = 64) -> nn.Module:
    """A U-Net of ``width`` that computes what ``small`` does (Net2WiderNet, Chen et al. 2016)."""
    wide = unet(in_channels=1, classes=3, width=width)
    source = small.state_dict()
    state = {}
    for name, target in wide.state_dict().items():
        value = source[name]
        for axis in range(min(value.ndim, 2)):
            copies = target.shape[axis] // value.shape[axis]
            value = value.repeat_interleave(copies, dim=axis)
            # Inputs: axis 1 of a convolution, axis 0 of a transposed one.
            is_input = value.ndim == 4 and axis == (0 if ".up.weight" in name else 1)
            if is_input:
                value = value / copies
        state[name] = value
    wide.load_state_dict(state)
    return wide.eval()


def plain(eye: EyeScans, network: nn.Module, card: ModelCard) -> EyeMap:
    """The same map scan by scan, as a few lines of PyTorch would make it, measured the same way."""
    scans = eye.volume.array
    probability = np.zeros(scans.shape, np.float16)
    lens, cataract = np.zeros(scans.shape, bool), np.zeros(scans.shape, bool)
    crops = tuple(propose_crop(pixels, name) for pixels, name in zip(scans, eye.names, strict=True))
    with torch.inference_mode():
        for k, (pixels, box) in enumerate(zip(scans, crops, strict=True)):
            crop = torch.from_numpy(pixels[box.slices].copy())[None, None].float()
            grid = to_network_grid(crop, network_size(box, pixels.shape, SIDE))
            p = network(normalise(grid, card.input.mean, card.input.std)).softmax(dim=1)
            classes = from_network_grid(p, box)[0].numpy()
            place = (k, *box.slices)
            probability[place] = classes[2]
            lens[place] = classes.argmax(axis=0) > 0
            cataract[place] = classes.argmax(axis=0) == 2
    return measure_map(eye, crops, probability, lens, cataract, PAPER_THRESHOLD)


def _timed(work: Callable[[], EyeMap]) -> tuple[tuple[float, float], EyeMap]:
    """Seconds by the wall clock and of processor time, which other programs disturb less."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return (time.perf_counter() - wall, time.process_time() - processor), found


def main() -> None:
    """Print both times, their ratio, and the Dice of the two results."""
    torch.set_num_threads(2)
    store = ModelStore()
    shipped = store.load(task="cataract")
    network = widened(shipped.network)
    card_input = replace(shipped.card.input, size=(SIDE, SIDE))
    model = Model(replace(shipped.card, input=card_input), network)
    opacities = (Opacity("nuclear", 0.6, 2.2), Opacity("cortical", 0.7, 1.2, 1.4, 30.0))
    eye = eye_from_volume(lens_oct(opacities=opacities, seed=21).volume, "right")
    print(f"parameters: {count_parameters(network).total / 1e6:.2f} M")
    options = CataractOptions(device="cpu")
    map_cataract(eye, model, options)
    ours, found = _timed(lambda: map_cataract(eye, model, options).eyes[0])
    theirs, expected = _timed(lambda: plain(eye, network, model.card))
    names = ("wall clock", "processor time")
    for name, slow, fast in zip(names, theirs, ours, strict=True):
        print(f"{name}: plain float32 {slow:.2f} s, MedAI {fast:.2f} s, {slow / fast:.2f} times")
    both = (found.cataract & expected.cataract).sum()
    dice = 2 * both / (found.cataract.sum() + expected.cataract.sum())
    print(f"Dice of the cataract pixels: {dice:.4f}")


if __name__ == "__main__":
    main()
