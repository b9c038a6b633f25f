"""Names that are safe as folder names everywhere."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medai.errors import StudyError
from medai.studies.names import (
    MAX_NAME_LENGTH,
    image_name,
    require_distinct,
    require_name,
    safe_name,
)


@pytest.mark.parametrize("name", ["AB", "Müller", "王", "rater 2", "a-b_c.d", "O'Neil"])
def test_people_may_use_their_own_script(name: str) -> None:
    assert require_name(name, "rater") == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("a/b", "'/'"),
        ("a\\b", "file systems"),
        ("..", "dot"),
        ("a.", "dot"),
        (" a", "space"),
        ("nul", "Windows"),
        ("COM1.x", "Windows"),
        ("a\nb", "file systems"),
        ("a\u2028b", "file systems"),
        ("=1+1", "formula"),
        ("x" * 300, "300 characters"),
    ],
)
def test_a_name_that_no_folder_can_have_is_refused_in_one_line(name: str, reason: str) -> None:
    with pytest.raises(StudyError, match=reason) as error:
        require_name(name, "rater")
    assert "\n" not in str(error.value)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.text(max_size=120))
def test_any_text_becomes_a_name_that_is_allowed(text: str) -> None:
    name = safe_name(text)
    assert require_name(name, "image") == name


def test_a_file_name_loses_its_suffix_only() -> None:
    assert image_name(Path("a/b.c.nii.gz")) == "b.c"
    assert image_name(Path("p6-52%0.png")) == "p6-52_0"
    assert image_name(Path("series")) == "series"


def test_long_names_that_start_alike_stay_apart() -> None:
    first, second = (image_name(Path("x" * 200 + end + ".png")) for end in "ab")
    assert first != second
    assert len(first) == len(second) == MAX_NAME_LENGTH


def test_names_that_differ_in_case_only_are_the_same() -> None:
    with pytest.raises(StudyError, match="'ab'"):
        require_distinct(["AB", "ab"], "rater")


@pytest.mark.parametrize(
    "name",
    [
        *("COM¹", "lpt²", "COM0", "CONIN$", "conout$", "aux .x", "NUL  .txt", "CON\u202e"),
        *("anna\u202egnp", "an\u200bna", "\u2066x\u2069", "a\ufeffb"),
    ],
)
def test_names_that_windows_or_a_reader_takes_for_something_else_are_refused(name):
    with pytest.raises(StudyError) as error:
        require_name(name, "rater")
    assert "\u202e" not in str(error.value)
    assert require_name(safe_name(name), "image")
