"""The likelihoods against brute force: dense matrices, differences, and plain integration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from medai.agreement.area_likelihood import OVER_OFFSET, AreaLikelihood
from medai.agreement.binomial_table import BinomialTable
from medai.agreement.crossed_search import CrossedPoint
from medai.agreement.laplace import log_likelihood, zero_modes
from medai.agreement.patterns import rating_patterns
from medai.agreement.pixel_icc import pattern_table
from medai.agreement.quadrature import nodes, quadrature_log_likelihood
from Testing.agreement.simulated import simulated_masks


def small_table(seed: int, *, trials: int, rows: int = 6, raters: int = 3) -> BinomialTable:
    random = np.random.default_rng(seed)
    m = random.integers(1, trials + 1, (1, raters, rows)).astype(float)
    m[0, 1, 0] = 0
    k = np.floor(random.random(m.shape) * (m + 1))
    return BinomialTable(k, m, random.integers(1, 4, (1, rows)).astype(float))


def dense_laplace(parameters: np.ndarray, table: BinomialTable) -> float:
    """lme4's Laplace approximation with every unit written out and a general-purpose optimiser."""
    sds = np.exp(parameters[[0, 1]])
    sd_over = np.exp(parameters[3]) if len(parameters) == 4 else 0.0
    repeats = table.counts[0].astype(int)
    k = np.repeat(table.successes[0], repeats, axis=1)
    m = np.repeat(table.trials[0], repeats, axis=1)
    raters, units = k.shape
    z = np.zeros((raters * units, units + raters + raters * units))
    for j in range(raters):
        for i in range(units):
            row = j * units + i
            z[row, i] = sds[0]
            z[row, units + j] = sds[1]
            z[row, units + raters + row] = sd_over
    k, m = k.ravel(), m.ravel()

    def negative(b: np.ndarray) -> float:
        eta = parameters[2] + z @ b
        return -float((k * eta - m * np.logaddexp(0, eta)).sum() - 0.5 * b @ b)

    def slope(b: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-(parameters[2] + z @ b)))
        return b - z.T @ (k - m * p)

    b = minimize(negative, np.zeros(z.shape[1]), jac=slope, method="BFGS",
                 options={"gtol": 1e-9, "maxiter": 5000}).x  # fmt: skip
    p = 1 / (1 + np.exp(-(parameters[2] + z @ b)))
    hessian = np.eye(len(b)) + z.T @ ((m * p * (1 - p))[:, None] * z)
    return -negative(b) - 0.5 * float(np.linalg.slogdet(hessian)[1])


@pytest.mark.parametrize("over", [False, True])
def test_the_laplace_likelihood_is_that_of_the_full_model(over: bool) -> None:
    table = small_table(1, trials=9 if over else 1)
    parameters = np.array([0.6, -0.2, -0.5, 0.3][: 4 if over else 3])
    found, _ = log_likelihood(parameters[None], table, zero_modes(1, table, over))
    assert found[0] == pytest.approx(dense_laplace(parameters, table), abs=1e-6)


@pytest.mark.parametrize("over", [False, True])
def test_the_gradient_is_that_of_differences(over: bool) -> None:
    table = small_table(2, trials=12 if over else 1, rows=9, raters=4)
    points = np.random.default_rng(3).normal(size=(5, 4 if over else 3))
    _, gradient = log_likelihood(points, table, zero_modes(5, table, over))
    for column in range(points.shape[1]):
        step = np.zeros(points.shape[1])
        step[column] = 1e-5
        up, _ = log_likelihood(points + step, table, zero_modes(5, table, over))
        down, _ = log_likelihood(points - step, table, zero_modes(5, table, over))
        assert gradient[:, column] == pytest.approx((up - down) / 2e-5, abs=1e-5)


@pytest.mark.parametrize("sd_unit", [0.5, 4.0, 25.0])
def test_modes_are_found_from_anywhere(sd_unit: float) -> None:
    table = small_table(4, trials=40, rows=20, raters=4)
    extremes = [
        [np.log(sd_unit), np.log(sd_rater), intercept, np.log(sd_over)]
        for sd_rater in (0.1, 5.0)
        for intercept in (-30.0, 3.0)
        for sd_over in (0.5, 20.0)
    ]
    modes = zero_modes(len(extremes), table, True)
    value, gradient = log_likelihood(np.array(extremes), table, modes)
    again, _ = log_likelihood(np.array(extremes), table, modes)
    assert np.isfinite(gradient).all()
    assert again == pytest.approx(value, abs=1e-8)


