"""A file system whose n-th changing call fails, for ``test_failing_calls``."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable
from typing import Any

import pytest

_CHANGING = ("link", "rename", "replace", "mkdir", "unlink", "chmod", "fsync", "open", "remove")


class FailingCalls:
    """Counts the calls that change the disk, and lets one of them fail with EIO.

    after: the call is carried out first and reported as failed all the same. lasting: every later
    call fails too, as on a drive that was pulled out.
    """

    def __init__(self, failing: int, *, after: bool = False, lasting: bool = False) -> None:
        self.calls = 0
        self.has_failed = False
        self._failing, self._after, self._lasting = failing, after, lasting

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Put the failing calls in the place of the real ones."""
        for name in _CHANGING:
            patch.setattr(os, name, self._wrapped(getattr(os, name)))
        patch.setattr(io, "open", self._opening(io.open))

    def _fails(self) -> bool:
        self.calls += 1
        fails = self.calls == self._failing or (self._lasting and self.calls > self._failing)
        self.has_failed |= fails
        return fails

    def _wrapped(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **more: Any) -> Any:
            if call is _REAL_OPEN and not _writes(arguments, more):
                return call(*arguments, **more)
            if not self._fails():
                return call(*arguments, **more)
            if self._after:
                result = call(*arguments, **more)
                if call is _REAL_OPEN:
                    os.close(result)
            raise OSError(errno.EIO, "Input/output error")

        return wrapper

    def _opening(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
            stream = call(file, mode, *arguments, **more)
            return stream if mode in ("r", "rb") else _FailingStream(stream, self)

        return wrapper


_REAL_OPEN = os.open


def _writes(arguments: tuple[Any, ...], more: dict[str, Any]) -> bool:
    flags = arguments[1] if len(arguments) > 1 else more.get("flags", 0)
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))


class _FailingStream:
    """A file whose writing may fail."""

    def __init__(self, stream: Any, calls: FailingCalls) -> None:
        self._stream, self._calls = stream, calls

    def write(self, content: Any) -> int:
        if self._calls._fails():
            self._stream.write(content[: len(content) // 2])
            raise OSError(errno.EIO, "Input/output error")
        return int(self._stream.write(content))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> _FailingStream:
        return self

    def __exit__(self, *arguments: object) -> None:
        self._stream.close()
