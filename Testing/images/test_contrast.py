"""Whether contrast medium was given is read from DICOM, and nothing else of the agent is kept."""

from __future__ import annotations

import numpy as np
import pytest

from medai.images import read_volume
from Testing.images.dicom_files import write_series

SLICES = np.zeros((3, 8, 8), np.int16)


@pytest.mark.parametrize(
    ("agent", "given"),
    [("Iomeprol 400", True), ("", False), ("NONE", False), (None, False)],
)
def test_contrast_medium_is_read_from_dicom(agent, given, tmp_path):
    elements = {} if agent is None else {"ContrastBolusAgent": agent}
    write_series(tmp_path, SLICES, **elements)
    origin = read_volume(tmp_path).origin
    assert origin.contrast is given
    assert "Iomeprol" not in repr(origin)
