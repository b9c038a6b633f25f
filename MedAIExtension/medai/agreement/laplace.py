"""Laplace likelihood of the crossed logistic mixed model, many parameter sets at once.

    y_ij ~ Binomial(m_ij, p_ij),   logit p_ij = β + σ_u v_i + σ_r s_j (+ σ_o o_ij)

with v_i (unit), s_j (rater) and o_ij (observation, only with over-dispersion) standard normal. The
approximation is lme4's (Bates et al. 2015, J. Stat. Softw. 67(1), eq. 33-36, and glmer with
nAGQ = 1): at the joint mode of all effects,

    log L ≈ log p(y | mode) − ½ |mode|² − ½ log det H,     H = I + Λ'Z'WZΛ.

Units that answer alike share their mode, so a row stands for ``counts`` equal units and the cost
does not depend on the size of the image. H is eliminated from the inside out: observations, then
units, then a dense raters × raters block. The gradient is exact (implicit differentiation of the
mode, one adjoint solve). Arrays run (set, rater, row): sums over the few raters are then sums of
whole rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medai.agreement.binomial_table import BinomialTable

Array = NDArray[np.float64]

# Newton steps longer than these on the logit scale run past the curved part of the likelihood.
_LONGEST_RATER_STEP = 1.5
_LONGEST_UNIT_STEP = 3.0
_LONGEST_ETA_STEP = 4.0
_MOST_STEPS = 100
# Newton squares its error: after a last step of this size nothing is left to see.
STEP_TOLERANCE = 1e-5


@dataclass(eq=False)
class Modes:
    """Joint modes of the standardised effects: v (b, rows), s (b, raters), o (b, raters, rows)."""

    v: Array
    s: Array
    o: Array | None

    def take(self, where: NDArray) -> Modes:
        """The modes of some parameter sets."""
        return Modes(self.v[where], self.s[where], None if self.o is None else self.o[where])

    def put(self, where: NDArray, other: Modes) -> None:
        """Replace the modes of some parameter sets."""
        self.v[where] = other.v
        self.s[where] = other.s
        if self.o is not None:
            self.o[where] = other.o


def zero_modes(parameter_sets: int, table: BinomialTable, over: bool) -> Modes:
    """Where the search for the modes begins."""
    return Modes(
        np.zeros((parameter_sets, table.rows)),
        np.zeros((parameter_sets, table.raters)),
        np.zeros((parameter_sets, table.raters, table.rows)) if over else None,
    )


@dataclass(eq=False)
class _Point:
    """Everything that depends on parameters and modes at one evaluation."""

    su: Array  # (b, 1)
    sr: Array  # (b, 1)
    so: Array  # (b, 1, 1), or zero
    eta: Array
    p: Array
    small: Array  # exp(−|η|)
    w: Array
    e: Array | None  # 1 + σ_o² w
    w_eff: Array  # w after the observation effects are eliminated
    d: Array  # (b, rows) diagonal of the unit block
    schur: Array  # (b, raters, raters)


def log_likelihood(
    parameters: Array,
    table: BinomialTable,
    modes: Modes,
    *,
    gradient: bool = True,
    tolerance: float = STEP_TOLERANCE,
) -> tuple[Array, Array]:
    """Laplace log-likelihood and its gradient; ``modes`` is moved to the modes found.

    parameters: (b, 3) of log σ_u, log σ_r, β, or (b, 4) with log σ_o last; −inf is σ = 0.
    table: one data set, or b of them. Binomial coefficients are left out.
    tolerance: of the modes, on the logit scale.
    Returns (b,) and (b, 3 or 4); without ``gradient`` the second is empty.
    """
    su, sr = np.exp(parameters[:, 0:1]), np.exp(parameters[:, 1:2])
    beta = parameters[:, 2][:, None, None]
    so = np.exp(parameters[:, 3])[:, None, None] if modes.o is not None else np.zeros((1, 1, 1))
    _find_modes(su, sr, so, beta, table, modes, tolerance)
    point = _point(su, sr, so, beta, table, modes)
    counts = table.counts
    softplus = np.maximum(point.eta, 0.0) + np.log1p(point.small)
    fit = (table.successes * point.eta - table.trials * softplus).sum(axis=1)
    fit -= 0.5 * modes.v**2
    log_det = np.log(point.d)
    if modes.o is not None and point.e is not None:
        fit -= 0.5 * (modes.o**2).sum(axis=1)
        log_det += np.log(point.e).sum(axis=1)
    value = (counts * (fit - 0.5 * log_det)).sum(axis=1) - 0.5 * (modes.s**2).sum(axis=1)
    value -= 0.5 * np.linalg.slogdet(point.schur)[1]
    if not gradient:
        return value, np.empty((len(value), 0))
    return value, _gradient(point, table, modes)


def _find_modes(
    su: Array,
    sr: Array,
    so: Array,
    beta: Array,
    table: BinomialTable,
    modes: Modes,
    tolerance: float,
) -> None:
    active = np.arange(len(su))
    for _ in range(_MOST_STEPS):
        if active.size == len(su):
            part, data, u, r, b, o = modes, table, su, sr, beta, so
        else:
            part, data = modes.take(active), table.take(active)
            u, r, b = su[active], sr[active], beta[active]
            o = so if part.o is None else so[active]
        point = _point(u, r, o, b, data, part)
        g = data.successes - data.trials * point.p
        rv = u * g.sum(axis=1) - part.v
        rs = r * _over_rows(g, data.counts) - part.s
        ro = None if part.o is None else o * g - part.o
        v, s, obs = _solve(point, data.counts, rv, rs, ro, limited=True)
        part.v += v
        part.s += s
        longest = np.maximum(np.abs(u * v).max(axis=1), np.abs(r * s).max(axis=1))
        if part.o is not None and obs is not None:
            part.o += obs
            longest = np.maximum(longest, np.abs(o * obs).max(axis=(1, 2)))
        if part is not modes:
            modes.put(active, part)
        active = active[longest > tolerance]
        if not active.size:
            return


def _over_rows(values: Array, weights: Array) -> Array:
    """(b, raters) Σ_rows weights · values."""
    return np.matmul(values, weights[:, :, None])[:, :, 0]


def _over_raters(values: Array, weights: Array) -> Array:
    """(b, rows) Σ_raters weights · values."""
    return np.matmul(weights[:, None, :], values)[:, 0, :]


def _point(
    su: Array, sr: Array, so: Array, beta: Array, table: BinomialTable, modes: Modes
) -> _Point:
    eta = (su * modes.v)[:, None, :] + (beta + (sr * modes.s)[:, :, None])
    if modes.o is not None:
        eta += so * modes.o
    small = np.exp(-np.abs(eta))
    share = 1.0 / (1.0 + small)
    p = np.where(eta >= 0, share, small * share)
    w = table.trials * (small * share * share)
    e, w_eff = None, w
    if modes.o is not None:
        e = 1.0 + so**2 * w
        w_eff = w / e
    d = 1.0 + su**2 * w_eff.sum(axis=1)
    counts = table.counts
    weighted = w_eff * (counts * su**2 / d)[:, None, :]
    schur = -(sr**2)[:, :, None] * np.matmul(weighted, w_eff.transpose(0, 2, 1))
    index = np.arange(schur.shape[1])
    schur[:, index, index] += 1.0 + sr**2 * _over_rows(w_eff, counts)
    return _Point(su, sr, so, eta, p, small, w, e, w_eff, d, schur)


def _solve(
    point: _Point, counts: Array, rv: Array, rs: Array, ro: Array | None, *, limited: bool = False
) -> tuple[Array, Array, Array | None]:
    """Solve H x = r, with r_v and r_o given for one of the units that a row stands for.

    limited: a Newton step, kept short at each level; the levels below answer to the shortened
        one, so the search neither swings across the curved part of the likelihood nor creeps.
    """
    su, sr, so, w, e = point.su, point.sr, point.so, point.w, point.e
    through = None
    if ro is not None and e is not None:
        through = so * w / e
        pulled = through * ro
        rv = rv - su * pulled.sum(axis=1)
        rs = rs - sr * _over_rows(pulled, counts)
    rs = rs - sr * _over_rows(point.w_eff, counts * su * rv / point.d)
    x_s = np.linalg.solve(point.schur, rs[:, :, None])[:, :, 0].astype(np.float64, copy=False)
    if limited:
        excess = np.abs(sr * x_s).max(axis=1, keepdims=True) / _LONGEST_RATER_STEP
        x_s /= np.maximum(excess, 1.0)
    x_v = (rv - su * _over_raters(point.w_eff, sr * x_s)) / point.d
    if limited:
        x_v /= np.maximum(np.abs(su * x_v) / _LONGEST_UNIT_STEP, 1.0)
    if ro is None or e is None or through is None:
        return x_v, x_s, None
    shift = (su * x_v)[:, None, :] + (sr * x_s)[:, :, None]
    x_o = ro / e - through * shift
    if limited:
        eta = shift + so * x_o
        long = np.abs(eta) > _LONGEST_ETA_STEP
        if long.any():
            short = np.clip(eta, -_LONGEST_ETA_STEP, _LONGEST_ETA_STEP) - shift
            x_o = np.where(long, short / np.where(so > 0, so, 1.0), x_o)
    return x_v, x_s, x_o


def _gradient(point: _Point, table: BinomialTable, modes: Modes) -> Array:
    su, sr, so, p, w, e = point.su, point.sr, point.so, point.p, point.w, point.e
    w_eff, d = point.w_eff, point.d
    counts = table.counts
    g = table.successes - table.trials * p
    slope = w * (1.0 - 2.0 * p)
    # Posterior variances of the effects under the Gaussian approximation.
    inverse = np.linalg.inv(point.schur)
    pull = np.matmul(inverse, w_eff)
    spread = (pull * w_eff).sum(axis=1)
    ratio = su**2 / d
    rater_variance = np.diagonal(inverse, axis1=1, axis2=2)
    shift = rater_variance[:, :, None] - 2.0 * ratio[:, None, :] * pull
    shift += (ratio**2 * spread)[:, None, :]
    linear = ratio[:, None, :] + (sr**2)[:, :, None] * shift
    unit_variance = 1.0 / d + (su * sr / d) ** 2 * spread
    eta_variance = linear if e is None else linear / e**2 + so**2 / e
    # Adjoint: how log det H moves with the modes.
    q = eta_variance * slope
    a_v, a_s, a_o = _solve(
        point,
        counts,
        su * q.sum(axis=1),
        sr * _over_rows(q, counts),
        so * q if e is not None else None,
    )
    alpha = (su * a_v)[:, None, :] + (sr * a_s)[:, :, None]
    if a_o is not None:
        alpha += so * a_o
    # d(log L) through η with everything else held, and the explicit σ in the mode equations.
    through = counts[:, None, :] * (g - 0.5 * (q - w * alpha))
    total = through.sum(axis=1)
    units = np.broadcast_to(counts, d.shape).sum(axis=1)
    unit = (total * su * modes.v).sum(axis=1) - 0.5 * (
        2.0 * (units - (counts * unit_variance).sum(axis=1))
        + (counts * su * a_v * g.sum(axis=1)).sum(axis=1)
    )
    rater = (through.sum(axis=2) * sr * modes.s).sum(axis=1) - 0.5 * (
        2.0 * (1.0 - rater_variance).sum(axis=1)
        + (sr * a_s * _over_rows(g, np.broadcast_to(counts, d.shape))).sum(axis=1)
    )
    columns = [unit, rater, total.sum(axis=1)]
    if e is not None and modes.o is not None and a_o is not None:
        over_variance = 1.0 / e + (so * w / e) ** 2 * linear
        weights = counts[:, None, :]
        observation = (through * so * modes.o).sum(axis=(1, 2)) - 0.5 * (
            2.0 * (weights * (1.0 - over_variance)).sum(axis=(1, 2))
            + (weights * so * a_o * g).sum(axis=(1, 2))
        )
        columns.append(observation)
    return np.stack(columns, axis=1)
