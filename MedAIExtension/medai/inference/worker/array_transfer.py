"""Objects between two processes: large arrays through memory-mapped files, the rest as pickle.

The files lie in a private folder, in memory (``/dev/shm``) where the system has that. The pickle
may only name the types of ``transferred_types``, so a message can't run other code; arrays of
numbers and text are written beside it as type, shape and bytes, since numpy's own pickles trust
their content.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.errors import WorkerError
from medai.inference.worker.transferred_types import TRANSFERRED_TYPES

# Smaller arrays travel inside the message.
_LEAST_MAPPED_BYTES = 65_536
_SLAB_BYTES = 8 * 2**20
_PLAIN = frozenset(
    {
        ("builtins", "set"),
        ("builtins", "frozenset"),
        ("builtins", "complex"),
        ("builtins", "slice"),
        ("builtins", "range"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("pathlib", "PurePosixPath"),
        ("collections", "OrderedDict"),
    }
)
# Booleans, whole numbers, real and complex numbers, text.
_PLAIN_TYPE = re.compile(r"[<>|=][biufcSU]\d{1,6}")


class OutgoingMessage:
    """A message whose arrays are copied to files bit by bit, so that a window never waits.

    payload: the pickled rest; to be sent once ``copy_some`` has returned True.
    arrays: what is copied, by file name.
    """

    def __init__(self, payload: bytes, arrays: dict[str, NDArray], folder: Path) -> None:
        self.payload, self.arrays = payload, arrays
        self._folder = folder
        self._pending = list(arrays)
        self._row = 0

    def copy_some(self, seconds: float) -> bool:
        """Copy for about ``seconds``; True when everything is copied.

        Raises OSError when the disk is full (which writing to a mapped file could not tell).
        """
        end = time.monotonic() + seconds
        while self._pending and time.monotonic() < end:
            name = self._pending[0]
            source = self.arrays[name]
            rows = max(1, _SLAB_BYTES // max(1, source[:1].nbytes))
            slab = np.ascontiguousarray(source[self._row : self._row + rows])
            with (self._folder / name).open("ab") as stream:
                if self._row == 0:
                    header = np.lib.format.header_data_from_array_1_0(slab)
                    np.lib.format.write_array_header_2_0(stream, header | {"shape": source.shape})
                stream.write(slab.data.cast("B"))
            self._row += rows
            if self._row >= len(source):
                self._pending.pop(0)
                self._row = 0
        return not self._pending

    def discard(self) -> None:
        """Delete files that the other side hasn't taken."""
        for name in self.arrays:
            with suppress(OSError):
                (self._folder / name).unlink()


def pack(message: Any, folder: Path, known: Mapping[int, str] | None = None) -> OutgoingMessage:
    """Prepare ``message`` for the other side.

    known: names of arrays, by ``id``, that the other side has already; they are only named.
    """
    stream = io.BytesIO()
    pickler = _Pickler(stream, known or {})
    pickler.dump(message)
    return OutgoingMessage(stream.getvalue(), pickler.arrays, folder)


def unpack(
    payload: bytes, folder: Path, own: Mapping[str, NDArray] | None = None
) -> tuple[Any, dict[str, NDArray]]:
    """The message, and its mapped arrays by name.

    own: arrays that the other side may only name. Arrays are mapped copy-on-write. Raises
    WorkerError when the payload is not such a message.
    """
    unpickler = _Unpickler(io.BytesIO(payload), folder, own or {})
    try:
        _check_sizes(payload)
        return unpickler.load(), unpickler.arrays
    except WorkerError:
        raise
    except Exception as error:
        raise WorkerError(
            f"A message between MedAI's processes is damaged ({type(error).__name__}): run again."
        ) from error


def _check_sizes(payload: bytes) -> None:
    """Raise ValueError when the payload announces more than it holds: pickle would make room."""
    for opcode, argument, _ in pickletools.genops(payload):
        if opcode.name in ("PUT", "LONG_BINPUT") and (argument or 0) > len(payload):
            raise ValueError(f"memo of {argument} objects in {len(payload)} bytes")


def _plain_type(name: str) -> np.dtype[Any]:
    if not _PLAIN_TYPE.fullmatch(name):
        raise ValueError(f"array type {name!r}")
    return np.dtype(name)


def _array_of(name: str, shape: tuple[int, ...], data: bytes) -> NDArray:
    dtype = _plain_type(name)
    if math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"array of shape {shape} in {len(data)} bytes")
    return np.ndarray(shape, dtype, bytearray(data))


class _Pickler(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, known: Mapping[int, str]) -> None:
        super().__init__(stream, protocol=5)
        self._known = known
        self.arrays: dict[str, NDArray] = {}
        self._names: dict[int, str] = {}

    def persistent_id(self, obj: Any) -> tuple[Any, ...] | None:
        if isinstance(obj, np.dtype):
            return ("type", obj.str) if _PLAIN_TYPE.fullmatch(obj.str) else None
        if not isinstance(obj, np.ndarray | np.generic):
            return None
        if not _PLAIN_TYPE.fullmatch(obj.dtype.str):
            return None
        if isinstance(obj, np.generic):
            return "scalar", obj.dtype.str, obj.tobytes()
        if obj.nbytes < _LEAST_MAPPED_BYTES:
            return "array", obj.dtype.str, obj.shape, obj.tobytes()
        if id(obj) in self._known:
            return "own", self._known[id(obj)]
        if id(obj) not in self._names:
            name = secrets.token_hex(8) + ".npy"
            self._names[id(obj)] = name
            self.arrays[name] = obj
        return "file", self._names[id(obj)]


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, folder: Path, own: Mapping[str, NDArray]) -> None:
        super().__init__(stream)
        self._folder, self._own = folder, own
        self.arrays: dict[str, NDArray] = {}

    def persistent_load(self, pid: Any) -> Any:
        kind, name, *content = pid
        if kind == "type":
            return _plain_type(name)
        if kind == "scalar":
            return _array_of(name, (), *content)[()]
        if kind == "array":
            return _array_of(name, *content)
        if kind == "own":
            return self._own[name]
        if name not in self.arrays:
            path = self._folder / Path(name).name
            # Copy-on-write, and a plain ndarray rather than numpy's memmap type.
            self.arrays[name] = np.load(path, mmap_mode="c", allow_pickle=False).view(np.ndarray)
            # Windows keeps a mapped file; it goes with the folder.
            with suppress(OSError):
                path.unlink()
        return self.arrays[name]

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _PLAIN and name not in TRANSFERRED_TYPES.get(module, ()):
            raise WorkerError(
                f"A message between MedAI's processes names {module}.{name}, which is not allowed."
            )
        return super().find_class(module, name)
