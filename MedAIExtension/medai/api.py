"""The tasks as Python functions, with results that show themselves in a notebook.

>>> import medai
>>> hasattr(medai.Analysis, "_repr_html_")
True
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medai.cancellation import never_cancelled
from medai.errors import InputError
from medai.progress import ProgressCallback, ignore_progress
from medai.reports.page import Page
from medai.reports.write import write
from medai.tasks import Task, part, task_named, with_models

if TYPE_CHECKING:
    from medai.images import Volume
    from medai.images.oct_scans import EyeScans
    from medai.inference.cataract.result import CataractOptions
    from medai.inference.covid.assessment import CovidChoices
    from medai.inference.lesions.result import LesionOptions
    from medai.models import Model

# Task -> the table of what was found.
_ROWS = {
    "lesions": "medai.inference.lesions.tables:LESIONS",
    "measure": "medai.inference.lesions.tables:LESIONS",
    "cataract": "medai.inference.cataract.tables:SCANS",
}
_PICTURES_SHOWN = 3


@dataclass(frozen=True, eq=False)
class Analysis:
    """A result of any task: ``result`` is the typed one, with all arrays.

    A notebook shows the sentence, notes, pictures and table by itself.
    """

    task: str
    result: Any

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        return str(self.result.sentence)

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about this result."""
        return tuple(self.result.notes)

    def to_dict(self) -> dict[str, Any]:
        """The summary as plain data, units in its names."""
        summary: dict[str, Any] = part(self._task.summary)(self.result)
        return summary

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A plain row a finding, for ``pandas.DataFrame(analysis.rows)``.

        Lesions, slices, scans; for agreement its one row of numbers.
        """
        if self.task in _ROWS:
            records: list[dict[str, Any]] = part(_ROWS[self.task]).records(self.result)
            return records
        if self.task == "covid":
            from medai.reports.covid import slice_columns, slice_rows

            answer = self.result.classification
            names = slice_columns(answer)
            return [dict(zip(names, row, strict=True)) for row in slice_rows(answer)]
        found: list[dict[str, Any]] = part(self._task.results).records(self.to_dict())
        return found

    def save(self, folder: Path | str, *, overwrite: bool = False) -> Path:
        """Write the files that the command line writes into a new folder, and return it.

        Raises OutputError when the folder holds files already, unless ``overwrite``.
        """
        return write(self.result, Path(folder), overwrite=overwrite)

    def _repr_html_(self) -> str:
        page = Page(self._task.title, self.sentence)
        for note in self.notes:
            page.note(note)
        page.pictures(self._pictures())
        rows = self.rows
        if rows:
            page.table(tuple(rows[0]), [tuple(row.values()) for row in rows])
        return page.html()

    @property
    def _task(self) -> Task:
        return task_named(self.task)

    def _pictures(self) -> list[tuple[bytes, str]]:
        if self.task in ("lesions", "measure"):
            from medai.reports.lesions import key_slices

            return key_slices(self.result)[0][:_PICTURES_SHOWN]
        if self.task == "covid":
            from medai.reports.covid import explained_pictures

            return explained_pictures(self.result.classification, _PICTURES_SHOWN)
        if self.task == "cataract":
            from medai.reports.cataract import overlay_picture

            return [overlay_picture(eye, 0) for eye in self.result.eyes[:_PICTURES_SHOWN]]
        return []


def segment(
    study: Path | str | Volume,
    *,
    model: Model | str | None = None,
    options: LesionOptions | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Analysis:
    """Lesions, lungs and burden of a chest CT.

    study: a DICOM folder, a volume file, or a ``medai.images.Volume`` in HU. model: an id or a
    loaded model; None: the recommended one. Raises as ``medai.inference.segment_lesions``.
    """
    from medai.images import Volume, read_volume

    volume = study if isinstance(study, Volume) else read_volume(Path(study))
    return _run("lesions", volume, model, options, progress)


def measure(
    study: Path | str | Volume,
    lesions: Path | str,
    *,
    lungs: Path | str | Volume | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Analysis:
    """Burden of lesions that a hand or another tool outlined; no network is needed.

    study: as for ``segment``. lesions: a ``.seg.nrrd``, or a label map. lungs: a mask on the
    study's grid; None: those drawn with the lesions, else they are found. Raises as
    ``medai.inference.lesions.given_masks.measure_given``.
    """
    from medai.images import Volume, read_volume
    from medai.inference.lesions.given_masks import MeasureOptions

    volume = study if isinstance(study, Volume) else read_volume(Path(study))
    mask = read_volume(Path(lungs)) if isinstance(lungs, str | Path) else lungs
    return _run("measure", volume, None, MeasureOptions(Path(lesions), mask), progress)


def classify(
    study: Path | str | Volume | Sequence[Volume],
    *,
    model: Model | str | None = None,
    options: CovidChoices | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Analysis:
    """How likely COVID-19 is, and where the network looked.

    study: a CT (path or Volume in HU), a picture, a folder of one patient's pictures, or pictures.
    options: severity and an earlier study are asked for there. Raises as
    ``medai.inference.covid.assess.assess_covid``.
    """
    from medai.inference.covid.assessment import CovidChoices
    from medai.inference.covid.study import read_covid_study

    read = read_covid_study(Path(study)) if isinstance(study, str | Path) else study
    return _run("covid", read, model, options or CovidChoices(), progress)


def cataract(
    scans: Path | str | Sequence[Path | str] | Volume | EyeScans | Sequence[EyeScans],
    *,
    model: Model | str | None = None,
    options: CataractOptions | None = None,
    progress: ProgressCallback = ignore_progress,
) -> Analysis:
    """Where and how much of the lens is opaque, eye by eye.

    scans: files or folders of anterior-segment OCT, or what they were read as. Raises as
    ``medai.images.oct_scans.read_eyes`` and ``medai.inference.cataract.mapping.map_cataract``.
    """
    from medai.images.oct_scans import read_eyes

    read: Any = scans
    if isinstance(scans, str | Path):
        read = read_eyes([Path(scans)])
    elif isinstance(scans, Sequence) and scans and isinstance(scans[0], str | Path):
        read = read_eyes([Path(str(path)) for path in scans])
    return _run("cataract", read, model, options, progress)


def agree(folder: Path | str, *, label: str | None = None) -> Analysis:
    """How well raters agree on what they outlined.

    folder: holds ``image/rater.png`` or other masks, as for ``medai agree``. label: the outlined
    structure's name, where files hold several. Raises InputError and its kinds.
    """
    path = Path(folder)
    if not path.is_dir():
        raise InputError(f"{path} is no folder, expected one with image/rater.png.")
    task = task_named("agreement")
    cells = {} if label is None else {"label": label}
    study, options = part(task.read)(path, cells, path.name, "cpu")
    return _run("agreement", study, None, options, ignore_progress)


def _run(
    name: str, study: Any, model: Model | str | None, options: Any, progress: ProgressCallback
) -> Analysis:
    from medai.models import ModelStore

    task = task_named(name)
    loaded = model
    if task.needs_model and (model is None or isinstance(model, str)):
        store = ModelStore()
        loaded = store.load(model, task=name)
        if options is not None:
            options = with_models(task, options, lambda own, kind: store.load(own, task=kind))
    return Analysis(name, part(task.run)(study, loaded, options, progress, never_cancelled))