def test_quadrature_over_units_is_plain_integration() -> None:
    table = small_table(5, trials=1)
    sd_unit, intercept = 3.0, -1.0
    found = quadrature_log_likelihood(
        np.array([[np.log(sd_unit), -np.inf, intercept]]), table, np.zeros((1, 3))
    )
    v = np.linspace(-12, 12, 200_001)
    eta = intercept + sd_unit * v
    expected = 0.0
    for row, count in enumerate(table.counts[0]):
        k, m = table.successes[0, :, row].sum(), table.trials[0, :, row].sum()
        density = np.exp(k * eta - m * np.logaddexp(0, eta) - 0.5 * v**2) / np.sqrt(2 * np.pi)
        expected += count * np.log(np.trapezoid(density, v))
    assert found[0] == pytest.approx(expected, abs=1e-7)


def plain_area_likelihood(
    marked: np.ndarray, units: np.ndarray, shift: np.ndarray, sd_unit: float, sd_over: float
) -> float:
    """Both effects integrated on fine regular grids."""
    u, z = np.linspace(-9 * sd_unit, 9 * sd_unit, 3001), np.linspace(-9, 9, 1201)
    total = 0.0
    for k, m in zip(marked, units, strict=True):
        joint = -0.5 * (u / sd_unit) ** 2 - np.log(sd_unit * np.sqrt(2 * np.pi))
        for j, rater_shift in enumerate(shift):
            eta = u[:, None] + rater_shift + sd_over * z
            terms = k[j] * eta - m * np.logaddexp(0, eta) - 0.5 * z**2
            top = terms.max(axis=1)
            step = (z[1] - z[0]) / np.sqrt(2 * np.pi)
            joint += np.log(np.exp(terms - top[:, None]).sum(axis=1) * step) + top
        total += np.log(np.exp(joint - joint.max()).sum() * (u[1] - u[0])) + joint.max()
    return float(total)


@pytest.mark.parametrize(
    ("sd_unit", "sd_over"), [(1.0, 0.7), (3.0, 1.5), (0.3, 2.5), (6.0, 0.3), (15.0, 1.0)]
)
def test_the_exact_area_likelihood_is_plain_integration(sd_unit: float, sd_over: float) -> None:
    units = np.array([1, 3, 40, 40, 150, 1200], float)
    marked = np.array([[0, 1], [3, 1], [0, 0], [40, 38], [0, 3], [500, 900]], float)
    shift = np.array([-1.0, -1.6])
    likelihood = AreaLikelihood(marked, units, np.ones(6))

    def point(x: np.ndarray) -> CrossedPoint:
        return likelihood.at(x[None, :2], x[None, 2:])

    at = np.array([*shift, np.log(sd_unit), np.log(sd_over**2 + OVER_OFFSET)])
    here = point(at)
    expected = plain_area_likelihood(marked, units, shift, sd_unit, sd_over)
    assert here.value[0] == pytest.approx(expected, abs=5e-5)
    for place, move in enumerate(1e-4 * np.eye(4)):
        up, down = point(at + move), point(at - move)
        slope = (up.value[0] - down.value[0]) / 2e-4
        assert here.gradient[0, place] == pytest.approx(slope, abs=1e-4)
        bend = -(up.gradient[0] - down.gradient[0]) / 2e-4
        assert here.information[0, place] == pytest.approx(bend, abs=5e-3)


