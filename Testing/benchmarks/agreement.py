"""How fast agreement is measured, and in how much memory."""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

import numpy as np

from medai.agreement import (
    ImageRatings,
    area_icc,
    bootstrap_interval,
    cohort,
    krippendorff_alpha,
    pixel_icc,
    rating_patterns,
)
from medai.phantoms.raters import simulate_rating
from medai.phantoms.skin import skin_photograph
from medai.studies.phantom_study import SIMULATED_RATERS


def main() -> None:
    """Print each figure beside its target."""
    masks = simulated((1000, 1000), 4, seed=0)
    pixel_icc(masks[:, :50, :50])
    report("pattern counting, 4 raters × 1 Mpx", best_of(5, lambda: rating_patterns(masks)))
    report("pixel ICC, 4 raters × 1 Mpx, counting included",
           best_of(5, lambda: pixel_icc(masks)), 0.05)  # fmt: skip
    _large()
    _alpha(masks)
    report("bootstrap of the pixel ICC, 1000 resamples",
           best_of(1, lambda: bootstrap_interval(masks)), 10.0)  # fmt: skip
    _areas()
    _cohort()


def _areas() -> None:
    phantom = skin_photograph((512, 512), seed=5)
    masks = np.stack(
        [
            simulate_rating(phantom.lesions, phantom.volume.spacing_mm, rater, seed=1)[0] != 0
            for rater in SIMULATED_RATERS[:3]
        ]
    )
    for grid in (10, 15, 20):
        start = process_time()
        area_icc(masks, None, grid)
        seconds = process_time() - start
        report(f"area ICC, 3 × 512 × 512, {grid} cells a side, processor time", seconds, 0.5)


def _large() -> None:
    # Made in place, so that the figure is that of the masks and what the function adds to them.
    masks = np.empty((4, 10_000, 10_000), dtype=np.uint8)
    masks[:] = 0
    for rater, mask in enumerate(masks):
        mask[rater * 200 : 6000 + rater * 150, 500 : 7000 + 100 * rater] = 1
    report("pixel ICC, 4 raters × 100 Mpx", best_of(2, lambda: pixel_icc(masks)), 2.0)
    peak = peak_memory_gb()
    if peak is not None:
        print(f"  {'peak memory of the process, 0.4 GB of masks included':58s} {peak:8.3f} GB  "
              f"target 1 GB  {'met' if peak < 1 else 'MISSED'}")  # fmt: skip


def _alpha(masks: np.ndarray) -> None:
    flat = masks.reshape(4, -1)
    ours = best_of(5, lambda: krippendorff_alpha(flat))
    report("Krippendorff's alpha, 4 raters × 1 Mpx", ours)
    try:
        import krippendorff
    except ImportError:
        print("  the package krippendorff is not installed: no comparison")
        return
    theirs = best_of(1, lambda: krippendorff.alpha(flat, level_of_measurement="nominal"))
    apart = abs(krippendorff_alpha(flat) - krippendorff.alpha(flat, level_of_measurement="nominal"))
    verdict = "met" if theirs / ours >= 20 and apart < 1e-12 else "MISSED"
    print(f"  {'faster than the package krippendorff':58s} {theirs / ours:7.0f} ×  target 20 ×  "
          f"{verdict} (apart by {apart:.0e})")  # fmt: skip


def _cohort() -> None:
    images = [
        ImageRatings(f"{k}", simulated((128, 128), 4, seed=k), ("a", "b", "c", "d"))
        for k in range(100)
    ]
    seconds = best_of(1, lambda: cohort(images, bootstrap=1000))
    measures = len({row["measure"] for row in cohort(images[:2], bootstrap=0).image_rows})
    report(f"cohort, 100 images × {measures} measures, leave-one-out too", seconds, 10.0)


def simulated(shape: tuple[int, int], raters: int, seed: int) -> np.ndarray:
    """Blobs that each rater outlines with an error of their own, (raters, *shape) of 0 and 1."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    field = np.zeros(shape)
    for _ in range(4):
        y, x, size = random.uniform(-0.7, 0.7), random.uniform(-0.7, 0.7), random.uniform(0.2, 0.5)
        field += np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / size**2)
    masks = np.empty((raters, *shape), dtype=np.uint8)
    for rater in range(raters):
        angle, shift = random.uniform(0, 6.3), 0.1 * random.standard_normal()
        wave = 0.15 * np.sin(9 * rows * np.cos(angle) + 9 * columns * np.sin(angle))
        masks[rater] = field + wave + shift > 0.8
    return masks


def best_of(times: int, call: Callable[[], Any]) -> float:
    """The shortest of several runs in seconds: the one the machine disturbed least."""
    durations = []
    for _ in range(times):
        start = perf_counter()
        call()
        durations.append(perf_counter() - start)
    return min(durations)


def report(what: str, seconds: float, target: float | None = None) -> None:
    """Print one figure."""
    verdict = "" if target is None else f"  target {target:g} s  "
    if target is not None:
        verdict += "met" if seconds < target else "MISSED"
    print(f"  {what:58s} {seconds:8.4f} s{verdict}", flush=True)


def peak_memory_gb() -> float | None:
    """The most memory this process has held, where the platform tells."""
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


if __name__ == "__main__":
    main()
