"""JSON as files and the command line show it."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(data: Any) -> str:
    """JSON with full precision, keys in their order; nan and infinity become null."""
    return json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False)


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {_plain(str(key)): _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    if hasattr(data, "tolist"):
        return _plain(data.tolist())
    if isinstance(data, float) and not math.isfinite(data):
        return None
    if isinstance(data, str):
        # A file name that isn't valid text holds what no UTF-8 file can.
        return data.encode("utf-8", "replace").decode()
    return data
