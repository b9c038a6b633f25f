"""Errors as a user sees them: one line, never a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import qt
import slicer
from slicer.i18n import tr as _

from medai.errors import CancelledError, MedAIError
from medai_panels.shown_text import literal

log = logging.getLogger(__name__)


@contextmanager
def shown_errors(what: str, *, wait_cursor: bool = False) -> Iterator[None]:
    """Show an error raised inside in a message box, and go on.

    ``what`` says what didn't work ("Can't export."). Wraps every slot: PythonQt prints an
    exception in a slot and swallows it. What nobody foresaw is logged whole, for a bug report,
    and shown in plain words. ``wait_cursor`` is for work of a second or more.
    """
    try:
        with _cursor(wait_cursor):
            yield
    except CancelledError:
        return
    except MedAIError as error:
        slicer.util.errorDisplay(literal(f"{what}\n\n{error}"))
    except Exception as error:
        log.exception("%s", what)
        slicer.util.errorDisplay(
            _("{what}\n\nUnexpected error ({kind}). The application log has the details.").format(
                what=what, kind=type(error).__name__
            )
        )


@contextmanager
def _cursor(wait: bool) -> Iterator[None]:
    if not wait:
        yield
        return
    qt.QApplication.setOverrideCursor(qt.Qt.WaitCursor)
    try:
        yield
    finally:
        qt.QApplication.restoreOverrideCursor()
