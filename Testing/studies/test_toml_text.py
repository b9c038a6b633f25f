"""What is written as TOML reads back equal."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medai.studies.toml_text import toml_text

KEYS = st.text(min_size=0, max_size=6)
TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = (
    TEXTS
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
)
TABLES = st.recursive(
    st.dictionaries(KEYS, SCALARS | st.lists(SCALARS, max_size=3), max_size=4),
    lambda inner: st.dictionaries(
        KEYS, inner | st.lists(inner, min_size=1, max_size=2), max_size=3
    ),
    max_leaves=6,
)


@settings(max_examples=150, derandomize=True, deadline=None)
@given(TABLES)
def test_every_document_reads_back_equal(document: dict) -> None:
    assert tomllib.loads(toml_text(document)) == document


def test_the_text_is_what_a_person_would_write() -> None:
    document = {"title": "A", "seed": 3, "labels": [{"name": "x"}, {"name": "y"}]}
    assert toml_text(document) == (
        'title = "A"\nseed = 3\n\n[[labels]]\nname = "x"\n\n[[labels]]\nname = "y"\n'
    )


def test_what_toml_has_no_word_for_is_refused() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        toml_text({"a": None})
    with pytest.raises(ValueError, match="finite"):
        toml_text({"a": float("nan")})
