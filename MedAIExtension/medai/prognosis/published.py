"""The published scores: 4C Mortality, CURB-65, NEWS2, qSOFA, MuLBSTA, and severe by guideline."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from medai.prognosis.score import Part, Points, RiskClass, Score, Values


def _bands(name: str, *bands: tuple[float, int], step: float | None = None) -> Callable:
    """Points of one variable: each band is (least value, points); the first has -inf.

    step: that the table's values are given to; finer ones are rounded to it, halves up.
    """

    def points(values: Values) -> int:
        value = float(values[name])
        if step is not None:
            value = round(math.floor(value / step + 0.5) * step, 6)
        return [given for least, given in bands if value >= least][-1]

    return points


def _yes(condition: Callable[[Values], bool], given: int = 1) -> Callable[[Values], int]:
    return lambda values: given if condition(values) else 0


_BELOW = -math.inf


def _room_air(limit: float, given: int) -> Callable[[Values], Points]:
    """Points for a saturation on room air below ``limit``: what is measured on oxygen and is not
    below it says nothing about room air."""

    def points(values: Values) -> Points:
        if float(values["spo2"]) < limit:
            return given
        return (0, given) if values["oxygen"] else 0

    return points


MORTALITY_4C = Score(
    key="4c_mortality",
    title="4C Mortality Score",
    parts=(
        Part("age", ("age",), _bands("age", (_BELOW, 0), (50, 2), (60, 4), (70, 6), (80, 7))),
        Part("sex at birth", ("sex",), _yes(lambda v: v["sex"] == "male")),
        Part(
            "comorbidities",
            ("comorbidities",),
            _bands("comorbidities", (_BELOW, 0), (1, 1), (2, 2)),
        ),
        Part(
            "respiratory rate",
            ("respiratory_rate",),
            _bands("respiratory_rate", (_BELOW, 0), (20, 1), (30, 2)),
        ),
        Part("oxygen saturation on room air", ("spo2", "oxygen"), _room_air(92, 2)),
        Part("Glasgow Coma Scale", ("gcs",), _yes(lambda v: float(v["gcs"]) < 15, 2)),
        Part(
            "urea",
            ("urea",),
            lambda v: 0 if float(v["urea"]) < 7 else 1 if float(v["urea"]) <= 14 else 3,
        ),
        Part("C-reactive protein", ("crp",), _bands("crp", (_BELOW, 0), (50, 1), (100, 2))),
    ),
    maximum=21,
    youngest=18,
    classes=(
        RiskClass(0, "low risk", "1.2 % died in hospital"),
        RiskClass(4, "intermediate risk", "9.9 % died in hospital"),
        RiskClass(9, "high risk", "31.4 % died in hospital"),
        RiskClass(15, "very high risk", "61.5 % died in hospital"),
    ),
    source="Knight SR et al., BMJ 2020;370:m3339 (ISARIC4C)",
    validity="adults admitted to hospital with COVID-19, values at admission; death in hospital, "
    "United Kingdom, February to June 2020, before vaccination",
)

CURB_65 = Score(
    key="curb_65",
    title="CURB-65",
    parts=(
        Part(
            "confusion",
            ("confusion",),
            _yes(lambda v: bool(v["confusion"])),
        ),
        Part("urea over 7 mmol/L", ("urea",), _yes(lambda v: float(v["urea"]) > 7)),
        Part(
            "respiratory rate of 30 or more",
            ("respiratory_rate",),
            _yes(lambda v: float(v["respiratory_rate"]) >= 30),
        ),
        Part(
            "systolic pressure under 90 or diastolic of 60 or less",
            ("systolic", "diastolic"),
            _yes(lambda v: float(v["systolic"]) < 90 or float(v["diastolic"]) <= 60),
        ),
        Part("age of 65 or more", ("age",), _yes(lambda v: float(v["age"]) >= 65)),
    ),
    maximum=5,
    youngest=18,
    classes=(
        RiskClass(0, "low risk", "1.5 % died within 30 days"),
        RiskClass(2, "intermediate risk", "9.2 % died within 30 days"),
        RiskClass(3, "high risk", "22 % died within 30 days"),
    ),
    source="Lim WS et al., Thorax 2003;58:377–382",
    validity="adults in hospital with community-acquired pneumonia; death within 30 days; not made "
    "for COVID-19",
)


def _saturation_news2(values: Values) -> int:
    """Scale 1, or scale 2 for hypercapnic respiratory failure."""
    percent = math.floor(float(values["spo2"]) + 0.5)
    if not values["hypercapnia"]:
        return 3 if percent <= 91 else 2 if percent <= 93 else 1 if percent <= 95 else 0
    if percent <= 92:
        return 3 if percent <= 83 else 2 if percent <= 85 else 1 if percent <= 87 else 0
    if not values["oxygen"]:
        return 0
    return 1 if percent <= 94 else 2 if percent <= 96 else 3


NEWS2 = Score(
    key="news2",
    title="NEWS2",
    parts=(
        Part(
            "respiratory rate",
            ("respiratory_rate",),
            _bands("respiratory_rate", (_BELOW, 3), (9, 1), (12, 0), (21, 2), (25, 3), step=1),
        ),
        Part("oxygen saturation", ("spo2", "oxygen", "hypercapnia"), _saturation_news2),
        Part("air or oxygen", ("oxygen",), _yes(lambda v: bool(v["oxygen"]), 2)),
        Part(
            "systolic blood pressure",
            ("systolic",),
            _bands("systolic", (_BELOW, 3), (91, 2), (101, 1), (111, 0), (220, 3), step=1),
        ),
        Part(
            "pulse",
            ("pulse",),
            _bands("pulse", (_BELOW, 3), (41, 1), (51, 0), (91, 1), (111, 2), (131, 3), step=1),
        ),
        Part(
            "consciousness",
            ("consciousness",),
            _yes(lambda v: v["consciousness"] != "alert", 3),
        ),
        Part(
            "temperature",
            ("temperature",),
            _bands(
                "temperature", (_BELOW, 3), (35.1, 1), (36.1, 0), (38.1, 1), (39.1, 2), step=0.1
            ),
        ),
    ),
    maximum=20,
    youngest=16,
    classes=(
        RiskClass(0, "low", "assessment on the ward; a single 3 asks for an urgent look"),
        RiskClass(5, "medium", "threshold for an urgent response"),
        RiskClass(7, "high", "threshold for an emergency response"),
    ),
    source="Royal College of Physicians, National Early Warning Score (NEWS) 2, 2017",
    validity="people of 16 years and more in hospital, not in pregnancy; how ill now, not how it "
    "ends. Saturation by scale 1 unless hypercapnic respiratory failure is stated",
    assumed={"hypercapnia": False},
)

QSOFA = Score(
    key="qsofa",
    title="qSOFA",
    parts=(
        Part(
            "respiratory rate of 22 or more",
            ("respiratory_rate",),
            _yes(lambda v: float(v["respiratory_rate"]) >= 22),
        ),
        Part("Glasgow Coma Scale under 15", ("gcs",), _yes(lambda v: float(v["gcs"]) < 15)),
        Part(
            "systolic pressure of 100 or less",
            ("systolic",),
            _yes(lambda v: float(v["systolic"]) <= 100),
        ),
    ),
    maximum=3,
    youngest=18,
    classes=(
        RiskClass(0, "not high"),
        RiskClass(2, "high", "risk of death in hospital 3 to 14 times that of 0 or 1"),
    ),
    source="Singer M et al., JAMA 2016;315:801–810; Seymour CW et al., JAMA 2016;315:762–774",
    validity="adults with suspected infection outside intensive care; not made for COVID-19",
)

MULBSTA = Score(
    key="mulbsta",
    title="MuLBSTA",
    parts=(
        Part("multilobar infiltrates", ("multilobar",), _yes(lambda v: bool(v["multilobar"]), 5)),
        Part(
            "lymphocytes of 0.8 × 10⁹/L or less",
            ("lymphocytes",),
            _yes(lambda v: float(v["lymphocytes"]) <= 0.8, 4),
        ),
        Part(
            "bacterial coinfection",
            ("bacterial_coinfection",),
            _yes(lambda v: bool(v["bacterial_coinfection"]), 4),
        ),
        Part(
            "smoking",
            ("smoking",),
            lambda v: {"never": 0, "former": 2, "active": 3}[str(v["smoking"])],
        ),
        Part("hypertension", ("hypertension",), _yes(lambda v: bool(v["hypertension"]), 2)),
        Part("age of 60 or more", ("age",), _yes(lambda v: float(v["age"]) >= 60, 2)),
    ),
    maximum=20,
    youngest=18,
    classes=(
        RiskClass(0, "low risk", "under the published cut of 12 points for death within 90 days"),
        RiskClass(
            12, "high risk", "at or over the published cut of 12 points for death within 90 days"
        ),
    ),
    source="Guo L et al., Front Microbiol 2019;10:2752",
    validity="adults in hospital with viral pneumonia, one hospital, before COVID-19; death within "
    "90 days. The published range of 0 to 22 counts both smoking rows; one patient reaches 20",
)


def _severe(values: Values) -> Points:
    if float(values["respiratory_rate"]) > 30 or float(values["spo2"]) <= 93:
        return 1
    # What oxygen holds above 93 % may be less without it.
    return (0, 1) if values["oxygen"] else 0


SEVERE_BY_GUIDELINE = Score(
    key="severe_by_guideline",
    title="Severe by guideline",
    parts=(
        Part(
            "respiratory rate over 30 or saturation of 93 % or less",
            ("respiratory_rate", "spo2", "oxygen"),
            _severe,
        ),
    ),
    maximum=1,
    youngest=18,
    classes=(RiskClass(0, "not severe by this rule"), RiskClass(1, "severe by this rule")),
    source="the guideline's rule as a review of AI for imaging in COVID-19 gives it: more than 30 "
    "breaths per minute, or an oxygen saturation of 93 % or less",
    validity="adults with COVID-19 at rest; a class of severity, not an outcome. Some versions of "
    "the guideline count from 30 breaths on",
)

SCORES: Sequence[Score] = (
    MORTALITY_4C,
    CURB_65,
    NEWS2,
    QSOFA,
    MULBSTA,
    SEVERE_BY_GUIDELINE,
)
