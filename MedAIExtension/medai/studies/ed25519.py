"""Signatures by Ed25519 as RFC 8032 defines them, in Python alone: Slicer has no library for it.

Some 10 ms a signature or check. The time it takes depends on the key, so it is for a person's own
computer, never for a server that answers strangers.
"""

from __future__ import annotations

import hashlib

# RFC 8032, 5.1: the field, the order of the base point, the curve's d, a square root of -1.
_P = 2**255 - 19
_ORDER = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT = pow(2, (_P - 1) // 4, _P)
# (x, y, z, t) stands for the point (x / z, y / z), with t = x y / z.
_Point = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)


def public_key(secret: bytes) -> bytes:
    """The 32 bytes that everybody may know, of a secret of 32 random bytes."""
    return _packed(_times(_scalar(secret)[0], _BASE))


def sign(secret: bytes, message: bytes) -> bytes:
    """The signature (64 bytes) of ``message``; the same each time (RFC 8032, 5.1.6)."""
    scalar, prefix = _scalar(secret)
    public = _packed(_times(scalar, _BASE))
    nonce = _hashed(prefix, message)
    commitment = _packed(_times(nonce, _BASE))
    answer = (nonce + _hashed(commitment, public, message) * scalar) % _ORDER
    return commitment + answer.to_bytes(32, "little")


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether ``signature`` is that of ``message`` by the key behind ``public``; 5.1.7."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, commitment = _unpacked(public), _unpacked(signature[:32])
    answer = int.from_bytes(signature[32:], "little")
    if key is None or commitment is None or answer >= _ORDER:
        return False
    asked = _hashed(signature[:32], public, message)
    return _same(_times(answer, _BASE), _sum(commitment, _times(asked, key)))


def _scalar(secret: bytes) -> tuple[int, bytes]:
    wide = hashlib.sha512(secret).digest()
    number = int.from_bytes(wide[:32], "little")
    return number & ((1 << 254) - 8) | (1 << 254), wide[32:]


def _hashed(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % _ORDER


def _sum(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _times(number: int, point: _Point) -> _Point:
    total = _NEUTRAL
    while number:
        if number & 1:
            total = _sum(total, point)
        point = _sum(point, point)
        number >>= 1
    return total


def _same(one: _Point, other: _Point) -> bool:
    return (one[0] * other[2] - other[0] * one[2]) % _P == 0 and (
        one[1] * other[2] - other[1] * one[2]
    ) % _P == 0


def _packed(point: _Point) -> bytes:
    shrink = pow(point[2], -1, _P)
    x, y = point[0] * shrink % _P, point[1] * shrink % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _unpacked(content: bytes) -> _Point | None:
    """The point that 32 bytes stand for; None where they stand for none (5.1.3)."""
    number = int.from_bytes(content, "little")
    y, is_odd = number & ((1 << 255) - 1), number >> 255
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT % _P
    if (x * x - square) % _P or (x == 0 and is_odd):
        return None
    x = _P - x if (x & 1) != is_odd else x
    return x, y, 1, x * y % _P


_FOUND = _unpacked((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
assert _FOUND is not None
_BASE = _FOUND
