"""The tables of a prognosis: a line a score for its files, a row a patient for a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from medai.prognosis.assessment import PrognosisResult
from medai.prognosis.published import SCORES
from medai.tables import Column, Table


def _score_items(result: PrognosisResult) -> list[tuple[Any, Any]]:
    return [(patient, each) for patient in result.patients for each in patient.scores]


SCORE_ROWS = Table(
    items=_score_items,
    columns=(
        Column("patient", "patient", value=lambda item: item[0].label),
        Column("score", "score", value=lambda item: item[1].score.title),
        Column("low", "least", format="d", value=lambda item: item[1].low),
        Column("high", "most", format="d", value=lambda item: item[1].high),
        Column("maximum", "of", format="d", value=lambda item: item[1].score.maximum),
        Column("risk", "class", value=lambda item: item[1].risk or item[1].reason),
        Column("missing", "missing", value=lambda item: ", ".join(item[1].missing)),
    ),
)


def _end(key: str, end: str) -> Callable[[Mapping[str, Any]], Any]:
    return lambda patient: patient["scores"][key][end]


RESULTS = Table(
    items=lambda summary: summary["patients"],
    columns=(
        Column("patient", "patient"),
        *(
            Column(f"{score.key}_{end}", f"{score.title} {word}", value=_end(score.key, end))
            for score in SCORES
            for end, word in (("low", "least"), ("high", "most"))
        ),
        Column("sentence", "sentence"),
    ),
)
