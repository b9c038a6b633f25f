"""Serving a study until somebody stops it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from medai.errors import InputError, MissingDependencyError
from medai.studies import Study

LOOPBACK = "127.0.0.1"
_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Address:
    """Where a study is served. public_url: what raters open instead, of a proxy in front."""

    host: str = LOOPBACK
    port: int = 8000
    certificate: Path | None = None
    private_key: Path | None = None
    public_url: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535:
            raise InputError(f"Port {self.port}, expected 1 to 65535.")
        if self.public_url and not self._public_host:
            raise InputError(
                f"--public-url {self.public_url!r}, expected something like "
                "https://study.example.org/."
            )
        if (self.certificate is None) != (self.private_key is None):
            raise InputError("--certificate and --private-key belong together.")
        for file in (self.certificate, self.private_key):
            if file is not None and not file.is_file():
                raise InputError(f"{file} is not a file, expected a certificate and its key.")

    @property
    def is_secure(self) -> bool:
        """Whether raters' browsers speak TLS."""
        return self.certificate is not None or self.public_url.startswith("https://")

    @property
    def url(self) -> str:
        """What raters' links begin with."""
        if self.public_url:
            return self.public_url.rstrip("/") + "/"
        name = "localhost" if _is_everywhere(self.host) else self.host
        name = f"[{name}]" if ":" in name else name
        return f"{'https' if self.is_secure else 'http'}://{name}:{self.port}/"

    @property
    def hosts(self) -> frozenset[str]:
        """The names that requests may ask for."""
        own = "" if _is_everywhere(self.host) else self.host
        names = (*_LOCAL_NAMES, own, self._public_host)
        return frozenset(name.lower() for name in names if name)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever serves this should know."""
        said = []
        if _is_everywhere(self.host) and not self.public_url:
            said.append(
                f"{self.host} answers on every network, but only to the names localhost and "
                "127.0.0.1: give the machine's own name or address as --host, or --public-url."
            )
        if self.host not in _LOCAL_NAMES and not self.is_secure:
            said.append(
                f"{self.host} is reached from the network and no certificate is given: outlines "
                "and links travel unencrypted."
            )
        return tuple(said)

    @property
    def _public_host(self) -> str:
        parts = urlsplit(self.public_url)
        return (parts.hostname or "") if parts.scheme in ("http", "https") else ""


def link(address: Address, token: str) -> str:
    """A personal link. What follows ``#`` is never sent to a server or written into its logs."""
    return f"{address.url}#{token}"


def require_web() -> None:
    """Raise MissingDependencyError where the libraries of the ``web`` extra are missing."""
    from importlib.util import find_spec

    for library in ("fastapi", "uvicorn"):
        if find_spec(library) is None:
            raise MissingDependencyError(
                f"Serving a study needs {library}: install MedAI with its 'web' extra, "
                "pip install '.[app,web]'."
            )


def serve(study: Study, address: Address) -> None:
    """Serve ``study`` until the process is asked to stop. Raises MissingDependencyError."""
    require_web()
    import uvicorn

    from medai.web.application import web_application

    uvicorn.run(
        web_application(study, address.hosts, secure=address.is_secure),
        host=address.host,
        port=address.port,
        ssl_certfile=address.certificate,
        ssl_keyfile=address.private_key,
        access_log=False,
        log_level="warning",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=30,
        limit_concurrency=400,
    )


def _is_everywhere(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
