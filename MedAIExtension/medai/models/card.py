"""What a model says about itself: ``card.toml``, read strictly."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from medai.errors import ModelCardError, ModelNotFoundError
from medai.models.fitness import UNKNOWN, contradictions, warning

CARD_FILE = "card.toml"
# Networks that can do a task, and the argument that gives the number of their outputs.
TASK_NETWORKS: Mapping[str, tuple[str, ...]] = {
    "lesions": ("lesion_mask_rcnn", "unet", "encoder_unet"),
    "covid": (
        "covid_mask_net",
        "ctnet10",
        "transfer_classifier",
        "unet_classifier",
        "lung_classifier",
    ),
    "cataract": ("unet",),
    "xray": ("radiograph_net",),
}
_WINDOWS = ("lung", "none")
_MODALITIES = ("CT", "OPT", "DX")
# A card is a page of text; a file far larger is something else.
_LARGEST_CARD_BYTES = 200_000
# Python's TOML reader needs memory by the square of the parts of a dotted key.
_MOST_DOTS = 1000


@dataclass(frozen=True)
class NetworkSection:
    """The function of ``medai.networks``, its arguments, and the findings its outputs stand for."""

    name: str
    arguments: dict[str, Any]
    classes: tuple[str, ...]


@dataclass(frozen=True)
class InputSection:
    """window: "lung" (of HU) or "none"; size: (rows, columns) in pixels; mean, std of grey/255.

    views: in which of the eight orientations (``inference.views``) a U-Net sees each slice; its
    answers are averaged, and each view costs one pass.
    """

    window: str
    size: tuple[int, ...]
    mean: float
    std: float
    views: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class WeightsSection:
    """The file beside the card, and its SHA-256.

    base: id of another model, whose weights file has the SHA-256 ``base_sha256``: what the
    network has and this file has not is taken from there (a COVID-CT-Mask-Net's lesion part).
    """

    file: str
    sha256: str
    base: str | None = None
    base_sha256: str | None = None


@dataclass(frozen=True)
class EnsembleSection:
    """Ids of the models whose probabilities are averaged."""

    members: tuple[str, ...]


@dataclass(frozen=True)
class LicenceSection:
    """Licences of code, training data and weights."""

    code: str
    data: str
    weights: str
    commercial_use: bool


@dataclass(frozen=True)
class TrainingSection:
    """What it was trained on; ``patients`` 0 when unknown or synthetic."""

    data: str
    patients: int
    slices: int
    cost: str


@dataclass(frozen=True)
class Performance:
    """One measured figure with its 95 % interval and the number of cases.

    other_origin: whether the cases come from elsewhere than everything the model was trained on.
    """

    measured_on: str
    measure: str
    value: float
    low: float
    high: float
    n: int
    other_origin: bool = False


@dataclass(frozen=True)
class TrustSection:
    """Whether a model looks at the organ; None where it was not measured.

    swap_shift: median change of the probability when everything outside the organ is exchanged
    with a case of the other class. explained_in_organ: share of explanations whose maximum lies in
    the organ.
    """

    swap_shift: float | None = None
    explained_in_organ: float | None = None


@dataclass(frozen=True)
class MaturitySection:
    """The four criteria of the review (S1) that a model's maturity is judged on."""

    peer_review: str
    dataset_size: str
    complexity: str
    clinical_use: str


@dataclass(frozen=True)
class UseSection:
    """What it is for, where it fails, and what it has never seen.

    unmeasured: of UNMEASURED, what no figure of the card holds for; a result says so where its
    study is such.
    """

    intended: str
    limits: str
    never_seen: str
    unmeasured: tuple[str, ...] = ()


# What a model may have no figures for.
WHOLE_STUDIES, SLICE_THICKNESS, CONTRAST = "whole studies", "slice thickness", "contrast"
UNMEASURED = (WHOLE_STUDIES, SLICE_THICKNESS, CONTRAST)

# Where a card's decision section names none.
USUAL_REGION_SCORE = 0.75
USUAL_VOXEL_PROBABILITY = 0.5


@dataclass(frozen=True)
class DecisionSection:
    """Thresholds and temperature measured for this model; None where the card names none.

    healthy_opacity_percent: the most that a lesion model marked in healthy lungs, in percent of
    lung volume; least_region_ml: smaller regions are left out, as noise. Both are measured by
    ``python -m training.healthy_lungs``. interval_probability: the 95 % interval of a burden runs
    from the voxels of at least 1 minus this probability to those of at least this; measured by
    ``python -m training.evaluate lesions`` on slices that the network had not seen.
    """

    score_threshold: float | None = None
    mask_threshold: float | None = None
    temperature: float | None = None
    threshold: float | None = None
    healthy_opacity_percent: float | None = None
    least_region_ml: float | None = None
    interval_probability: float | None = None

    @property
    def region_score(self) -> float:
        """Least score of a lesion region: ``score_threshold``, else the usual one (S2)."""
        return USUAL_REGION_SCORE if self.score_threshold is None else self.score_threshold

    @property
    def voxel_probability(self) -> float:
        """Least probability of a lesion voxel: ``mask_threshold``, else the usual one."""
        return USUAL_VOXEL_PROBABILITY if self.mask_threshold is None else self.mask_threshold


@dataclass(frozen=True)
class ModelCard:
    """A model's card: one section per table of ``card.toml``.

    Either ``network``, ``input`` and ``weights`` are there, or ``ensemble`` alone. part_of: id of
    the ensemble that this model exists for; menus offer the ensemble only. fitness: what it may be
    offered for, "research", "demonstration" or "withdrawn" (``models.fitness``); None, as for a
    model of the user's own, counts as a demonstration that nobody is warned of.
    """

    id: str
    name: str
    version: str
    task: str
    modality: str
    licence: LicenceSection
    training: TrainingSection
    performance: tuple[Performance, ...]
    maturity: MaturitySection
    use: UseSection
    recommended: bool = False
    fitness: str | None = None
    trust: TrustSection = field(default_factory=TrustSection)
    part_of: str | None = None
    decision: DecisionSection = field(default_factory=DecisionSection)
    network: NetworkSection | None = None
    input: InputSection | None = None
    weights: WeightsSection | None = None
    ensemble: EnsembleSection | None = None
    text: str = field(default="", repr=False)

    @property
    def summary(self) -> str:
        """One line for menus: what it was trained on and how it may be used."""
        use = "research only" if self.licence.commercial_use else "research only; non-commercial"
        return f"trained on {self.training.data}; {use}"

    @property
    def warning(self) -> str:
        """What every result of this model begins with; empty for a model fit for research."""
        return warning(self)


def read_card(path: Path) -> ModelCard:
    """Read ``card.toml``.

    Raises ModelNotFoundError when the file is missing, ModelCardError when it is not TOML or says
    something that is missing, unknown, of the wrong kind, or impossible.
    """
    path = Path(path)
    where = f"Card of {path.parent.name}" if path.name == CARD_FILE else f"Card {path.name}"
    try:
        if path.stat().st_size > _LARGEST_CARD_BYTES:
            raise ModelCardError(f"{where} is too large, expected under 200 kB of text.")
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ModelNotFoundError(f"{where}: {path.name} is missing.") from None
    except OSError as error:
        raise ModelNotFoundError(f"{where} can't be read: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise ModelCardError(f"{where} is not UTF-8 text.") from None
    if any(line.count(".") > _MOST_DOTS for line in text.splitlines()):
        raise ModelCardError(f"{where} has a line of over {_MOST_DOTS} dots, expected plain text.")
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ModelCardError(f"{where} is not TOML: {error}.") from None
    if "text" in tables:
        raise ModelCardError(f"{where}: unknown key text.")
    _require_keys(tables, where)
    card = _section(ModelCard, tables | {"text": text}, where)
    _check(card, where)
    return card


def _section(kind: type, table: object, where: str) -> Any:
    """Build the dataclass ``kind`` from a TOML table, every key checked."""
    if not isinstance(table, dict):
        raise ModelCardError(f"{where} is {table!r}, expected a table.")
    hints = get_type_hints(kind)
    values = {name: _value(hints[name], value, f"{where}: {name}") for name, value in table.items()}
    return kind(**values)


def _require_keys(tables: Mapping[str, object], where: str) -> None:
    """Name every unknown key, else every missing one, of a card and of the tables in it."""
    parts = list(_parts(ModelCard, tables))
    unknown = [
        within + key
        for kind, table, within in parts
        for key in table
        if key not in {entry.name for entry in fields(kind)}
    ]
    if unknown:
        keys = "key" if len(unknown) == 1 else "keys"
        raise ModelCardError(f"{where}: unknown {keys} {', '.join(unknown)}.")
    absent = [
        within + entry.name
        for kind, table, within in parts
        for entry in fields(kind)
        if entry.name not in table and entry.default is MISSING and entry.default_factory is MISSING
    ]
    if "ensemble" not in tables:
        absent += [name for name in ("network", "input", "weights") if name not in tables]
    if absent:
        verb = "is" if len(absent) == 1 else "are"
        raise ModelCardError(f"{where}: {', '.join(absent)} {verb} missing.")


def _parts(
    kind: Any, table: Mapping[str, object], within: str = ""
) -> Iterator[tuple[Any, Mapping[str, object], str]]:
    """A table of a card and those in it, each with its class and what its keys begin with."""
    yield kind, table, within
    hints = get_type_hints(kind)
    for name, value in table.items():
        hint = hints.get(name)
        if hint == tuple[Performance, ...] and isinstance(value, list):
            for number, row in enumerate(value, 1):
                if isinstance(row, dict):
                    yield Performance, row, f"{within}{name} {number}: "
        elif _is_section(hint) and isinstance(value, dict):
            yield from _parts(_kind(hint), value, f"{within}{name}.")


def _kind(hint: Any) -> Any:
    """The section that may be left out, for a hint that allows None; else the hint."""
    sections = {
        NetworkSection | None: NetworkSection,
        InputSection | None: InputSection,
        WeightsSection | None: WeightsSection,
        EnsembleSection | None: EnsembleSection,
    }
    return sections.get(hint, hint)


def _is_section(hint: Any) -> bool:
    kind = _kind(hint)
    return isinstance(kind, type) and kind.__module__ == __name__


def _value(hint: Any, value: object, where: str) -> Any:
    kind = _kind(hint)
    if _is_section(hint):
        return _section(kind, value, where)
    if kind == tuple[Performance, ...]:
        rows = _expect(value, list, where, "one or more tables")
        return tuple(_section(Performance, row, f"{where} {i}") for i, row in enumerate(rows, 1))
    if kind == tuple[str, ...]:
        items = _expect(value, list, where, "a list of texts")
        return tuple(_expect(item, str, where, "texts") for item in items)
    if kind == tuple[int, ...]:
        items = _expect(value, list, where, "a list of whole numbers")
        return tuple(_expect(item, int, where, "whole numbers") for item in items)
    if kind in (float, float | None):
        number = float(_expect(value, (int, float), where, "a number"))
        if not abs(number) < float("inf"):
            raise ModelCardError(f"{where} is {number}, expected a finite number.")
        return number
    if kind in (str, str | None, int, bool):
        kind = str if kind == str | None else kind
        words = {str: "a text", int: "a whole number", bool: "true or false"}
        return _expect(value, kind, where, words[kind])
    return _expect(value, dict, where, "a table")


def _expect(value: object, kind: type | tuple[type, ...], where: str, expected: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ModelCardError(f"{where} is {value!r}, expected {expected}.")
    if isinstance(value, str) and not value.strip():
        raise ModelCardError(f"{where} is empty, expected {expected}.")
    return value


def _check(card: ModelCard, where: str) -> None:
    """What the types alone don't say."""

    def require(condition: bool, message: str) -> None:
        if not condition:
            raise ModelCardError(f"{where}: {message}.")

    require(
        re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", card.id) is not None,
        f"id is {card.id!r}, expected up to 64 lower-case letters, digits and hyphens",
    )
    require(card.task in TASK_NETWORKS, f"task is {card.task!r}, expected {_list(TASK_NETWORKS)}")
    require(
        card.modality in _MODALITIES,
        f"modality is {card.modality!r}, expected {_list(_MODALITIES)}",
    )
    judged = card.fitness != UNKNOWN
    require(
        bool(card.performance) or not judged,
        "performance is empty, expected at least one measured figure",
    )
    for row in card.performance:
        require(
            row.low <= row.value <= row.high,
            f"{row.measure} {row.value} lies outside its interval {row.low} to {row.high}",
        )
        require(row.n > 0, f"{row.measure} has n = {row.n}, expected at least 1")
    require(
        card.training.patients >= 0, f"patients is {card.training.patients}, expected 0 or more"
    )
    for message in contradictions(card):
        require(False, message)
    require(
        card.training.slices >= judged,
        f"slices is {card.training.slices}, expected at least {int(judged)}",
    )
    for condition in card.use.unmeasured:
        require(
            condition in UNMEASURED,
            f"unmeasured names {condition!r}, expected some of {_list(UNMEASURED)}",
        )
    _check_decision(card.decision, require)
    _check_trust(card.trust, require)
    single = (card.network, card.input, card.weights)
    if card.ensemble is not None:
        require(single == (None, None, None), "an ensemble has no network, input or weights")
        members = card.ensemble.members
        require(len(members) >= 2, "an ensemble needs at least two members")
        require(len(set(members)) == len(members), "an ensemble lists a member twice")
        require(card.id not in members, "an ensemble can't be its own member")
        return
    _check_single(card, require)


def _check_decision(decision: DecisionSection, require: Any) -> None:
    for name in ("score_threshold", "mask_threshold", "threshold"):
        value = getattr(decision, name)
        require(value is None or 0 <= value <= 1, f"{name} is {value}, expected 0 to 1")
    percent, least_ml = decision.healthy_opacity_percent, decision.least_region_ml
    require(
        percent is None or 0 <= percent <= 100,
        f"healthy_opacity_percent is {percent}, expected 0 to 100",
    )
    require(
        least_ml is None or 0 <= least_ml <= 100,
        f"least_region_ml is {least_ml}, expected 0 to 100",
    )
    bound = decision.interval_probability
    require(
        bound is None
        or 0 < bound <= min(decision.voxel_probability, 1 - decision.voxel_probability),
        f"interval_probability is {bound}, expected above 0, outside mask_threshold",
    )
    temperature = decision.temperature
    require(
        temperature is None or 0.01 <= temperature <= 100,
        f"temperature is {temperature}, expected 0.01 to 100",
    )


def _check_trust(trust: TrustSection, require: Any) -> None:
    for name in ("swap_shift", "explained_in_organ"):
        value = getattr(trust, name)
        require(value is None or 0 <= value <= 1, f"{name} is {value}, expected 0 to 1")


def _check_single(card: ModelCard, require: Any) -> None:
    assert card.network is not None and card.input is not None and card.weights is not None
    network, entry, weights = card.network, card.input, card.weights
    names = TASK_NETWORKS[card.task]
    require(network.name in names, f"network is {network.name!r}, expected {_list(names)}")
    outputs = {
        "unet": network.arguments.get("classes", 3),
        "encoder_unet": network.arguments.get("classes", 3),
        "radiograph_net": 4,
        "lesion_mask_rcnn": network.arguments.get("lesion_classes", 1),
        "covid_mask_net": network.arguments.get("classes", 3),
        "ctnet10": 1,
        "transfer_classifier": network.arguments.get("outputs", 1),
        "unet_classifier": network.arguments.get("outputs", 1),
        "lung_classifier": network.arguments.get("outputs", 1),
    }[network.name]
    voxelwise = network.name in ("unet", "encoder_unet", "radiograph_net")
    expected = len(network.classes) + voxelwise
    require(
        outputs == expected and bool(network.classes),
        f"{len(network.classes)} classes for a network of {outputs} outputs",
    )
    require(len(set(network.classes)) == len(network.classes), "a class is listed twice in network")
    require(entry.window in _WINDOWS, f"window is {entry.window!r}, expected {_list(_WINDOWS)}")
    require(
        len(entry.size) == 2 and all(32 <= n <= 2048 for n in entry.size),
        f"size is {list(entry.size)}, expected [rows, columns] of 32 to 2048",
    )
    require(
        bool(entry.views)
        and len(set(entry.views)) == len(entry.views)
        and all(0 <= view < 8 for view in entry.views),
        f"views is {list(entry.views)}, expected different numbers of 0 to 7",
    )
    require(
        entry.views == (0,) or (card.task == "lesions" and voxelwise),
        "views are a lesion U-Net's",
    )
    require(entry.std > 0, f"std is {entry.std}, expected more than 0")
    require(0 <= entry.mean <= 1, f"mean is {entry.mean}, expected 0 to 1")
    require(
        re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", weights.file) is not None
        and weights.file != CARD_FILE,
        f"weights file is {weights.file!r}, expected a plain file name",
    )
    require(
        (weights.base is None) == (weights.base_sha256 is None),
        "base and base_sha256 belong together",
    )
    for name in ("sha256", "base_sha256"):
        digest = getattr(weights, name)
        require(
            digest is None or re.fullmatch(r"[0-9a-f]{64}", digest) is not None,
            f"{name} is not 64 lower-case hexadecimal digits",
        )
    require(weights.base != card.id, "a model can't be its own base")


def _list(words: Any) -> str:
    return " or ".join(words)
