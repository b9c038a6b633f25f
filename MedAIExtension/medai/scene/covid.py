"""A COVID assessment in the scene: explanation overlay, tables, plots, and the lesions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from medai import host
from medai.errors import InputError
from medai.images import on_axial_grid, to_axial
from medai.inference.covid.assessment import CovidAssessment
from medai.inference.covid.tables import SEVERITY, SLICES
from medai.measures.follow_up import FollowUp, lung_box_transform
from medai.palette import VERMILLION
from medai.scene.color_maps import put_map_in_steps
from medai.scene.lesions import LesionNodes, lesions_in_steps
from medai.scene.result_nodes import ResultNodes
from medai.scene.steps import Steps
from medai.scene.tables import put_chart, put_declared, put_table
from medai.scene.volumes import check_grid


@dataclass(frozen=True)
class CovidNodes:
    """The nodes that show one CovidAssessment; None where there is nothing of the kind.

    folder: the subject-hierarchy item that holds all of them but the lesions' segmentation.
    """

    explanation: Any
    slice_table: Any
    slice_plot: Any
    folder: int
    severity_table: Any | None = None
    change_table: Any | None = None
    change_plot: Any | None = None
    lesions: LesionNodes | None = None


def covid_in_steps(result: CovidAssessment, node: Any) -> Steps[CovidNodes]:
    """Show an assessment beside the volume ``node``; the overlay waits for ``show_map``.

    Raises GeometryError when ``node`` no longer holds the assessed volume.
    """
    answer = result.classification
    check_grid(answer.volume, node)
    nodes = ResultNodes(node, "covid", f"{node.GetName()} COVID results")
    table = put_declared(nodes, "slice table", "slice table", SLICES, answer)
    change_table = None if result.change is None else _change_table(result.change, nodes)
    explanation = yield from put_map_in_steps(
        nodes,
        "explanation",
        f"{answer.explanation_kind} (%)",
        answer.explanation[0],
        answer.volume.ijk_to_ras,
    )
    severity_table = None
    if result.severity is not None:
        severity_table = put_declared(
            nodes, "severity table", "severity table", SEVERITY, result.severity
        )
    lesions = None
    if result.lesions is not None:
        lesions = yield from lesions_in_steps(result.lesions, node)
    return CovidNodes(
        explanation=explanation,
        slice_table=table,
        slice_plot=put_chart(
            nodes,
            "slice plot",
            "probability of COVID-19 by slice",
            table,
            kind="scatter",
            x="slice",
            y="probability of COVID-19",
            color=VERMILLION,
        ),
        folder=nodes.folder,
        severity_table=severity_table,
        change_table=change_table,
        change_plot=None if change_table is None else _change_plot(nodes, change_table),
        lesions=lesions,
    )


def slice_center_ras(result: CovidAssessment, index: int) -> tuple[float, float, float]:
    """RAS in mm of the middle of the axial slice with this canonical index."""
    axial = to_axial(result.volume)
    _, rows, columns = axial.grid_shape
    r, a, s = axial.ras_of(np.array([index, (rows - 1) / 2, (columns - 1) / 2]))
    return float(r), float(a), float(s)


def _change_table(change: FollowUp, nodes: ResultNodes) -> Any:
    return put_table(
        nodes,
        "change table",
        "change table",
        [
            ("study", ["earlier", "later"]),
            ("number", np.array([0, 1], np.int32)),
            (
                "opacity (%)",
                np.array([change.earlier.opacity_percent, change.later.opacity_percent]),
            ),
            (
                "lesion (mL)",
                np.array([change.earlier_lesion_volume_ml, change.later_lesion_volume_ml]),
            ),
        ],
    )


def _change_plot(nodes: ResultNodes, table: Any) -> Any:
    return put_chart(
        nodes,
        "change plot",
        "opacity on the two dates",
        table,
        kind="bar",
        x="study",
        y="opacity (%)",
        color=VERMILLION,
    )


def align_prior(result: CovidAssessment, prior_node: Any) -> Any:
    """Lay the earlier study's lung box onto the later one's by a linear transform; returns it.

    Only how the earlier study is shown changes, not its voxels. Raises InputError when no earlier
    study was compared.
    """
    earlier, later = result.prior_lesions, result.lesions
    if earlier is None or later is None:
        raise InputError("No earlier study was compared: nothing to lay side by side.")
    to_earlier = lung_box_transform(
        to_axial(earlier.volume),
        on_axial_grid(earlier.volume, earlier.lungs),
        to_axial(later.volume),
        on_axial_grid(later.volume, later.lungs),
    )
    nodes = ResultNodes(prior_node, "covid", f"{prior_node.GetName()} COVID results")
    transform = nodes.node("alignment", "vtkMRMLLinearTransformNode", "laid onto the later study")
    slicer = host.start()
    matrix = slicer.util.vtkMatrixFromArray(np.linalg.inv(to_earlier))
    transform.SetMatrixTransformToParent(matrix)
    prior_node.SetAndObserveTransformNodeID(transform.GetID())
    return transform
