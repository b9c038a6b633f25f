"""What a module says of itself in Slicer: its help with the page, and whose work it follows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from slicer.i18n import tr as _

from medai.errors import MedAIError
from medai.resources import documentation_page


def help_with_page(text: str, page: str) -> str:
    """The help text, and a link to its page of the documentation on this computer.

    page: the file's name. Without the page, as in an incomplete installation, the text alone.
    """
    try:
        address = documentation_page(page).as_uri()
    except MedAIError:
        return text
    link = _("Step by step: {link}").format(link=f'<a href="{escape(address)}">{page}</a>')
    return f"{text}<p>{link}</p>"


def with_publications(text: str, dois: Sequence[str]) -> str:
    """The acknowledgement, and a link to each publication by its DOI."""
    links = [f'<a href="https://doi.org/{doi}">doi:{doi}</a>' for doi in dois]
    return f"{text}<p>{'<br>'.join(links)}</p>"
