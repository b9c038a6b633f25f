"""In which order a rater meets the images, and which come back unannounced."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

from medai.studies.protocol import Protocol

# Orders are drawn until the repeats lie at least this share of the list apart, or the tries end.
_WANTED_GAP_SHARE = 1 / 4
_TRIES = 200


@dataclass(frozen=True)
class Case:
    """One entry of a rater's list.

    number: from 1, in the rater's own order: all that the rater is told.
    presentation: 1, or 2 when the image comes back to measure intra-rater reliability.
    """

    number: int
    image: str
    presentation: int
    is_training: bool


def worklist(protocol: Protocol, rater: str) -> tuple[Case, ...]:
    """Every case of ``rater``: the training images, then the others in an order of the rater's own;
    images that were added later come after, in the same way.

    The same protocol gives the same list on every machine. Repeats are the same images for all
    raters, each placed as far from its first presentation as the tries found, a quarter of the
    list wherever that is possible. Raises StudyError for an unknown rater.
    """
    rater = protocol.require_rater(rater)
    entries = [
        entry
        for batch in sorted({image.batch for image in protocol.images})
        for entry in _entries(protocol, rater, batch)
    ]
    return tuple(Case(number, *entry) for number, entry in enumerate(entries, start=1))


def _entries(protocol: Protocol, rater: str, batch: int) -> list[tuple[str, int, bool]]:
    """Image, presentation and whether it trains, of the images that came together."""
    images = [image for image in protocol.images if image.batch == batch]
    # The first batch's orders are those of a study that never grew.
    added = f" {batch}" if batch else ""
    training = _shuffled(
        [image.name for image in images if image.is_training],
        _generator(protocol, f"training{added}", rater),
    )
    counted = [image.name for image in images if not image.is_training]
    repeated = _repeated(protocol, batch)
    generator = _generator(protocol, f"order{added}", rater)
    best: list[tuple[str, int]] = []
    best_gap = -1
    wanted_gap = int((len(counted) + len(repeated)) * _WANTED_GAP_SHARE)
    for _ in range(_TRIES):
        order = _draw(counted, repeated, generator)
        gap = _smallest_gap(order)
        if gap > best_gap:
            best, best_gap = order, gap
        if gap >= wanted_gap:
            break
    entries = [(name, 1, True) for name in training]
    return entries + [(name, presentation, False) for name, presentation in best]


def repeated_images(protocol: Protocol) -> frozenset[str]:
    """The images that every rater meets twice: ``repeat_share`` of those that count, rounded, of
    the images that came together."""
    batches = {image.batch for image in protocol.images}
    return frozenset().union(*(_repeated(protocol, batch) for batch in batches))


def _repeated(protocol: Protocol, batch: int) -> frozenset[str]:
    counted = sorted(
        image.name for image in protocol.images if image.batch == batch and not image.is_training
    )
    count = round(protocol.repeat_share * len(counted))
    purpose = f"repeats {batch}" if batch else "repeats"
    return frozenset(_shuffled(counted, _generator(protocol, purpose, ""))[:count])


def _draw(
    counted: list[str], repeated: frozenset[str], generator: random.Random
) -> list[tuple[str, int]]:
    # Repeated images come early the first time, so that there is room before the second.
    keys: list[tuple[float, str, int]] = []
    for name in counted:
        if name in repeated:
            first = 0.5 * generator.random()
            earliest = first + 0.3
            keys.append((first, name, 1))
            keys.append((earliest + (1.0 - earliest) * generator.random(), name, 2))
        else:
            keys.append((generator.random(), name, 1))
    return [(name, presentation) for _, name, presentation in sorted(keys)]


def _smallest_gap(order: list[tuple[str, int]]) -> int:
    """Positions between an image's two presentations, the smallest over the repeated images."""
    first = {name: place for place, (name, presentation) in enumerate(order) if presentation == 1}
    gaps = [
        place - first[name] for place, (name, presentation) in enumerate(order) if presentation == 2
    ]
    return min(gaps, default=len(order))


def _shuffled(names: list[str], generator: random.Random) -> list[str]:
    # Only random() itself is promised to stay the same from one Python to the next.
    keys = {name: generator.random() for name in names}
    return sorted(names, key=lambda name: keys[name])


def _generator(protocol: Protocol, purpose: str, rater: str) -> random.Random:
    # hash() differs between processes; SHA-256 gives the same list on every machine.
    text = "\x1f".join((str(protocol.seed), purpose, rater))
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    return random.Random(seed)  # noqa: S311 (an order that anybody may repeat, no secret)
