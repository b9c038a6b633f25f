"""Damaging bytes in the ways that files get damaged, or are damaged on purpose."""

from __future__ import annotations

import random
import re

_NUMBERS = re.compile(rb"-?\d+(?:\.\d+)?")
# What people write into a header to break a reader.
_WORDS = (
    b"0 -1 1 2147483647 -2147483648 4294967296 9223372036854775807 99999999999999999999 1e308 1e999"
    b" -0.0 nan inf 1e-320 0x10 1_0 true null '' \xff\xfe"
).split(b" ")
_INTEGERS = (0, 1, -1, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**62)
_NESTS = (b"[", b"{", b"(", b'{"a":', b"[[", b"a.")


def mutated(seeds: list[bytes], number: int) -> bytes:
    """One of ``seeds``, damaged one to five times; the same for the same number."""
    rng = random.Random(number)
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5))):
        rng.choice(_WAYS)(data, rng, seeds)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    """Anywhere, but often in the header."""
    return rng.randrange(max(1, len(data) if rng.random() < 0.5 else min(len(data), 600)))


def _flip(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    for _ in range(rng.choice((1, 1, 4, 16))):
        if data:
            data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _write_integer(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    size = rng.choice((1, 2, 4, 8))
    value = rng.choice(_INTEGERS) % 256**size
    at = _place(data, rng)
    data[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def _cut_off(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _cut_out(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    at = _place(data, rng)
    del data[at : at + rng.choice((1, 2, 8, 64, 512))]


def _repeat(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    at = _place(data, rng)
    part = bytes(data[at : at + rng.choice((1, 8, 64, 512))])
    data[at:at] = part * rng.choice((1, 2, 50))


def _insert(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 16)))


def _splice(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    other = rng.choice(seeds)
    at, size = _place(data, rng), rng.choice((4, 16, 128))
    start = rng.randrange(len(other))
    data[at : at + size] = other[start : start + size]


def _renumber(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    found = list(_NUMBERS.finditer(data[:4000]))
    if found:
        chosen = rng.choice(found)
        data[chosen.start() : chosen.end()] = rng.choice(_WORDS)


def _lose_line(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    if rng.random() < 0.5:
        lines.insert(at, lines[rng.randrange(len(lines))])
    else:
        del lines[at]
    data[:] = b"\n".join(lines)


def _nest(data: bytearray, rng: random.Random, seeds: list[bytes]) -> None:
    at = _place(data, rng)
    data[at:at] = rng.choice(_NESTS) * rng.choice((2, 100, 20_000))


_WAYS = (
    *(_flip, _flip, _flip, _write_integer, _write_integer, _cut_off, _cut_out, _repeat, _insert),
    *(_splice, _renumber, _renumber, _renumber, _lose_line, _nest),
)
