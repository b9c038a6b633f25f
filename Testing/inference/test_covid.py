"""COVID classification: rules, guard, planes, explanations, whole studies."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from medai.errors import InputError, ModelTaskError, UnsuitableImageError
from medai.images import AxialVolume, Volume, on_axial_grid, to_axial
from medai.inference.covid.assess import assess_covid
from medai.inference.covid.assessment import CovidAssessment, CovidChoices
from medai.inference.covid.classification import classify_covid
from medai.inference.covid.explanation import grad_cam, score_map
from medai.inference.covid.guard import chance_notes, evidence_notes, grey_picture
from medai.inference.covid.result import (
    COVID_CLASS,
    CovidOptions,
    counted_slices,
    study_probability,
)
from medai.inference.covid.slice_classifier import SliceClassifier, Why
from medai.inference.covid.slices import place_axial, plane_slices
from medai.measures import lung_zones, measure_lesions
from medai.measures.severity import severity
from medai.models import ModelStore
from medai.models.fitness import DEMONSTRATION
from medai.networks import transfer_classifier
from medai.phantoms import chest_ct
from Testing.model_folders import write_model

PHANTOM = chest_ct(shape=(12, 64, 64), spacing_mm=(24.0, 5.4, 5.4))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ModelStore:
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "ctnet", "ctnet10", ("COVID-19",), size=128, task="covid")
    classes = ("no COVID-19", "COVID-19")
    write_model(folder / "masknet", "covid_mask_net", classes, size=128, task="covid", classes=2)
    return ModelStore([folder])


def picture(pixels: np.ndarray, modality: str = "") -> Volume:
    return Volume(pixels[None], np.eye(4), modality, "picture")


def noise(shape: tuple[int, ...] = (80, 100), low: int = 0, high: int = 256) -> np.ndarray:
    return np.random.default_rng(3).integers(low, high, shape).astype(np.uint8)


def test_the_study_takes_the_most_suspicious_quarter() -> None:
    covid = np.array([0.1, 0.9, 0.2, 0.7, 0.3, 0.4, 0.0, 0.5])
    rows = np.stack([1 - covid, covid], axis=1)
    assert study_probability(rows, 1, "top-quartile")[1] == pytest.approx(0.8)
    assert study_probability(rows, 1, "maximum")[1] == pytest.approx(0.9)
    assert study_probability(rows, 1, "mean")[1] == pytest.approx(covid.mean())
    assert study_probability(rows, 1, "median")[1] == pytest.approx(0.35)
    for rule in ("top-quartile", "maximum", "mean", "median"):
        assert study_probability(rows, 1, rule).sum() == pytest.approx(1.0)
        assert study_probability(rows[:1], 1, rule)[1] == pytest.approx(0.1)


def test_the_slices_that_count_are_the_most_suspicious_wherever_covid_stands() -> None:
    covid = np.array([0.1, 0.9, 0.2, 0.7, 0.3, 0.4, 0.0, 0.5])
    first = np.stack([covid, 1 - covid], axis=1)
    assert counted_slices(first, 0, "top-quartile").tolist() == [1, 3]
    assert counted_slices(first[:, ::-1], 1, "top-quartile").tolist() == [1, 3]
    assert counted_slices(first, 0, "maximum").tolist() == [1]
    assert sorted(counted_slices(first, 0, "mean")) == list(range(8))


def test_unknown_rules_and_planes_are_refused() -> None:
    with pytest.raises(InputError, match="Rule 'best' is unknown, expected one of top-quartile"):
        CovidOptions(rule="best")
    with pytest.raises(InputError, match="Planes oblique"):
        CovidOptions(planes=("oblique",))


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (picture(np.zeros((80, 80), np.uint8)), "mean gray 0.00"),
        (picture(np.full((80, 80), 255, np.uint8)), "mean gray 1.00"),
        (picture(noise((80, 80), 0, 30)), "does not look like a chest CT slice"),
        (picture(np.stack([noise(), noise() // 3, noise() // 5], axis=-1)), "color picture"),
        (picture(noise(), "OPT"), "modality OPT"),
        (picture(noise((8, 80))), "8 × 80 pixels"),
        (picture(noise().astype(np.int16)), "type int16"),
    ],
)
def test_pictures_that_are_no_ct_slice_are_refused_with_the_reason(
    volume: Volume, words: str
) -> None:
    with pytest.raises(UnsuitableImageError, match=words):
        grey_picture(volume)


def test_grey_stored_as_colour_is_read_as_the_same_grey() -> None:
    pixels = noise()
    np.testing.assert_array_equal(grey_picture(picture(np.stack([pixels] * 3, axis=-1))), pixels)


def test_planes_show_the_head_up_and_the_patients_right_on_the_left() -> None:
    axial = to_axial(PHANTOM.volume)
    lungs = on_axial_grid(PHANTOM.volume, PHANTOM.lungs)
    marked = axial.array.copy()
    top = np.flatnonzero(lungs.any(axis=(1, 2)))[-2]
    rows, columns = np.nonzero(lungs[top] == 1)
    marked[top, rows[0], columns[0]] = 3000
    volume = replace(axial, array=marked)
    for plane in ("coronal", "sagittal"):
        slices = plane_slices(volume, lungs, plane)
        pictures, (_, box, _) = slices.pictures(), slices.place(0)
        where = np.argwhere(pictures == 255)
        brightest = next(w for w in where if pictures[tuple(w)] == 255)
        assert pictures.shape[1] < pictures.shape[2]
        assert brightest[1] < pictures.shape[1]
        expected = rows[0] if plane == "coronal" else columns[0]
        assert expected in slices.indices
        position = int(np.flatnonzero(slices.indices == expected)[0])
        bright_rows = np.flatnonzero((pictures[position] == 255).any(axis=1))
        assert bright_rows.min() <= len(axial.array) - 1 - top - box.start
    axial_slices = plane_slices(volume, lungs, "axial")
    assert lungs[axial_slices.indices].any(axis=(1, 2)).all()


def test_maps_go_back_to_the_voxels_they_came_from() -> None:
    flipped = replace(
        PHANTOM.volume, array=np.ascontiguousarray(PHANTOM.volume.array[::-1].transpose(2, 0, 1))
    )
    matrix = PHANTOM.volume.ijk_to_ras.copy()
    columns = matrix[:3, :3].copy()
    # New x is old y, new y is old z reversed, new z is old x.
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = columns[:, 1], -columns[:, 2], columns[:, 0]
    matrix[:3, 3] += columns[:, 2] * (PHANTOM.volume.grid_shape[0] - 1)
    flipped = replace(flipped, ijk_to_ras=matrix)
    axial = to_axial(flipped)
    lungs = np.ascontiguousarray(on_axial_grid(PHANTOM.volume, PHANTOM.lungs))
    slices = plane_slices(axial, lungs, "axial")
    placed = place_axial(slices, {3: np.ones(slices.pictures().shape[1:])}, flipped)
    again = on_axial_grid(flipped, placed)
    assert set(np.flatnonzero(again.any(axis=(1, 2)))) == {slices.indices[3]}
    assert again[slices.place(3)].min() == 1.0
    assert np.count_nonzero(again) == slices.pictures()[3].size


def test_grad_cam_points_at_what_the_logit_depends_on() -> None:
    class Corner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = nn.Conv2d(3, 4, 3, padding=1)
            nn.init.constant_(self.features.weight, 0.1)
            nn.init.zeros_(self.features.bias)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            maps = torch.relu_(self.features(images))
            return maps.mean(dim=(1, 2, 3))[:, None]

    images = torch.zeros(2, 3, 32, 32)
    images[0, :, 20:26, 4:10] = 1.0
    maps = grad_cam(Corner(), images, 0)
    row, column = divmod(int(maps[0].argmax()), 32)
    assert 20 <= row < 26
    assert 4 <= column < 10
    assert maps[0].max() > 0.0
    assert maps[1].max() == 0.0


@pytest.mark.parametrize("name", ["resnet50", "densenet169", "vgg16", "inception_v3"])
def test_grad_cam_works_on_every_backbone_at_input_resolution(name: str) -> None:
    torch.manual_seed(0)
    network = transfer_classifier(name).eval()
    maps = grad_cam(network, torch.randn(1, 3, 96, 96), 0)
    assert maps.shape == (1, 96, 96)
    assert 0.0 <= float(maps.min()) <= float(maps.max()) < np.inf


def test_regions_add_their_scores_by_their_size() -> None:
    boxes = torch.tensor([[2.0, 1.0, 6.0, 5.0], [4.0, 3.0, 8.0, 4.0]])
    drawn = score_map(boxes, torch.tensor([0.8, 0.6]), (8, 9)).numpy()
    expected = np.zeros((8, 9))
    expected[1:5, 2:6] += 0.8 / 4.0
    expected[3:4, 4:8] += 0.6 / 2.0
    np.testing.assert_allclose(drawn, expected, atol=1e-6)


def test_the_score_map_is_highest_where_good_regions_agree() -> None:
    lung = [10.0, 10.0, 90.0, 90.0]
    boxes = torch.tensor([lung, [60.0, 20.0, 80.0, 40.0], [62.0, 22.0, 78.0, 38.0]])
    drawn = score_map(boxes, torch.tensor([0.9, 0.7, 0.6]), (100, 100))
    row, column = divmod(int(drawn.argmax()), 100)
    assert 22 <= row < 38
    assert 62 <= column < 78
    assert score_map(torch.zeros(0, 4), torch.zeros(0), (6, 7)).shape == (6, 7)
    flat = score_map(torch.tensor([[3.0, 3.0, 3.0, 3.0]]), torch.tensor([0.5]), (6, 7))
    assert bool(torch.isfinite(flat).all())


@pytest.mark.parametrize("model_id", ["ctnet", "masknet"])
def test_a_volume_gets_slices_probability_and_reasons(store: ModelStore, model_id: str) -> None:
    result = classify_covid(
        PHANTOM.volume, store.load(model_id), CovidOptions(explained_slices=2, device="cpu")
    )
    assert result.probability.sum() == pytest.approx(1.0)
    part = result.slices[0]
    covid = part.probability[:, result.classes.index(COVID_CLASS)]
    quarter = np.sort(covid)[::-1][: round(len(covid) / 4)]
    assert result.covid_probability == pytest.approx(quarter.mean())
    assert PHANTOM.lungs[part.index].any(axis=(1, 2)).all()
    why = result.explanation[0]
    assert why.shape == PHANTOM.volume.grid_shape
    assert 0 <= why.min() <= why.max() <= 1
    assert why.max() in (0, 1)
    explained = set(np.flatnonzero(why.any(axis=(1, 2))))
    if model_id == "ctnet":
        assert explained <= set(part.index[np.argsort(-covid, kind="stable")[:2]])
    else:
        assert sorted(found.slice_index for found in result.regions) == part.index.tolist()
        assert explained <= set(part.index) and len(explained) > 2
        assert all(len(found.score) <= 128 for found in result.regions)
        assert all((np.diff(found.score) <= 0).all() for found in result.regions)


def test_the_same_input_has_the_same_answer(store: ModelStore) -> None:
    study = (picture(noise()),)
    first = classify_covid(study, store.load("masknet"))
    second = classify_covid(study, store.load("masknet"))
    np.testing.assert_array_equal(first.probability, second.probability)
    np.testing.assert_array_equal(first.explanation[0], second.explanation[0])


def test_three_directions_are_averaged(store: ModelStore) -> None:
    options = CovidOptions(planes=("axial", "coronal", "sagittal"), explained_slices=1)
    result = classify_covid(PHANTOM.volume, store.load("ctnet"), options)
    assert [part.plane for part in result.slices] == ["axial", "coronal", "sagittal"]
    each = [study_probability(part.probability, 1, "top-quartile") for part in result.slices]
    np.testing.assert_allclose(result.probability, np.mean(each, axis=0))


def test_a_model_for_another_task_and_an_empty_study_are_refused(store: ModelStore) -> None:
    loaded = store.load("ctnet")
    other = replace(loaded, card=replace(loaded.card, task="lesions"))
    with pytest.raises(ModelTaskError, match="ctnet is a model for lesions"):
        classify_covid(PHANTOM.volume, other)
    with pytest.raises(InputError, match="No picture"):
        classify_covid((), loaded)


def test_an_abdomen_has_no_lungs(store: ModelStore) -> None:
    flesh = np.full((20, 64, 64), -1000, np.int16)
    flesh[:, 8:56, 8:56] = 40
    abdomen = Volume(flesh, np.diag([-5.0, -5.0, 5.0, 1.0]), "CT", "abdomen")
    with pytest.raises(UnsuitableImageError, match="no lungs"):
        classify_covid(abdomen, store.load("ctnet"))


def test_without_a_lesion_model_there_is_no_severity(store: ModelStore) -> None:
    result = assess_covid((picture(noise()),), store.load("ctnet"), CovidChoices())
    assert (result.severity, result.lesions, result.change) == (None, None, None)
    assert result.sentence == result.classification.sentence


def test_pictures_far_from_the_training_greys_are_said_to_be(store: ModelStore) -> None:
    bright = np.where(noise() < 36, 0, 255).astype(np.uint8)
    unusual = classify_covid((picture(bright),), store.load("ctnet"))
    assert any("much darker or brighter" in note for note in unusual.notes)
    usual = classify_covid((picture(noise()),), store.load("ctnet"))
    assert usual.notes == ()


def evidence_at(row: int, column: int, value: float = 1.0) -> AxialVolume:
    explanation = np.zeros((3, 100, 120), np.float16)
    explanation[1, row, column] = value
    return to_axial(Volume(explanation, np.diag([-1.0, -2.0, 5.0, 1.0]), "CT", "why"))


def test_evidence_outside_the_lungs_is_said_to_be() -> None:
    lungs = np.zeros((3, 100, 120), np.uint8)
    lungs[1, 30:70, 20:50] = 1
    # 15 mm are 8 rows, or 15 columns.
    for beside in ((50, 30), (77, 30), (50, 64)):
        assert evidence_notes(evidence_at(*beside), lungs) == []
    for outside in ((78, 30), (50, 65), (0, 0), (99, 119)):
        (note,) = evidence_notes(evidence_at(*outside), lungs)
        assert "outside the lungs" in note
    assert evidence_notes(evidence_at(50, 30), np.zeros_like(lungs)) != []
    assert evidence_notes(evidence_at(0, 0, value=0.0), lungs) == []


@pytest.mark.parametrize(("place", "told"), [((1 / 2, 1 / 4), 0), ((1 / 2, 1 / 2), 1), ((0, 0), 1)])
def test_a_study_says_when_its_strongest_evidence_is_no_lung(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch, place: tuple[float, float], told: int
) -> None:
    """In the crop to the lungs: the middle of the right lung, the heart, the corner."""

    def explain(self, picture, pixel_mm, cancelled):
        drawn = np.zeros(picture.shape, np.float32)
        drawn[tuple(int(share * n) for share, n in zip(place, picture.shape, strict=True))] = 3.0
        return Why(drawn)

    monkeypatch.setattr(SliceClassifier, "explain", explain)
    options = CovidOptions(device="cpu", explained_slices=1)
    result = classify_covid(PHANTOM.volume, store.load("ctnet"), options)
    assert sum("outside the lungs" in note for note in result.notes) == told


def test_results_travel_between_processes(store: ModelStore, tmp_path: Path) -> None:
    from medai.inference.worker.array_transfer import pack, unpack

    result = classify_covid((picture(noise()),), store.load("masknet"))
    message = pack(result, tmp_path)
    while not message.copy_some(1.0):
        pass
    received, _ = unpack(message.payload, tmp_path)
    assert received.sentence == result.sentence
    np.testing.assert_array_equal(received.explanation[0], result.explanation[0])
    np.testing.assert_array_equal(received.regions[0].box, result.regions[0].box)


def test_a_model_no_better_than_chance_says_so(store: ModelStore) -> None:
    card = store.load("masknet").card
    row = replace(card.performance[0], measure="AUC", value=0.57, low=0.46, high=0.68)
    (note,) = chance_notes(replace(card, performance=(row,)))
    assert "no better than chance" in note and "AUC 0.57, 0.46 to 0.68" in note
    assert chance_notes(replace(card, performance=(replace(row, low=0.51),))) == []
    assert chance_notes(replace(card, performance=(replace(row, measure="F1"),))) == []


def test_without_a_model_fit_for_research_severity_leads_and_there_is_no_diagnosis(
    store: ModelStore,
) -> None:
    found = classify_covid((picture(noise()),), store.load("ctnet"))
    burden = measure_lesions(
        PHANTOM.volume,
        (PHANTOM.lesions > 0).astype(np.uint8),
        lung_zones(PHANTOM.lungs, PHANTOM.volume),
        PHANTOM.lesions,
        ("lesion",),
    )[1]
    fit = CovidAssessment(found, severity=severity(burden))
    assert fit.sentence.startswith("Probability of COVID-19")
    only_shown = tuple(replace(card, fitness=DEMONSTRATION) for card in found.cards)
    doubted = replace(fit, classification=replace(found, cards=only_shown))
    lead, _, rest = doubted.sentence.partition(" No diagnosis. ")
    assert lead == f"Opacity {burden.opacity_percent:.1f} % of lung."
    assert rest.startswith("For demonstration only:") and "Probability" not in doubted.sentence
