"""Small studies to try things on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medai.images import Volume, write_volume
from medai.studies import Study, StudyPlan, create_study

StudyMaker = Callable[..., Study]


@pytest.fixture(autouse=True)
def own_user_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept on the rater's own computer stays out of the real user folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)


def write_image(path: Path, value: int = 7, shape: tuple[int, int, int] = (1, 8, 8)) -> Path:
    """An image whose every pixel is ``value``."""
    volume = Volume(np.full(shape, value, np.uint8), np.diag([-1, -1, 1, 1]), "", "")
    write_volume(volume, path, overwrite=True)
    return path


@pytest.fixture
def make_study(tmp_path: Path) -> StudyMaker:
    """A function that makes a study of ``images`` tiny images; further arguments as StudyPlan's."""

    def make(images: int = 3, folder: str = "study", **plan: object) -> Study:
        paths = [write_image(tmp_path / "in" / f"case-{k}.nrrd", k) for k in range(1, images + 1)]
        chosen = {"title": "Trial", "images": paths, "raters": ["AB", "CD"]}
        chosen |= {"keep_names": True, **plan}
        return create_study(tmp_path / folder, StudyPlan(**chosen))

    return make


@pytest.fixture
def study(make_study: StudyMaker) -> Study:
    """Three images, two raters, one label."""
    return make_study()
