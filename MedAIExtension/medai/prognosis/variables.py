"""What is known of a patient: each quantity's name, units, range and words, and how it is read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from medai.errors import InputError

Value = float | str | bool
YES, NO = ("yes", "y", "true", "1"), ("no", "n", "false", "0")


@dataclass(frozen=True)
class Quantity:
    """A number.

    unit: the one that scores use. units: what a file may say -> (factor, offset) into ``unit``.
    low, high: what a living person can have, in ``unit``. ambiguous: its numbers don't tell the
    unit, so a file must. whole: whether it counts something.
    probes: values that between them meet every row of every score's table.
    """

    name: str
    title: str
    unit: str
    low: float
    high: float
    probes: tuple[float, ...]
    units: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    ambiguous: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Choice:
    """One of several words; synonyms: what a file may say -> the word."""

    name: str
    title: str
    words: tuple[str, ...]
    synonyms: Mapping[str, str] = field(default_factory=dict)

    @property
    def probes(self) -> tuple[str, ...]:
        """Every word."""
        return self.words


@dataclass(frozen=True)
class YesNo:
    """Whether something is so."""

    name: str
    title: str
    probes: tuple[bool, ...] = (False, True)


Variable = Quantity | Choice | YesNo

# Molar masses: urea 60.06 g/mol, its two nitrogen atoms 28.01 g/mol.
_UREA_MG_DL, _NITROGEN_MG_DL = 10 / 60.06, 10 / 28.014

VARIABLES: Mapping[str, Variable] = MappingProxyType(
    {
        variable.name: variable
        for variable in (
            Quantity("age", "age", "years", 0, 120, (20, 55, 60, 65, 75, 85)),
            Choice("sex", "sex at birth", ("female", "male"), {"f": "female", "m": "male"}),
            Quantity(
                "comorbidities", "comorbidities of the 4C list", "", 0, 11, (0, 1, 2), whole=True
            ),
            Quantity(
                "respiratory_rate",
                "respiratory rate",
                "/min",
                3,
                80,
                (8, 10, 15, 20, 21, 22, 24, 25, 30, 31),
            ),
            Quantity(
                "spo2",
                "oxygen saturation",
                "%",
                40,
                100,
                (83, 84, 86, 88, 91, 92, 93, 94, 95, 96, 97),
            ),
            YesNo("oxygen", "oxygen given"),
            YesNo("hypercapnia", "hypercapnic respiratory failure (NEWS2 scale 2)"),
            Quantity("gcs", "Glasgow Coma Scale", "", 3, 15, (14, 15), whole=True),
            Choice(
                "consciousness",
                "consciousness (ACVPU)",
                ("alert", "confusion", "voice", "pain", "unresponsive"),
                {"a": "alert", "c": "confusion", "v": "voice", "p": "pain", "u": "unresponsive"},
            ),
            YesNo("confusion", "new confusion"),
            Quantity(
                "systolic",
                "systolic blood pressure",
                "mmHg",
                30,
                300,
                (80, 90, 95, 100, 105, 150, 220),
            ),
            Quantity("diastolic", "diastolic blood pressure", "mmHg", 10, 200, (60, 80)),
            Quantity("pulse", "pulse", "/min", 10, 300, (40, 45, 70, 100, 120, 131)),
            Quantity(
                "temperature",
                "temperature",
                "°C",
                25,
                45,
                (35.0, 36.0, 37.0, 38.5, 39.1),
                {"°c": (1, 0), "c": (1, 0), "°f": (5 / 9, -160 / 9), "f": (5 / 9, -160 / 9)},
                ambiguous=True,
            ),
            Quantity(
                "urea",
                "urea",
                "mmol/L",
                0.2,
                100,
                (6, 7, 10, 15),
                {"mmol/l": (1, 0), "mg/dl": (_UREA_MG_DL, 0)},
                ambiguous=True,
            ),
            Quantity(
                "crp",
                "C-reactive protein",
                "mg/L",
                0,
                1000,
                (10, 50, 100),
                {"mg/l": (1, 0), "mg/dl": (10, 0)},
                ambiguous=True,
            ),
            Quantity(
                "lymphocytes",
                "lymphocytes",
                "10⁹/L",
                0,
                200,
                (0.5, 1.5),
                {
                    "10⁹/l": (1, 0),
                    "10^9/l": (1, 0),
                    "10e9/l": (1, 0),
                    "g/l": (1, 0),
                    "/nl": (1, 0),
                    "10^3/µl": (1, 0),
                    "/µl": (0.001, 0),
                    "/ul": (0.001, 0),
                    "/mm3": (0.001, 0),
                },
                ambiguous=True,
            ),
            YesNo("bacterial_coinfection", "bacterial coinfection"),
            Choice(
                "smoking",
                "smoking",
                ("never", "former", "active"),
                {
                    "no": "never",
                    "ex": "former",
                    "quit": "former",
                    "current": "active",
                    "yes": "active",
                },
            ),
            YesNo("hypertension", "hypertension"),
            YesNo("multilobar", "multilobar infiltrates"),
        )
    }
)
# Another measure of a variable -> (the variable, its units into the variable's unit).
_OTHER_MEASURES: Mapping[str, tuple[str, Mapping[str, tuple[float, float]]]] = MappingProxyType(
    {"bun": ("urea", {"mg/dl": (_NITROGEN_MG_DL, 0), "mmol/l": (1, 0)})}
)
_HEADING = re.compile(r"\s*(?P<name>[^()\[\]]+?)\s*(?:[(\[]\s*(?P<unit>[^()\[\]]*?)\s*[)\]])?\s*")


def heading_parts(heading: str) -> tuple[str, str]:
    """Name and unit of a column's heading such as ``CRP (mg/dL)``; the unit "" where none is."""
    match = _HEADING.fullmatch(heading)
    if match is None:
        return heading.strip().lower(), ""
    return re.sub(r"[\s-]+", "_", match["name"].lower()), match["unit"] or ""


