"""Images of a study with something like text burnt into their borders."""

from __future__ import annotations

from medai.cancellation import CancelCallback, never_cancelled, raise_if_cancelled
from medai.images import read_volume
from medai.images.burnt_in_text import has_burnt_in_text
from medai.studies.study import Study


def images_with_text(study: Study, cancelled: CancelCallback = never_cancelled) -> tuple[str, ...]:
    """Names of the images whose borders hold what looks like a line of letters.

    Small and faint text is missed, so none found is no proof that there is none. Raises
    ImageReadError for an image that can't be read, CancelledError when ``cancelled`` says so.
    """
    found = []
    for image in study.protocol.images:
        raise_if_cancelled(cancelled)
        if has_burnt_in_text(read_volume(study.image_path(image.name))):
            found.append(image.name)
    return tuple(found)
