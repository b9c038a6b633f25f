"""A trained network as a model folder: half-precision weights and the card that tells the truth.

``python -m training.export --checkpoint last.ckpt --card card.toml --output Resources/Models``
"""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from medai.errors import TrainingDataError
from medai.models import ModelStore
from medai.models.weights import read_weights
from medai.output import atomic_folder
from training.command import run_guarded

# Of half precision.
HALF_BITS = 11
_BASE_LINE = re.compile(r'^base = "([a-z0-9-]+)"$', re.MULTILINE)
_BASE_HASH_LINE = re.compile(r'^base_sha256 = ".*"$', re.MULTILINE)
_MEAN_LINE = re.compile(r"^mean = .*$", re.MULTILINE)
_STD_LINE = re.compile(r"^std = .*$", re.MULTILINE)
_HASH_LINE = re.compile(r'^sha256 = ".*"$', re.MULTILINE)


def network_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The state dict of the network in a checkpoint: the averaged weights where there are some."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    except (OSError, KeyError) as error:
        raise TrainingDataError(f"{checkpoint} is no checkpoint of a trainer: {error}.") from None
    found = trained_network(state)
    if not found:
        raise TrainingDataError(f"{checkpoint} holds no network.")
    return found


def trained_network(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The network in the state of a trainer's task: averaged weights, where there are some."""
    for prefix in ("averaged.module.whole.", "averaged.module.", "network.whole.", "network."):
        found = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        if found:
            return found
    return {}


def with_normalization(card: str, checkpoint: Path) -> str:
    """The text of a card with the mean and std that the run of ``checkpoint`` normalised by."""
    known = torch.load(checkpoint, map_location="cpu", weights_only=True).get("normalization")
    if known is None:
        return card
    card = _MEAN_LINE.sub(f"mean = {known['mean']:.6g}", card)
    return _STD_LINE.sub(f"std = {known['std']:.6g}", card)


def mean_weights(checkpoints: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of the networks of several checkpoints that went on from the same weights.

    Such runs end in one valley of the loss, and its middle does better than its rim (Wortsman et
    al., Model soups, 2022). One checkpoint is taken as it is.
    """
    found = [network_weights(checkpoint) for checkpoint in checkpoints]
    return {
        name: (sum(weights[name].double() for weights in found) / len(found)).to(value.dtype)
        for name, value in found[0].items()
    }


def halved(weights: dict[str, Tensor], kernel_bits: int = HALF_BITS) -> dict[str, Tensor]:
    """Floats in half precision, contiguous; integers as they are.

    kernel_bits: significant bits of the kernels (everything but vectors), at most half precision's
    11; what is rounded to fewer packs smaller.
    """
    return {
        name: _rounded(value, kernel_bits) if value.is_floating_point() else value
        for name, value in weights.items()
    }


def _rounded(value: Tensor, bits: int) -> Tensor:
    if bits < HALF_BITS and value.ndim > 1:
        mantissa, exponent = torch.frexp(value.float())
        value = torch.ldexp((mantissa * 2**bits).round() / 2**bits, exponent)
    return value.contiguous().half()


def export_model(
    weights: dict[str, Tensor], card: str, folder: Path, kernel_bits: int = HALF_BITS
) -> Path:
    """Write ``folder/<id>/weights.pt`` and ``card.toml``, and load the model once to check it.

    card: the text of the card; its sha256 line is filled in here. Where it has lines base = "…"
    and base_sha256 = "…", weights equal to those of that model of ``folder`` are left out.
    kernel_bits: see ``halved``. Raises a ModelError when the store refuses the result (nothing is
    then kept), OutputError when the folder exists.
    """
    match = re.search(r'^id = "([a-z0-9-]+)"$', card, re.MULTILINE)
    if match is None or _HASH_LINE.search(card) is None:
        raise TrainingDataError('The card has no line id = "…" or no line sha256 = "…".')
    kept = halved(weights, kernel_bits)
    base = _BASE_LINE.search(card)
    if base is not None:
        on = ModelStore((folder,)).card(base[1]).weights
        if on is None:
            raise TrainingDataError(f"base = {base[1]} is an ensemble, expected a single model.")
        built_on = read_weights(folder / base[1] / on.file, on.sha256)
        kept = {
            name: value
            for name, value in kept.items()
            if name not in built_on or not torch.equal(value, built_on[name])
        }
        card = _BASE_HASH_LINE.sub(f'base_sha256 = "{on.sha256}"', card)
    with atomic_folder(folder / match[1], overwrite=True) as inside:
        file = inside / "weights.pt"
        torch.save(kept, file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        text = _HASH_LINE.sub(f'sha256 = "{digest}"', card)
        (inside / "card.toml").write_text(text, encoding="utf-8")
    ModelStore((folder,)).load(match[1])
    return folder / match[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, nargs="+", help="of a run; several: their mean"
    )
    parser.add_argument("--card", type=Path, help="the card, its sha256 still to be filled in")
    parser.add_argument("--output", type=Path, required=True, help="model folder or .pt")
    parser.add_argument(
        "--kernel-bits",
        type=int,
        default=HALF_BITS,
        help="with --card: significant bits of the kernels",
    )
    given = parser.parse_args()
    weights = mean_weights(given.checkpoint)
    if given.card is None:
        torch.save(weights, given.output)
    else:
        card = with_normalization(given.card.read_text(encoding="utf-8"), given.checkpoint[0])
        print(export_model(weights, card, given.output, given.kernel_bits))


if __name__ == "__main__":
    run_guarded(main)
