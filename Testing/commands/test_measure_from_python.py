"""``medai.measure``: the numbers of the command, as an analysis that saves itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import medai
from medai.images import write_volume
from Testing.modules.lesion_results import small_phantom


def test_a_mask_of_the_truth_has_the_truths_volume(tmp_path):
    phantom = small_phantom()
    mask = (phantom.lesions > 0).astype(np.uint8)
    write_volume(replace(phantom.volume, array=mask, modality=""), tmp_path / "mask.nrrd")
    lungs = replace(phantom.volume, array=phantom.lungs, modality="")
    found = medai.measure(phantom.volume, tmp_path / "mask.nrrd", lungs=lungs)
    truth_ml = np.count_nonzero(mask) * phantom.volume.voxel_volume_ml
    assert found.to_dict()["burden"]["lesion_volume_ml"] == pytest.approx(truth_ml)
    assert sum(row["volume_ml"] for row in found.rows) == pytest.approx(truth_ml)
    assert found.sentence in found._repr_html_()
    assert (found.save(tmp_path / "out") / "lesions.seg.nrrd").is_file()
