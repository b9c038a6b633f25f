"""The tables of an analysis of scores, declared once for CSV files, pages and panel."""

from __future__ import annotations

from medai.tables import Column, Place, Table, translatable

_FILE_ONLY: frozenset[Place] = frozenset({"csv"})
# A panel is narrow.
_WIDE: frozenset[Place] = frozenset({"csv", "page"})
_SHOWN: frozenset[Place] = frozenset({"csv", "page", "panel"})


def _text(key: str, meaning: str = "", title: str = "") -> Column:
    return Column(key, translatable(title or key), meaning=meaning, places=_SHOWN)


def _number(
    key: str,
    title: str,
    meaning: str = "",
    *,
    places: frozenset[Place] = _SHOWN,
    panel: str = "",
) -> Column:
    """panel: its name there, where that is shorter."""
    return Column(
        key,
        translatable(title),
        format=".3f" if not panel else ".2f",
        meaning=meaning,
        places=places,
        headings={"panel": translatable(panel)} if panel else {},
    )


def _count(key: str, meaning: str = "", places: frozenset[Place] = _SHOWN) -> Column:
    return Column(key, translatable(key), format="d", meaning=meaning, places=places)


_ITEM = _text("item", translatable("What was scored; all: every item together."))
_UNITS = _count("units", translatable("Images and items with two scores or more."), _WIDE)

COEFFICIENTS = Table(
    items=lambda result: result.coefficient_rows,
    columns=(
        _ITEM,
        _text("coefficient", translatable("Agreement beyond chance: 1 full, 0 chance."), "measure"),
        _text("weights", translatable("How much of an agreement near categories count as.")),
        _number("value", "value"),
        _number("se", "SE", translatable("Standard error, jackknifed over images."), places=_WIDE),
        _number("low", "95 % from", translatable("Lower end of the 95 % interval."), panel="from"),
        _number("high", "to", translatable("Upper end of the 95 % interval.")),
        _UNITS,
        _count("raters", places=_WIDE),
    ),
)
ICCS = Table(
    items=lambda result: result.icc_rows,
    columns=(
        _ITEM,
        _text("kind", translatable("ICC2: absolute agreement; ICC3: consistency; k: of the mean.")),
        _number("icc", "ICC", translatable("Below 0.5 poor, above 0.9 excellent.")),
        _number("low", "95 % from", translatable("Lower end of the 95 % interval."), panel="from"),
        _number("high", "to", translatable("Upper end of the 95 % interval.")),
        _UNITS,
    ),
)
LIMITS = Table(
    items=lambda result: result.limits_rows,
    columns=(
        _ITEM,
        _text("first"),
        _text("second"),
        _UNITS,
        _number(
            "difference", "mean difference", translatable("Second rater minus first."), panel="mean"
        ),
        _number("difference_low", "mean difference from", places=_FILE_ONLY),
        _number("difference_high", "mean difference to", places=_FILE_ONLY),
        _number("sd", "SD", translatable("Standard deviation of the differences."), places=_WIDE),
        _number("lower_limit", "lower limit", translatable("Mean − 1.96 SD."), panel="from"),
        _number("lower_limit_low", "lower limit from", places=_FILE_ONLY),
        _number("lower_limit_high", "lower limit to", places=_FILE_ONLY),
        _number("upper_limit", "upper limit", translatable("Mean + 1.96 SD."), panel="to"),
        _number("upper_limit_low", "upper limit from", places=_FILE_ONLY),
        _number("upper_limit_high", "upper limit to", places=_FILE_ONLY),
        _number(
            "sem",
            "SEM",
            translatable("Standard error of measurement, over all raters."),
            panel="SEM",
        ),
        _number(
            "minimal_detectable_change",
            "MDC",
            translatable("Minimal detectable change: what two scores must differ by."),
            panel="MDC",
        ),
    ),
)
REPEATS = Table(
    items=lambda result: result.repeat_rows,
    columns=(_text("rater"), _count("units"), _number("alpha", "alpha")),
)
