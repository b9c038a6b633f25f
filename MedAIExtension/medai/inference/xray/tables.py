"""The tables of a chest radiograph's result, each declared once for every place that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from medai.inference.xray.result import Film, XrayResult
from medai.measures.radiograph import ZONES
from medai.tables import Column, Table
from medai.tables import translatable as _

ZONE_TITLES = (
    "right upper",
    "right middle",
    "right lower",
    "left upper",
    "left middle",
    "left lower",
)


@dataclass(frozen=True, eq=False)
class ScoredZone:
    """One zone of one film."""

    film: Film
    number: int

    @property
    def difference(self) -> int | None:
        """The model's score minus the reader's; None where one is not given."""
        own, reader = self.film.score.zones[self.number], self.film.reader
        return None if own is None or reader is None else own - reader[self.number]


def zones_of(result: XrayResult) -> Iterator[ScoredZone]:
    """Every zone of every film."""
    for film in result.films:
        for number in range(len(ZONES)):
            yield ScoredZone(film, number)


def _score(zone: ScoredZone) -> Any:
    return zone.film.score.zones[zone.number]


def _reader(zone: ScoredZone) -> Any:
    return None if zone.film.reader is None else zone.film.reader[zone.number]


ZONE_ROWS = Table(
    items=zones_of,
    columns=(
        Column(
            "film",
            "film",
            meaning=_("Which radiograph."),
            value=lambda zone: zone.film.volume.name,
            places=frozenset({"csv", "page"}),
        ),
        Column(
            "zone",
            "zone",
            meaning=_("A, B, C: right lung from the top down; D, E, F: left lung."),
            value=lambda zone: ZONES[zone.number],
            headings={"panel": _("Zone")},
        ),
        Column(
            "where",
            "where",
            meaning=_("Where the zone lies."),
            value=lambda zone: ZONE_TITLES[zone.number],
            headings={"panel": _("Where")},
        ),
        Column(
            "opacity_percent",
            "opacity",
            "%",
            ".0f",
            meaning=_("Opaque area in percent of the zone."),
            value=lambda zone: zone.film.measure.zone_opacity_percent[zone.number],
            headings={"panel": _("Opacity (%)")},
        ),
        Column(
            "score",
            "score",
            format="d",
            meaning=_("0 clear to 3, by the model."),
            value=_score,
            headings={"panel": _("Score")},
        ),
        Column(
            "expected_score",
            "expected score",
            format=".1f",
            value=lambda zone: zone.film.score.expected[zone.number],
            places=frozenset({"csv", "page", "node"}),
        ),
        Column(
            "reader_score",
            "reader",
            format="d",
            meaning=_("The score that a reader typed."),
            value=_reader,
            headings={"panel": _("Reader")},
        ),
        Column(
            "difference",
            "model − reader",
            format="d",
            meaning=_("The model's score minus the reader's."),
            headings={"panel": _("Diff.")},
        ),
    ),
)


def _side(side: str, key: str) -> Callable[[Film], Any]:
    return lambda film: getattr(getattr(film.measure, side), key)


FILMS = Table(
    items=lambda result: result.films,
    columns=(
        Column("film", "film", value=lambda film: film.volume.name),
        Column("opacity_percent", "opacity", "%", value=lambda film: film.measure.opacity_percent),
        *(
            Column(f"{side}_{key}", f"{side} {title}", "%", value=_side(side, key))
            for side in ("right", "left")
            for key, title in (
                ("opacity_percent", "opacity"),
                ("consolidation_percent", "consolidation"),
            )
        ),
        Column("six_zone_score", "six-zone score", value=lambda film: film.score.total),
        Column("six_zone_low", "from", value=lambda film: film.score.low),
        Column("six_zone_high", "to", value=lambda film: film.score.high),
        Column("extent_score", "extent, of 8", value=lambda film: film.measure.extent),
        Column("opacity_score", "opacity, of 6", value=lambda film: film.measure.opacity),
        Column(
            "reader_score",
            "reader",
            value=lambda film: None if film.reader is None else sum(film.reader),
        ),
    ),
)


def _films_of_summary(summary: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each film of a summary, with the model and notes that hold for all."""
    for film in summary["images"]:
        yield film | {"model": summary["model"]["id"], "notes": " ".join(summary["notes"])}


# A line a film of a batch's results.csv, from a summary.
RESULTS = Table(
    items=_films_of_summary,
    columns=(
        Column("model", "model"),
        *(Column(column.key, column.title) for column in FILMS.columns),
        Column("notes", "notes"),
    ),
)
