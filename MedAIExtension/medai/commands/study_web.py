"""``medai study serve, invite, revoke``: a study for raters who draw in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medai.commands.console import print_answer, print_text, print_warning
from medai.commands.options import JsonOption, StudyFolderArgument

HostOption = Annotated[
    str, typer.Option("--host", help="Name or address to serve on; default: this computer alone.")
]
PortOption = Annotated[int, typer.Option("--port", help="Port to serve on.")]
PublicUrlOption = Annotated[
    str,
    typer.Option("--public-url", help="What raters open instead, where a proxy stands in front."),
]
CertificateOption = Annotated[
    Path | None, typer.Option("--certificate", help="TLS certificate (PEM), with --private-key.")
]
PrivateKeyOption = Annotated[
    Path | None, typer.Option("--private-key", help="Key of the certificate (PEM).")
]
OwnerOption = Annotated[
    bool, typer.Option("--owner", help="For yourself: progress and analysis, no case to outline.")
]


def serve_study(
    study: StudyFolderArgument,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    certificate: CertificateOption = None,
    private_key: PrivateKeyOption = None,
    public_url: PublicUrlOption = "",
) -> None:
    """Serve a study to raters' browsers until you press Ctrl-C.

    For one workgroup, on a laptop or in a network of your own. It is not made for the open
    internet: there, put it behind a reverse proxy that speaks TLS and limits requests (nginx,
    Caddy), keep --host at 127.0.0.1, and name the proxy's address with --public-url.

    Everything raters do is in the study folder, as if they worked in Slicer; both may be used at
    once. Each rater needs a personal link: medai study invite.
    """
    from medai.studies import open_study
    from medai.web.serve import Address, require_web, serve

    require_web()
    address = Address(host, port, certificate, private_key, public_url)
    opened = open_study(study)
    for warning in address.warnings:
        print_warning(warning)
    print_text(f"{opened.protocol.title} is served at {address.url} (Ctrl-C ends it).")
    serve(opened, address)


def invite_rater(
    study: StudyFolderArgument,
    rater: Annotated[str, typer.Argument(metavar="[RATER]", help="Initials of the rater.")] = "",
    owner: OwnerOption = False,
    days: Annotated[float, typer.Option("--days", help="How long the link is valid.")] = 60,
    host: HostOption = "127.0.0.1",
    port: PortOption = 8000,
    certificate: CertificateOption = None,
    private_key: PrivateKeyOption = None,
    public_url: PublicUrlOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print a personal link for a rater; it can't be shown again, but a new one can be made.

    Give the same --host, --port, --certificate and --public-url as medai study serve.
    """
    from medai.studies import open_study
    from medai.web.invitations import OWNER, RATER, Invitations
    from medai.web.serve import Address, link

    _require_one(rater, owner)
    address = Address(host, port, certificate, private_key, public_url)
    invitations = Invitations(open_study(study))
    token = invitations.invite(rater, role=OWNER if owner else RATER, days=days)
    url = link(address, token)
    print_answer(url, {"rater": rater, "owner": owner, "link": url}, as_json=as_json)
    print_warning("Whoever has this link works under that name: hand it to that person alone.")


def revoke_links(
    study: StudyFolderArgument,
    rater: Annotated[str, typer.Argument(metavar="[RATER]", help="Initials of the rater.")] = "",
    owner: OwnerOption = False,
    as_json: JsonOption = False,
) -> None:
    """End every link of a rater, and what entered by it; outlines stay."""
    from medai.studies import open_study
    from medai.web.invitations import OWNER, RATER, Invitations

    _require_one(rater, owner)
    invitations = Invitations(open_study(study))
    count = invitations.revoke(rater, role=OWNER if owner else RATER)
    whose = "the owner" if owner else rater
    print_answer(f"{count} links of {whose} ended.", {"revoked": count}, as_json=as_json)


def _require_one(rater: str, owner: bool) -> None:
    from medai.errors import InputError

    if bool(rater) == owner:
        raise InputError("Name a rater, or give --owner.")
