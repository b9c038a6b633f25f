"""Partial labels, splits by patient and the fit of zone scores, on data small enough to count."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from training.radiographs import (
    ANY_LUNG,
    BACKGROUND,
    CLEAR,
    CONSOLIDATION,
    GROUND_GLASS,
    kept_patients,
    read_lung_radiographs,
    read_opacity_radiographs,
    read_scored_radiographs,
)
from training.xray import group_dice, partial_label_loss
from training.zone_scores import DescribedFilms, cross_validated, fit_head


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_labels_say_what_each_set_tells(tmp_path):
    grey = np.zeros((4, 4), np.uint8)
    lungs = np.zeros((4, 4), np.uint8)
    lungs[1:3, 1:3] = 255
    for name in ("a_0.png", "b_1.png"):
        save(tmp_path / "lungs/images" / name, grey)
        save(tmp_path / "lungs/masks" / name, lungs)
    healthy, ill = read_lung_radiographs(tmp_path / "lungs")
    assert set(np.unique(healthy.labels)) == {BACKGROUND, CLEAR}
    assert set(np.unique(ill.labels)) == {BACKGROUND, ANY_LUNG}
    bits = np.array([[0, 1, 2, 1 + 4], [2 + 4 + 8, 0, 0, 0]], np.uint8)
    save(tmp_path / "opacities/images/p7_x.png", np.zeros((2, 4), np.uint8))
    save(tmp_path / "opacities/labels/p7_x.png", bits)
    (film,) = read_opacity_radiographs(tmp_path / "opacities")
    assert film.patient == "7"
    assert film.labels.tolist() == [
        [BACKGROUND, CLEAR, BACKGROUND | CLEAR, GROUND_GLASS],
        [CONSOLIDATION, BACKGROUND, BACKGROUND, BACKGROUND],
    ]


def test_two_raters_scores_are_read_by_zone(tmp_path):
    save(tmp_path / "images/f1.png", np.zeros((4, 4), np.uint8))
    names = ["filename", *(f"{r}-{z}" for r in "SJ" for z in "ABCDEF"), "patient"]
    with (tmp_path / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerow(["f1.jpg", *range(4), 0, 1, *([2] * 6), 9])
    (film,) = read_scored_radiographs(tmp_path)
    assert film.senior == (0, 1, 2, 3, 0, 1)
    assert film.junior == (2,) * 6
    assert film.patient == "9"


def test_every_third_patient_is_kept_whatever_their_order():
    assert kept_patients(["10", "2", "1", "3", "2", "20"]) == {"1", "10"}


def test_the_loss_asks_only_for_what_a_label_tells():
    """Sure of background: right where that is allowed, wrong where only lung is."""
    logits = torch.zeros(1, 4, 1, 2)
    logits[:, 0] = 20.0
    either = torch.tensor([[[BACKGROUND, BACKGROUND | CLEAR]]], dtype=torch.uint8)
    lung = torch.tensor([[[BACKGROUND, CLEAR]]], dtype=torch.uint8)
    assert partial_label_loss(logits, either) < 0.01
    assert partial_label_loss(logits, lung) > 5
    # A lung of unknown state is satisfied by any class of lung.
    logits = torch.zeros(1, 4, 1, 2)
    logits[:, 3] = 20.0
    unknown = torch.full((1, 1, 2), ANY_LUNG, dtype=torch.uint8)
    assert partial_label_loss(logits, unknown) < 0.01


def test_dice_leaves_out_what_is_not_told():
    labels = np.array([[CLEAR, CLEAR, BACKGROUND, BACKGROUND | CLEAR]], np.uint8)
    assert group_dice(np.array([[1, 1, 0, 1]]), labels, ANY_LUNG) == 1.0
    assert group_dice(np.array([[1, 0, 0, 0]]), labels, ANY_LUNG) == pytest.approx(2 / 3)
    assert group_dice(np.array([[1, 1, 0, 0]]), labels, CONSOLIDATION) is None


def made_up_films(patients=40, noise=0.3, seed=0):
    """One feature decides the score, three are noise."""
    draw = np.random.default_rng(seed)
    truth = draw.uniform(-2, 2, (patients, 6))
    features = np.concatenate(
        [truth[..., None], draw.normal(size=(patients, 6, 3))], axis=2
    ).astype(np.float32)
    scores = np.digitize(truth[:, None] + noise * draw.normal(size=(patients, 2, 6)), (-1, 0, 1))
    names = tuple(str(k) for k in range(patients))
    return DescribedFilms(torch.from_numpy(features), torch.from_numpy(scores), names)


def test_the_fit_finds_the_feature_that_decides():
    films = made_up_films()
    head = fit_head(films, 0.01)
    weights = head.weight.abs()
    assert weights[0] > 5 * weights[1:].max()
    assert (head.cuts.diff() > 0).all()
    expected = head(films.features) @ torch.arange(4.0)
    off = (expected[:, None] - films.scores).abs().mean()
    assert off < 0.5


def test_cross_validation_likes_the_fit_better_than_none_and_sees_independent_zones():
    films = made_up_films()
    good, spread = cross_validated(films, 0.01)
    held_down, _ = cross_validated(films, 100.0)
    assert good > held_down
    # Both raters' errors are drawn zone by zone: nothing beyond independence.
    assert spread == pytest.approx(1.0, abs=0.35)