def test_cells_without_over_dispersion_are_binomial_to_the_left_end_of_every_tail() -> None:
    """Hundreds of empty cells of a thousand pixels: each one's small share of log L counts."""
    marked = np.array([[0, 0, 0], [1156, 1156, 1155], [400, 420, 390]], float)
    units, counts = np.full(3, 1156.0), np.array([300.0, 40.0, 8.0])
    shift, sd_unit = np.array([-18.0, -18.1, -17.9]), 13.0
    u = np.linspace(-12 * sd_unit, 12 * sd_unit, 400_001)
    expected = 0.0
    for k, count in zip(marked, counts, strict=True):
        joint = -0.5 * (u / sd_unit) ** 2 - np.log(sd_unit * np.sqrt(2 * np.pi))
        for j in range(3):
            joint = joint + k[j] * (u + shift[j]) - 1156 * np.logaddexp(0, u + shift[j])
        top = joint.max()
        expected += count * (np.log(np.exp(joint - top).sum() * (u[1] - u[0])) + top)
    likelihood = AreaLikelihood(marked, units, counts)
    without, tiny = (
        likelihood.at(shift[None], np.log([[sd_unit, variance + OVER_OFFSET]]))
        for variance in (0.0, 1e-6)
    )
    # 5e-7 for each of 348 cells: the trapezoidal rule on an edge that nothing blurs.
    assert without.value[0] == pytest.approx(expected, abs=3e-4)
    # By its slope at 0 the likelihood grows by so much.
    gain = without.gradient[0, -1] * 1e-6 / OVER_OFFSET
    assert tiny.value[0] - without.value[0] == pytest.approx(gain, abs=1e-3)


def test_integrating_the_raters_too_makes_no_difference_to_the_exact_fit() -> None:
    """Laplace over two raters' effects against a fine grid over both."""
    table = pattern_table([rating_patterns(simulated_masks(400, 2, 4.0, 0.5, -1.0, 3))])
    sd_unit, sd_rater, intercept = 2.0, 0.7, -1.0
    parameters = np.array([[np.log(sd_unit), np.log(sd_rater), intercept]])
    found = quadrature_log_likelihood(parameters, table, np.zeros((1, 2)))[0]
    z = np.linspace(-6, 6, 81)
    first, second = (grid.ravel() for grid in np.meshgrid(z, z))
    v = np.linspace(-9, 9, 601)
    log_likelihood_at = np.zeros(len(first))
    for row, count in enumerate(table.counts[0]):
        joint = -0.5 * v[None] ** 2 - 0.5 * np.log(2 * np.pi)
        for j, effect in enumerate((first, second)):
            eta = intercept + sd_unit * v[None] + sd_rater * effect[:, None]
            joint = joint + table.successes[0, j, row] * eta - np.logaddexp(0, eta)
        log_likelihood_at += count * np.log(np.exp(joint).sum(axis=1) * (v[1] - v[0]))
    log_likelihood_at += -0.5 * (first**2 + second**2) - np.log(2 * np.pi)
    top = log_likelihood_at.max()
    exact = top + np.log(np.exp(log_likelihood_at - top).sum() * (z[1] - z[0]) ** 2)
    assert found == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("sd", [0.1, 3.0, 30.0, 80.0])
def test_the_nodes_are_fine_enough_for_any_variance(sd: float) -> None:
    def share(v: np.ndarray, log_weight: np.ndarray) -> float:
        log_chance = -3 * np.logaddexp(0, -(sd * v - 0.3 * sd))
        return float(np.exp(log_weight + log_chance).sum())

    fine = np.arange(-9, 9, 1e-4)
    expected = share(fine, -0.5 * fine**2 + np.log(1e-4 / np.sqrt(2 * np.pi)))
    assert share(*nodes(sd)) == pytest.approx(expected, abs=1e-7)


def test_a_unit_that_nobody_rated_changes_nothing() -> None:
    random = np.random.default_rng(6)
    successes = random.integers(0, 2, (1, 4, 9)).astype(float)
    complete = BinomialTable(successes, np.ones_like(successes), np.full((1, 9), 3.0))
    blank = np.zeros((1, 4, 1))
    with_unseen = BinomialTable(
        np.concatenate([successes, blank], axis=2),
        np.concatenate([complete.trials, blank], axis=2),
        np.full((1, 10), 3.0),
    )
    parameters = np.array([[0.9, -0.3, 0.4]])
    for table in (complete, with_unseen):
        laplace, _ = log_likelihood(parameters, table, zero_modes(1, table, False))
        exact = quadrature_log_likelihood(parameters, table, np.zeros((1, 4)))
        if table is complete:
            expected = laplace[0], exact[0]
    assert (laplace[0], exact[0]) == pytest.approx(expected, abs=1e-8)