def is_known(name: str) -> bool:
    """Whether a name, as ``heading_parts`` gives it, is of a variable."""
    return name in VARIABLES or name in _OTHER_MEASURES


def read_value(name: str, text: str, unit: str, where: str) -> tuple[str, Value | None]:
    """The variable that ``name`` is a measure of, and what it is; None for an empty cell.

    where: of the file, for messages. Raises InputError for an unknown unit, a missing unit where
    numbers don't tell it, a value out of range, and a word that is none.
    """
    words = text.strip()
    variable_name, units = _OTHER_MEASURES.get(name, (name, None))
    variable = VARIABLES[variable_name]
    if not words or words.lower() in ("na", "n/a", "nan", "unknown"):
        return variable_name, None
    if isinstance(variable, Quantity):
        return variable_name, _number(variable, name, words, unit, where, units or variable.units)
    if unit:
        raise InputError(f"{where}: {name} has the unit {unit}, expected none.")
    if isinstance(variable, Choice):
        word = variable.synonyms.get(words.lower(), words.lower())
        if word not in variable.words:
            raise InputError(f"{where}: {name} is {words!r}, expected {', '.join(variable.words)}.")
        return variable_name, word
    if words.lower() not in YES + NO:
        raise InputError(f"{where}: {name} is {words!r}, expected yes or no.")
    return variable_name, words.lower() in YES


def shown(name: str, value: Value | None) -> str:
    """A value as a person reads it, with its unit."""
    variable = VARIABLES[name]
    if value is None:
        return "missing"
    if isinstance(variable, YesNo):
        return "yes" if value else "no"
    if isinstance(variable, Quantity):
        unit = variable.unit if variable.unit.startswith(("/", "%")) else f" {variable.unit}"
        return f"{value:.4g}{unit.rstrip()}"
    return str(value)


def _number(
    variable: Quantity,
    name: str,
    words: str,
    unit: str,
    where: str,
    units: Mapping[str, tuple[float, float]],
) -> float:
    try:
        number = float(words)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(f"{where}: {name} is {words!r}, expected a number.")
    said = f"{words} {unit}".strip()
    factor, offset = _into_unit(variable, name, unit, where, said, units)
    value = number * factor + offset
    if not variable.low <= value <= variable.high:
        raise InputError(
            f"{where}: {name} is {said}, expected {variable.low:g} to {variable.high:g}"
            f"{' ' if variable.unit else ''}{variable.unit}."
        )
    if variable.whole and not value.is_integer():
        raise InputError(f"{where}: {name} is {said}, expected a whole number.")
    return value


def _into_unit(
    variable: Quantity,
    name: str,
    unit: str,
    where: str,
    said: str,
    units: Mapping[str, tuple[float, float]],
) -> tuple[float, float]:
    plain = unit.lower().replace("μ", "µ").replace(" ", "")
    known = " or ".join(_known_units(variable, units))
    if not plain and variable.ambiguous:
        raise InputError(
            f"{where}: {name} has no unit, expected it in the column's name: {name} ({known})."
        )
    if not plain or plain == variable.unit.lower():
        return 1.0, 0.0
    if plain not in units:
        raise InputError(f"{where}: {name} is {said}, expected it in {known or 'no unit'}.")
    return units[plain]


def _known_units(variable: Quantity, units: Mapping[str, tuple[float, float]]) -> list[str]:
    """The units to offer, each way of counting once, as people write them."""
    once = {conversion: unit for unit, conversion in reversed(tuple(units.items()))}
    named = {unit: unit.replace("/l", "/L").replace("/dl", "/dL") for unit in once.values()}
    offered = [named[once[conversion]] for conversion in dict.fromkeys(units.values())]
    offered = [unit.replace("°c", "°C").replace("°f", "°F") for unit in offered]
    return offered or ([variable.unit] if variable.unit else [])
