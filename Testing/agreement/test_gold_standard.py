"""Raters, consensus and models against a gold standard: by hand, and where the truth is known."""

import numpy as np
import pytest

from medai.agreement import ImageRatings, majority, staple
from medai.agreement.consensus import band_staple
from medai.agreement.gold_standard import GoldStandard
from medai.agreement.overlap import dice
from medai.phantoms.raters import SIMULATED_RATERS, simulate_rating
from medai.phantoms.skin import skin_photograph


def ratings(name: str, masks: list, raters: tuple[str, ...]) -> ImageRatings:
    return ImageRatings(name, np.array(masks, np.uint8), raters, spacing_mm=(1.0, 2.0))


GOLD = np.array([[1, 1, 1, 1, 0, 0, 0, 0]], np.uint8)
EXACT = GOLD
HALF = np.array([[1, 1, 0, 0, 0, 0, 0, 0]], np.uint8)
WIDE = np.array([[1, 1, 1, 1, 1, 1, 0, 0]], np.uint8)
EMPTY = np.zeros_like(GOLD)


def test_every_measure_is_as_counted_by_hand() -> None:
    standard = GoldStandard(models=("net",))
    standard.add(ratings("a", [EXACT, HALF, WIDE, EMPTY], ("AB", "CD", "EF", "net")), GOLD)
    result = standard.result()
    found = {(row["who"], row["measure"]): row["value"] for row in result.image_rows}
    assert found["AB", "dice"] == 1.0
    assert found["AB", "mean_surface_mm"] == 0.0
    assert found["CD", "dice"] == pytest.approx(2 * 2 / 6)
    assert found["CD", "sensitivity"] == 0.5
    assert found["CD", "precision"] == 1.0
    assert found["CD", "size_ratio"] == 0.5
    assert found["EF", "precision"] == pytest.approx(4 / 6)
    # A row one unit high is all surface: to its last unit are 2 units of 2 mm.
    assert found["EF", "hausdorff95_mm"] == pytest.approx(np.percentile([0, 0, 0, 0, 2, 4], 95))
    assert found["net", "dice"] == 0.0
    assert np.isnan(found["net", "precision"])
    # Two of the three people marked the gold standard whole: the model has no vote.
    assert found["majority", "dice"] == 1.0
    assert {row["who"]: row["kind"] for row in result.ranking_rows}["net"] == "model"
    assert result.ranking_rows[-1]["who"] == "net"


def test_where_nothing_is_to_be_found_there_is_no_dice_but_a_false_alarm() -> None:
    standard = GoldStandard()
    for name in "ab":
        standard.add(ratings(name, [EXACT, HALF], ("AB", "CD")), GOLD)
    standard.add(ratings("c", [EMPTY, HALF], ("AB", "CD")), EMPTY)
    result = standard.result()
    assert result.false_alarms == {"CD": 1}
    assert [row["images"] for row in result.ranking_rows] == [2, 2]
    assert result.images == ("a", "b", "c")


def test_two_raters_make_no_consensus() -> None:
    standard = GoldStandard()
    standard.add(ratings("a", [EXACT, HALF], ("AB", "CD")), GOLD)
    assert {row["kind"] for row in standard.result().ranking_rows} == {"rater"}


def test_who_cannot_be_told_from_the_best_is_named_and_who_can_is_not() -> None:
    generator = np.random.default_rng(3)
    standard = GoldStandard(surfaces=False)
    for number in range(20):
        gold = (generator.random((1, 400)) < 0.3).astype(np.uint8)
        noisy = [np.where(generator.random(gold.shape) < 0.05, 1 - gold, gold) for _ in range(2)]
        bad = np.where(generator.random(gold.shape) < 0.3, 1 - gold, gold)
        standard.add(ratings(str(number), [*noisy, bad], ("AB", "CD", "EF")), gold)
    result = standard.result()
    rows = {row["who"]: row for row in result.ranking_rows}
    assert rows["EF"]["rank"] == len(rows)
    assert rows["EF"]["behind_high"] < -0.1
    _, told = result.sentence.split(";")
    assert "EF" not in told
    assert abs(rows["AB"]["dice"] - rows["CD"]["dice"]) < 0.03
    assert rows["AB"]["low"] < rows["AB"]["dice"] < rows["AB"]["high"]
    assert sum(row["best_share"] for row in result.ranking_rows) == pytest.approx(1.0)
    assert result.sentence == standard.result().sentence


def test_a_rater_of_few_images_is_compared_on_those() -> None:
    standard = GoldStandard(surfaces=False)
    hard, easy = (HALF, WIDE), (EXACT, HALF)
    standard.add(ratings("easy", [*easy], ("AB", "CD")), GOLD)
    standard.add(ratings("hard", [hard[0]], ("AB",)), GOLD)
    rows = {row["who"]: row for row in standard.result().ranking_rows}
    assert rows["CD"]["images"] == 1
    # On the one image of both CD is a third behind, although AB's mean holds a harder image.
    assert rows["CD"]["behind"] == pytest.approx(2 / 3 - 1)


def test_the_band_keeps_what_all_say_and_draws_less_than_staple_at_the_edges() -> None:
    best = {"majority": [], "staple": [], "band": []}
    sizes = {"staple": [], "band": []}
    for seed in range(6):
        phantom = skin_photograph(seed=seed)
        masks = np.array(
            [
                simulate_rating(
                    phantom.lesions,
                    phantom.volume.spacing_mm,
                    rater,
                    roi=phantom.skin,
                    seed=100 * seed + number,
                )
                for number, rater in enumerate(SIMULATED_RATERS)
            ]
        )
        whole, band = staple(masks, phantom.skin), band_staple(masks, phantom.skin)
        skin = phantom.skin > 0
        assert (band.mask[masks.all(axis=0) & skin] == 1).all()
        assert (band.mask[~masks.any(axis=0)] == 0).all()
        assert (band.mask[~skin] == 0).all()
        assert ((band.probability > 0.5) == (band.mask > 0)).all()
        for name, mask in (
            ("majority", majority(masks, phantom.skin).mask),
            ("staple", whole.mask),
            ("band", band.mask),
        ):
            best[name].append(dice(mask, phantom.lesions))
        sizes["staple"].append(whole.mask.sum() / phantom.lesions.sum())
        sizes["band"].append(band.mask.sum() / phantom.lesions.sum())
    means = {name: np.mean(values) for name, values in best.items()}
    assert means["band"] > max(means["staple"], means["majority"])
    assert np.mean(sizes["staple"]) > np.mean(sizes["band"]) > 1.0


def test_where_nobody_differs_the_band_is_what_they_say() -> None:
    masks = np.array([GOLD, GOLD, GOLD])
    result = band_staple(masks)
    assert (result.mask == GOLD).all()
    assert result.sensitivity is None
