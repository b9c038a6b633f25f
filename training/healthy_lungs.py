"""What a lesion model marks in healthy lungs: ``python -m training.healthy_lungs MODEL…``.

Healthy phantoms of whole chests are segmented. Printed for a card's ``[decision]``:
``healthy_opacity_percent``, the largest percentage of opacity of any of them, and
``least_region_ml``, the volume that nine of ten false regions stay under.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from medai.inference import LesionOptions, LesionResult, segment_lesions
from medai.models import ModelStore
from medai.phantoms import chest_ct

# (shape, spacing in mm) of the phantoms, z, y, x: thick and thinner slices.
_GRIDS = (((80, 160, 160), (4.0, 2.4, 2.4)), ((40, 192, 192), (7.5, 1.9, 1.9)))
_BELOW_PERCENT = 90.0


def healthy_figures(results: Sequence[LesionResult]) -> tuple[float, float]:
    """(largest opacity in percent, volume in mL under which nine of ten regions are)."""
    volumes_ml = [lesion.volume_ml for result in results for lesion in result.findings]
    least_ml = float(np.percentile(volumes_ml, _BELOW_PERCENT)) if volumes_ml else 0.0
    return max(result.burden.opacity_percent for result in results), least_ml


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of each model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="ids of lesion models")
    parser.add_argument("--seeds", type=int, default=2, help="phantoms of each grid")
    options = parser.parse_args(arguments)
    store = ModelStore()
    for name in options.models:
        model = store.load(name, task="lesions")
        results = []
        for shape, spacing_mm in _GRIDS:
            for seed in range(options.seeds):
                healthy = chest_ct(shape, spacing_mm, (), seed=100 + seed)
                found = segment_lesions(healthy.volume, model, LesionOptions(min_region_ml=0.0))
                results.append(found)
                print(
                    f"{name}: {len(healthy.volume.array)} slices, "
                    f"{found.burden.opacity_percent:.2f} % in {found.burden.lesion_count} regions",
                    flush=True,
                )
        percent, least_ml = healthy_figures(results)
        print(f"healthy_opacity_percent = {percent:.1f}\nleast_region_ml = {least_ml:.3g}")


if __name__ == "__main__":
    main()
