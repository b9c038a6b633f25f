"""Soft labels for unlabelled slices from a trained U-Net, to train the next one on.

``python -m training.pseudo_labels --checkpoint best.ckpt --config lesions_unet.toml
--images DIR --output FILE.npz [--every 4]``. They are training data, never truth to judge by.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from medai.inference.running.letterbox import Frame
from medai.output import atomic_file
from training.command import run_guarded
from training.config import read_config
from training.export import network_weights
from training.lesion_slices import picture_files, read_grey
from training.lesions import LesionSettings, task_of
from training.normalization import Normalization
from training.segmentation import predict
from training.soft_slices import SoftSlices

# The greys of aerated lung and of soft tissue in the labelled slices, which fix their window.
_LUNG_GREY, _TISSUE_GREY = 44.0, 214.0


def usual_window(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A slice through a much wider window brought to the labelled slices' one.

    Told by its few bright pixels; its greys of lung and of soft tissue (the two peaks) are moved
    to theirs. Other slices come back as they are.
    """
    if np.mean(image > 150) >= 0.1:
        return image
    counts = np.bincount(image.ravel(), minlength=256).astype(float)
    smooth = np.convolve(counts, np.ones(5), "same")
    lung, tissue = 2 + int(smooth[2:60].argmax()), 70 + int(smooth[70:150].argmax())
    gain = (_TISSUE_GREY - _LUNG_GREY) / (tissue - lung)
    moved = (image.astype(np.float32) - lung) * gain + _LUNG_GREY
    return np.clip(np.rint(moved), 0, 255).astype(np.uint8)


def label(
    network: torch.nn.Module, files: list[Path], settings: LesionSettings, views: tuple[int, ...]
) -> SoftSlices:
    """Soft labels of picture files, averaged over ``views`` (see ``segmentation.predict``)."""
    size = (settings.size, settings.size)
    normal = Normalization(settings.mean, settings.std)
    images = np.zeros((len(files), *size), np.uint8)
    shares = np.zeros((len(files), settings.classes, *size), np.uint8)
    fitted = np.zeros((len(files), 2), np.int32)
    for index, file in enumerate(files):
        picture = usual_window(read_grey(file))
        frame = Frame.fit(picture.shape, size)
        grey = frame.into(torch.from_numpy(picture)[None])[0, 0].round().to(torch.uint8).numpy()
        rows, columns = frame.fitted
        p = predict(network, grey[:rows, :columns], normal, size, views=views)
        images[index] = grey
        shares[index, :, :rows, :columns] = np.rint(255 * p)
        fitted[index] = rows, columns
    return SoftSlices(images, shares, fitted)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True, help="an .npz file")
    parser.add_argument("--every", type=int, default=1, help="take each n-th slice")
    parser.add_argument(
        "--views", type=int, nargs="+", default=[0, 5], help="orientations averaged"
    )
    given = parser.parse_args()

    def work() -> None:
        settings = read_config(LesionSettings, given.config)
        if settings.threads:
            torch.set_num_threads(settings.threads)
        network = task_of(settings).network
        network.load_state_dict(network_weights(given.checkpoint))
        files = picture_files(given.images)[:: given.every]
        soft = label(network.eval(), files, settings, tuple(given.views))
        with atomic_file(given.output, overwrite=True) as temporary:
            np.savez_compressed(temporary, **vars(soft))
        background = np.count_nonzero(soft.shares[:, 0] >= 128)
        inside = soft.fitted.prod(axis=1).sum()
        print(f"{len(soft)} slices, {1 - background / inside:.3f} of their pixels lesion")

    run_guarded(work)


if __name__ == "__main__":
    main()
