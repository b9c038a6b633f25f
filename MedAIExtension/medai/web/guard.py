"""What every request passes before anything reads it: host, origin, size, rate; and what every
answer carries."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# 1024 × 1024 × 400 voxels of four labels, packed; outlines deflate to far less.
MOST_BODY_BYTES = 256 * 2**20
_SAFE_METHODS = ("GET", "HEAD")
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The analysis page is a file of ours that holds its own style and pictures, and no script.
REPORT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    (b"cache-control", b"no-store"),
)


class TooLargeError(Exception):
    """A request's body exceeds ``MOST_BODY_BYTES``."""


class Guard:
    """Refuses foreign hosts and origins and large bodies; adds the headers that protect a page.

    hosts: the names and addresses that this server answers to, without ports. A page of another
    site whose name leads here by a trick of DNS is refused by its own name.
    """

    def __init__(self, application: Application, hosts: frozenset[str]) -> None:
        self.application = application
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        guarded = _with_headers(send)
        if refusal is not None:
            await _refuse(guarded, *refusal)
            return
        await self.application(scope, _limited(receive), guarded)

    def _refusal(self, scope: Scope, headers: dict[bytes, str]) -> tuple[int, str] | None:
        host = headers.get(b"host", "")
        if _name_of(host) not in self._hosts:
            return 421, "This server has another name: open the link that you were given."
        if scope["method"] not in _SAFE_METHODS:
            origin = headers.get(b"origin", "")
            # Not the scheme: a proxy in front may speak TLS for this server.
            if origin.partition("://")[2] != host:
                return 403, "This request comes from another page."
        length = headers.get(b"content-length", "0")
        if not length.isdecimal() or int(length) > MOST_BODY_BYTES:
            return 413, f"The request is larger than {MOST_BODY_BYTES} bytes."
        return None


def _name_of(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


class EntryRate:
    """How often links that aren't valid may be tried: ``most`` a minute, by address."""

    def __init__(self, most: int = 10, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def is_allowed(self, address: str) -> bool:
        """Whether ``address`` may try another link now."""
        now = self._clock()
        # Addresses that tried long ago are forgotten, so that many of them take no memory.
        for known in [a for a, times in self._failures.items() if now - times[-1] > 60]:
            del self._failures[known]
        times = self._failures.get(address, deque())
        while times and now - times[0] > 60:
            times.popleft()
        return len(times) < self._most

    def note_failure(self, address: str) -> None:
        """``address`` tried a link that isn't valid."""
        self._failures.setdefault(address, deque()).append(self._clock())


def _limited(receive: Receive) -> Receive:
    """``receive`` that ends a body which is longer than it said, or didn't say."""
    received = 0

    async def limited() -> MutableMapping[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_BODY_BYTES:
            raise TooLargeError
        return message

    return limited


def _with_headers(send: Send) -> Send:
    async def guarded(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", []))
            names = {name for name, _ in given}
            added = [*_HEADERS, (b"content-security-policy", _PAGE_POLICY.encode())]
            message["headers"] = given + [pair for pair in added if pair[0] not in names]
        await send(message)

    return guarded


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = f'{{"error": "{sentence}"}}'.encode()
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
