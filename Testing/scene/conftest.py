"""One Slicer-like application for all scene tests, emptied before and after each."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from medai.images import Volume
from medai.inference import LesionOptions
from Testing.modules.lesion_results import small_phantom, truth_result

# Patient's right is R+; i runs toward L, j toward P, k toward S: as most CTs are stored.
CT_MATRIX = np.array([[-2.0, 0, 0, 80], [0, -2.0, 0, 60], [0, 0, 3.0, 0], [0, 0, 0, 1]])


def pytest_collection_modifyitems(items):
    """The scene is global: these tests share one process."""
    for item in items:
        if "Testing/scene" in item.path.as_posix():
            item.add_marker(pytest.mark.xdist_group("slicer"))


@pytest.fixture
def slicer():
    if importlib.util.find_spec("slicer") is None:
        pytest.skip("slicer-core is not installed (it needs Python 3.11)")
    from medai import host

    application = host.start()
    application.mrmlScene.Clear(False)
    yield application
    application.mrmlScene.Clear(False)


@pytest.fixture
def ct() -> Volume:
    """40 slices of 60×80; air but for a bright block on the patient's right, at R 52…72."""
    array = np.full((40, 60, 80), -800, np.int16)
    array[10:30, 20:40, 4:14] = 400
    return Volume(array, CT_MATRIX, "CT", "block")


@pytest.fixture
def shown(slicer, ct):
    """The node of ``ct`` in the scene."""
    from medai import scene

    return scene.show_volume(ct)


@pytest.fixture(scope="session")
def result():
    """A LesionResult of a small chest phantom, made from its truth: one class, six lesions."""
    return truth_result(
        small_phantom(), card=None, options=LesionOptions(score_threshold=0.5, mask_threshold=0.5)
    )
