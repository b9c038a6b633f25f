"""Which consensus comes closest to the truth, on photographs of simulated raters.

    python -m Testing.benchmarks consensus

Prints mean Dice with the true lesions over 15 photographs, for four and eight raters who are alike
(one habit) or unlike (four habits).
"""

from __future__ import annotations

import numpy as np

from medai.agreement.gold_standard import METHODS
from medai.agreement.overlap import dice
from medai.phantoms.raters import SIMULATED_RATERS, simulate_rating
from medai.phantoms.skin import skin_photograph

PHOTOGRAPHS = 15


def mean_dice(raters: int, *, alike: bool) -> dict[str, float]:
    """Mean Dice of each method over the photographs."""
    found: dict[str, list[float]] = {}
    for seed in range(PHOTOGRAPHS):
        phantom = skin_photograph(seed=seed)
        masks = [
            simulate_rating(
                phantom.lesions,
                phantom.volume.spacing_mm,
                SIMULATED_RATERS[0 if alike else number % len(SIMULATED_RATERS)],
                roi=phantom.skin,
                seed=100 * seed + number,
            )
            for number in range(raters)
        ]
        for name, method in METHODS.items():
            mask = method(masks, phantom.skin).mask
            found.setdefault(name, []).append(dice(mask, phantom.lesions))
    return {name: float(np.mean(values)) for name, values in found.items()}


def main() -> None:
    """Print the table."""
    for count in (4, 8):
        for alike in (True, False):
            means = mean_dice(count, alike=alike)
            shown = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
            print(f"{count} raters, {'alike' if alike else 'unlike'}: {shown}")
