"""What a study is called in outputs, and that nobody is named unasked."""

from __future__ import annotations

import numpy as np
import pytest

from medai.errors import InputError
from medai.images import read_volume
from medai.images.output_names import (
    may_identify,
    output_name,
    output_names,
    parse_name_rule,
    without_identifying,
)
from medai.images.study_origin import study_origin
from Testing.images.dicom_files import write_series


@pytest.mark.parametrize(
    "name",
    [
        "DOE_JOHN_19600101",
        "Doe^John.dcm",
        "mueller.nii.gz",
        "MuellerAnna_ct.nrrd",
        "chest 01.02.1960.nrrd",
        "1960-02-01 lung.mha",
        "张伟.png",
        "Иванов_1.png",
        "ct_of_Smith.seg.nrrd",
    ],
)
def test_a_name_that_may_be_a_patients_becomes_an_alias(name):
    assert may_identify(name)
    assert output_name(name, 7) == "study-0007"
    assert output_name(name, 7, "files") == name


@pytest.mark.parametrize(
    "name", ["ct", "chest_ct.nrrd", "SSA002_OD_01.png", "IM000123.dcm", "scan 12.tif", "study-0001"]
)
def test_a_technical_name_stays(name):
    assert output_name(name, 7) == name
    assert output_name(name, 7, "aliases") == "study-0007"


def test_an_identifier_of_the_dicom_study_is_found_however_it_is_written():
    origin = study_origin(("20260101",), "AB-4711x", "Ng^Li", "19600203")
    for name in ("ct_ab4711X.nrrd", "AB-4711x", "ng_1", "li", "LI-NG_2", "x19600203"):
        assert may_identify(name, origin) or may_identify(name), name
    assert may_identify("ab_47_11x", origin) and not may_identify("ab_47_11x")
    assert not may_identify("ct_0815", origin)


def test_a_volume_is_called_so_that_nobody_is_named(tmp_path):
    folder = tmp_path / "4711"
    write_series(folder, np.zeros((3, 8, 8), np.int16), PatientID="4711")
    assert read_volume(folder).name == "study-0001"
    assert read_volume(folder, number=5).name == "study-0005"
    assert read_volume(folder, names="files").name == "4711"


def test_inputs_of_one_name_are_told_apart():
    assert output_names(["a/ct.nrrd", "b/ct.nrrd", "c/Mueller.nrrd", "d/ct.nrrd"]) == (
        "ct.nrrd",
        "ct.nrrd (2)",
        "study-0003",
        "ct.nrrd (3)",
    )


def test_a_name_that_is_kept_is_one_visible_line():
    assert output_name("ct\x1b[2J\n\u202ergn.nrrd", rule="files") == "ct [2J rgn.nrrd"


def test_a_reason_names_neither_the_study_nor_what_is_in_it(tmp_path):
    folder = tmp_path / "DOE_JOHN_19600101" / "ct"
    folder.mkdir(parents=True)
    (folder / "DOE_JOHN_1.dcm").touch()
    said = f"Can't read {folder}: {folder / 'DOE_JOHN_1.dcm'}, DOE_JOHN_1.dcm, DOE_JOHN_19600101."
    found = without_identifying(said, folder, "Fall-1", tmp_path / "out")
    assert "DOE" not in found and "1960" not in found and "Fall-1" in found
    inside = folder.parent / "out"
    assert "DOE" not in without_identifying(said, folder, "Fall-1", inside)


def test_a_reason_keeps_a_path_that_names_nobody(tmp_path):
    said = f"{tmp_path / 'ct' / 'three.txt'} doesn't exist."
    assert without_identifying(said, tmp_path / "ct", "x", tmp_path / "out") == said


def test_another_rule_is_refused():
    assert parse_name_rule(None) is None
    with pytest.raises(InputError, match="files or aliases"):
        parse_name_rule("patients")
