"""PyTorch inside Slicer: there only through the PyTorch extension, and only after asking."""

from __future__ import annotations

import logging
from importlib import import_module, invalidate_caches
from importlib.metadata import version
from importlib.util import find_spec

import slicer
from slicer.i18n import tr as _

from medai.errors import CancelledError, MissingDependencyError
from medai.models.torch_version import TORCH_REQUIREMENT, require_safe_torch

log = logging.getLogger(__name__)

_MOST_LETTERS = 160


def torch_is_installed() -> bool:
    """Whether torch and torchvision are there; neither is imported here (it takes seconds)."""
    return all(find_spec(name) is not None for name in ("torch", "torchvision"))


def ensure_torch() -> None:
    """Install PyTorch when it is missing and the user agrees.

    Raises CancelledError when the user doesn't, MissingDependencyError when the PyTorch extension
    is missing or didn't manage, or PyTorch is too old to be given a weights file.
    """
    if torch_is_installed():
        require_safe_torch(version("torch"))
        return
    if find_spec("PyTorchUtils") is None:
        raise MissingDependencyError(
            _(
                "PyTorch is needed to run a model, and is installed by Slicer's PyTorch extension, "
                "which is missing: get it from the Extensions Manager (search for PyTorch), "
                "restart Slicer, and run again."
            )
        )
    agreed = slicer.util.confirmOkCancelDisplay(
        _(
            "PyTorch is needed to run a model and is not installed yet. Install it now? About "
            "3 GB are downloaded once from pytorch.org; nothing of your data is sent."
        ),
        windowTitle=_("Install PyTorch"),
    )
    if not agreed:
        raise CancelledError(_("PyTorch was not installed."))
    logic = import_module("PyTorchUtils").PyTorchUtilsLogic()
    try:
        logic.installTorch(askConfirmation=False, torchVersionRequirement=TORCH_REQUIREMENT)
    except Exception as error:
        log.exception("PyTorch could not be installed.")
        raise MissingDependencyError(_why_not_installed(str(error))) from error
    invalidate_caches()
    if not torch_is_installed():
        raise MissingDependencyError(_why_not_installed(""))
    require_safe_torch(version("torch"))


def _why_not_installed(reason: str) -> str:
    """One line; ``reason`` is pip's or the extension's, and may be a page."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    why = f" ({lines[-1][:_MOST_LETTERS]})" if lines else ""
    return _(
        "PyTorch could not be installed{why}: open the PyTorch module to see why "
        "(no connection, a proxy, a full disk), then run again."
    ).format(why=why)
