"""A chest radiograph's result in the scene: lungs, opacities and zones as segments, and a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai.errors import InputError
from medai.inference.xray.result import GLASS_CLASS, SOLID_CLASS, Film, XrayResult
from medai.inference.xray.tables import ZONE_ROWS, ZONE_TITLES
from medai.measures.radiograph import ZONES
from medai.palette import CLASS_COLORS, WHITE, class_color
from medai.scene.annotation import segment_part
from medai.scene.color_maps import put_map
from medai.scene.result_nodes import ResultNodes
from medai.scene.segments import SegmentLook, put_labels, was_put
from medai.scene.tables import put_declared
from medai.scene.volumes import check_grid

_LUNGS = {
    1: SegmentLook("right lung", CLASS_COLORS["right lung"], fill=0),
    2: SegmentLook("left lung", CLASS_COLORS["left lung"], fill=0),
}
_OPACITIES = {
    1: SegmentLook(GLASS_CLASS, class_color(GLASS_CLASS)),
    2: SegmentLook(SOLID_CLASS, class_color(SOLID_CLASS)),
}
LUNG_NAMES = tuple(look.name for look in _LUNGS.values())
OPACITY_NAMES = tuple(look.name for look in _OPACITIES.values())
ZONE_NAMES = tuple(f"zone {z} ({where})" for z, where in zip(ZONES, ZONE_TITLES, strict=True))
_ZONES = {
    number: SegmentLook(name, WHITE, fill=0, outline=0.6)
    for number, name in enumerate(ZONE_NAMES, start=1)
}


@dataclass(frozen=True)
class FilmNodes:
    """The nodes that show one film; folder: the subject-hierarchy item that holds the rest."""

    segmentation: Any
    probability: Any
    zone_table: Any
    folder: int


def show_xray(result: XrayResult, node: Any) -> tuple[FilmNodes, ...]:
    """Show each film's lungs, opacities and zones beside its node; the map waits for ``show_map``.

    node: the film's volume node, or a sequence of them in the order of the result's films. Raises
    InputError for another number, GeometryError where a node no longer holds its film.
    """
    nodes = list(node) if isinstance(node, Sequence) else [node]
    if len(nodes) != len(result.films):
        raise InputError(
            f"{len(nodes)} volumes for a result of {len(result.films)} films, expected one each."
        )
    for film, source in zip(result.films, nodes, strict=True):
        check_grid(film.volume, source)
    return tuple(
        _show_film(result, film, source) for film, source in zip(result.films, nodes, strict=True)
    )


def _show_film(result: XrayResult, film: Film, source: Any) -> FilmNodes:
    nodes = ResultNodes(source, "xray", f"{source.GetName()} chest X-ray results")
    matrix = film.volume.ijk_to_ras
    is_new = nodes.find("segmentation") is None
    segmentation = nodes.node("segmentation", "vtkMRMLSegmentationNode", "chest X-ray", beside=True)
    if is_new:
        segmentation.SetReferenceImageGeometryParameterFromVolumeNode(source)
        segmentation.GetDisplayNode().SetSliceIntersectionThickness(2)
    put_labels(segmentation, film.zones, matrix, _ZONES)
    put_labels(segmentation, film.lungs, matrix, _LUNGS)
    put_labels(segmentation, film.opacities, matrix, _OPACITIES)
    table = put_declared(nodes, "zone table", "zone table", ZONE_ROWS, _of_one(result, film))
    return FilmNodes(
        segmentation=segmentation,
        probability=put_map(
            nodes, "opacity probability", "opacity probability (%)", film.probability, matrix
        ),
        zone_table=table,
        folder=nodes.folder,
    )


def _of_one(result: XrayResult, film: Film) -> XrayResult:
    return replace(result, films=(film,))


def drawn_film(node: Any, source: Any) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Lungs and opacities (1, y, x) as the user's segments hold them now.

    node: the film's segmentation; source: its volume node. A segment that was removed is empty;
    others than these four are passed over.
    """
    shape = tuple(reversed(source.GetImageData().GetDimensions()))
    found = []
    for names in (LUNG_NAMES, OPACITY_NAMES):
        labels = np.zeros(shape, np.uint8)
        for value, name in enumerate(names, start=1):
            if node.GetSegmentation().GetSegment(name) is not None:
                box, drawn = segment_part(node, name, source)
                labels[box][drawn] = value
        found.append(labels)
    return found[0], found[1]


def shows_film(node: Any, film: Film) -> bool:
    """Whether the segmentation node was filled with this film, and not with another since."""
    return was_put(node, LUNG_NAMES, film.lungs) and was_put(node, OPACITY_NAMES, film.opacities)
