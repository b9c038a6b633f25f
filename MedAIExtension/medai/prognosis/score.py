"""A score of parts: its table, its total, and from where to where it may lie when parts miss."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from medai.prognosis.variables import VARIABLES, Value, shown

Values = Mapping[str, Value]
# Points, or from where to where they may lie.
Points = int | tuple[int, int]


@dataclass(frozen=True)
class Part:
    """One row group of a score's published table.

    needs: the variables that it takes. points: (their values) -> points; a pair where even the
    known values leave them open.
    """

    title: str
    needs: tuple[str, ...]
    points: Callable[[Values], Points]


@dataclass(frozen=True)
class RiskClass:
    """What a total from ``least`` on means, in the source's words and figures."""

    least: int
    name: str
    outcome: str = ""


@dataclass(frozen=True)
class Score:
    """A published score.

    key: its name in files. maximum: the most that one patient can reach. youngest: age in years
    from which on it holds. classes: from the lowest on. source: the publication. validity: whom it
    was made for and what it predicts. assumed: what a missing variable counts as, by the score's
    own rules.
    """

    key: str
    title: str
    parts: tuple[Part, ...]
    maximum: int
    youngest: int
    classes: tuple[RiskClass, ...]
    source: str
    validity: str
    assumed: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class PartResult:
    """What one part gave: points from ``low`` to ``high`` (equal where they are known).

    used: the values as text. missing: titles of the variables that are not known.
    """

    title: str
    used: str
    low: int
    high: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoreResult:
    """A score of one patient.

    low, high: of the total, equal where nothing misses; None where the score does not hold.
    risk: the class, or both classes that it may be of. reason: why it does not hold.
    """

    score: Score
    parts: tuple[PartResult, ...]
    low: int | None
    high: int | None
    risk: str
    reason: str = ""

    @property
    def missing(self) -> tuple[str, ...]:
        """Titles of the variables that would have been needed."""
        return tuple(dict.fromkeys(name for part in self.parts for name in part.missing))

    @property
    def total(self) -> str:
        """ "9", or "7 to 12"; "not computed" where the score does not hold."""
        if self.low is None:
            return "not computed"
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


def compute(score: Score, values: Values) -> ScoreResult:
    """The score of a patient.

    values: what is known, by variable. A part that needs a variable that is missing lies between
    the least and the most that any value of it gives; where parts share missing variables, the
    total's range is that of the values together.
    """
    known = dict(score.assumed) | dict(values)
    age = known.get("age")
    if age is not None and float(age) < score.youngest:
        reason = f"made for {score.youngest} years and more, this patient is {float(age):g}"
        return ScoreResult(score, (), None, None, "", reason)
    parts = tuple(_part_result(part, known) for part in score.parts)
    low, high = (
        sum(_extreme(group, known, which) for group in _groups(score.parts, known))
        for which in (min, max)
    )
    return ScoreResult(score, parts, low, high, _risk(score, low, high))


def _part_result(part: Part, known: Values) -> PartResult:
    missing = tuple(VARIABLES[name].title for name in part.needs if name not in known)
    alone = len(part.needs) == 1
    used = ", ".join(
        shown(name, known[name]) if alone else _named(name, known[name])
        for name in part.needs
        if name in known
    )
    low, high = (_extreme((part,), known, which) for which in (min, max))
    # What can't change the points is not missed.
    return PartResult(part.title, used, low, high, missing if low != high else ())


def _named(name: str, value: Value) -> str:
    """A value beside others: what is no number with its name before it."""
    words = shown(name, value)
    return f"{VARIABLES[name].title}: {words}" if isinstance(value, bool | str) else words


def _groups(parts: Sequence[Part], known: Values) -> list[tuple[Part, ...]]:
    """Parts that share a missing variable, together."""
    groups: list[tuple[set[str], list[Part]]] = []
    for part in parts:
        open_names = {name for name in part.needs if name not in known}
        joined = [group for group in groups if group[0] & open_names]
        for group in joined:
            groups.remove(group)
            open_names |= group[0]
        groups.append((open_names, [each for group in joined for each in group[1]] + [part]))
    return [tuple(members) for _, members in groups]


def _extreme(parts: Sequence[Part], known: Values, which: Callable[[list[int]], int]) -> int:
    missing = sorted({name for part in parts for name in part.needs if name not in known})
    totals = []
    probes: list[tuple[Value, ...]] = [VARIABLES[name].probes for name in missing]
    for guess in itertools.product(*probes):
        values: dict[str, Value] = {**known, **dict(zip(missing, guess, strict=True))}
        found = [part.points(values) for part in parts]
        totals.append(sum(p if isinstance(p, int) else which(list(p)) for p in found))
    return which(totals)


def _risk(score: Score, low: int, high: int) -> str:
    lowest, highest = (_class_of(score, total) for total in (low, high))
    if lowest is highest:
        return f"{lowest.name}: {lowest.outcome}" if lowest.outcome else lowest.name
    return f"{lowest.name} to {highest.name}"


def _class_of(score: Score, total: int) -> RiskClass:
    return [each for each in score.classes if total >= each.least][-1]
