"""The order in which raters meet the images."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medai.errors import StudyError
from medai.studies import Case, Label, Protocol, StudyImage, worklist

RECORDED_ORDER = [
    *(("i2", 1), ("i5", 1), ("i4", 1), ("i3", 1)),
    *(("i2", 2), ("i1", 1), ("i0", 1), ("i5", 2)),
]


def protocol(images: int, *, training: int = 0, **rules: object) -> Protocol:
    counted = [StudyImage(f"i{k}", f"images/i{k}.png", "0") for k in range(images)]
    trainers = [
        StudyImage(f"t{k}", f"images/t{k}.png", "0", reference="references/t.seg.nrrd")
        for k in range(training)
    ]
    labels = (Label("lesion", (1.0, 0.0, 0.0)),)
    return Protocol("id", "T", labels, ("AB", "CD"), (*counted, *trainers), **rules)


def gaps(cases: tuple[Case, ...]) -> list[int]:
    first = {case.image: case.number for case in cases if case.presentation == 1}
    return [case.number - first[case.image] for case in cases if case.presentation == 2]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.integers(1, 40), st.floats(0, 1), st.integers(0, 2**31))
def test_every_image_comes_once_and_the_repeated_ones_twice(
    images: int, share: float, seed: int
) -> None:
    cases = worklist(protocol(images, repeat_share=share, seed=seed), "AB")
    times = Counter(case.image for case in cases)
    assert len(times) == images
    assert sum(count == 2 for count in times.values()) == round(share * images)
    assert [case.number for case in cases] == list(range(1, len(cases) + 1))
    assert all(gap > 0 for gap in gaps(cases))


@pytest.mark.parametrize("seed", range(5))
def test_repeats_lie_a_quarter_of_the_list_apart(seed: int) -> None:
    cases = worklist(protocol(40, repeat_share=0.2, seed=seed), "AB")
    assert len(gaps(cases)) == 8
    assert min(gaps(cases)) >= len(cases) // 4


def test_the_order_is_the_raters_own_and_always_the_same() -> None:
    study = protocol(20, repeat_share=0.2, seed=3)
    assert worklist(study, "AB") == worklist(study, "AB")
    assert worklist(study, "AB") != worklist(study, "CD")
    assert worklist(study, "AB") != worklist(replace(study, seed=4), "AB")


def test_the_order_is_the_one_of_every_other_machine() -> None:
    study = protocol(6, seed=1, repeat_share=0.34)
    # Written down once: another Python or platform must not give raters another list.
    order = [(case.image, case.presentation) for case in worklist(study, "AB")]
    assert order == RECORDED_ORDER


def test_repeats_are_the_same_images_for_all_raters() -> None:
    study = protocol(20, repeat_share=0.3, seed=3)
    repeated = [
        {case.image for case in worklist(study, rater) if case.presentation == 2}
        for rater in study.raters
    ]
    assert repeated[0] == repeated[1]


def test_training_images_come_first_and_are_never_repeated() -> None:
    cases = worklist(protocol(6, training=3, repeat_share=1.0), "CD")
    assert [case.is_training for case in cases] == [True] * 3 + [False] * 12


def test_an_unknown_rater_has_no_list() -> None:
    with pytest.raises(StudyError, match="Unknown rater 'XX'"):
        worklist(protocol(2), "XX")
