"""What a browser sends, sent without one."""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Answer:
    """A server's answer."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        content = response.read()
        if self.headers.get("content-encoding") == "deflate":
            content = zlib.decompress(content)
        self.content = content

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def error(self) -> str:
        return str(self.json["error"])


class Client:
    """A device: one connection at a time, and its cookie."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookie = ""

    def send(
        self,
        method: str,
        address: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        own = {"Host": f"127.0.0.1:{self.port}", "Origin": f"http://127.0.0.1:{self.port}"}
        if self.cookie:
            own["Cookie"] = f"medai_device={self.cookie}"
        try:
            connection.request(method, address, body, own | dict(headers or {}))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def get(self, address: str) -> Answer:
        return self.send("GET", address)

    def tell(self, address: str, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        content = json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        return self.send("POST", address, content, kind | dict(headers or {}))

    def enter(self, token: str) -> Answer:
        answer = self.tell("/api/enter", {"token": token})
        if answer.status == 200:
            self.cookie = answer.headers["set-cookie"].split(";")[0].partition("=")[2]
        return answer

    def open(self, number: int, **body: Any) -> Answer:
        return self.tell(f"/api/cases/{number}/open", body)

    def save(
        self, key: str, masks: NDArray, revision: int = 1, *, where: str = "draft", **head: Any
    ) -> Answer:
        """masks: (label, z, y, x) as the rater sees the slices."""
        return self.send("POST", f"/api/open/{key}/{where}", save_body(masks, revision, **head))


def save_body(masks: NDArray, revision: int = 1, **head: Any) -> bytes:
    """The body of a save: length of the head, the head, the deflated bits."""
    whole = {
        "revision": revision,
        "active_seconds": 0.5,
        "quality": "normal",
        "reasons": [],
        "other_reason": "",
    } | head
    words = json.dumps(whole).encode()
    bits = b"".join(np.packbits(mask.astype(bool)).tobytes() for mask in masks)
    return len(words).to_bytes(4, "big") + words + zlib.compress(bits)
