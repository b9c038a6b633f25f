"""The crop box on the scan that a view shows: it follows the scan, and the user's hand moves it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np

from medai import host
from medai.errors import InputError, MedAIError
from medai.images.crop_box import CropBox, centered_crop
from medai.images.oct_scans import grey_scans
from medai.inference.cataract.lens_crop import propose_crop
from medai.palette import CLASS_COLORS
from medai.scene.oct_scans import place_crop, placed_crops
from medai.scene.presence import display_of, is_present
from medai.scene.volumes import volume_from_node, world_matrix


class CropEditor:
    """A ROI node over one eye's scans (a volume node) in one slice view.

    Scrolling shows each scan's own box: the placed one, else the one proposed around its lens,
    else the picture's middle. Moving a handle places the box for that scan. ``close`` takes the
    ROI and all observers away.
    """

    def __init__(self, scans_node: Any, slice_node: Any) -> None:
        self.node, self._slice_node = scans_node, slice_node
        slicer = host.start()
        self.roi = slicer.mrmlScene.AddNewNodeByClass(
            "vtkMRMLMarkupsROINode", f"{scans_node.GetName()} crop"
        )
        self.roi.SetSaveWithScene(False)
        self.roi.CreateDefaultDisplayNodes()
        display = self.roi.GetDisplayNode()
        display.SetSelectedColor(*CLASS_COLORS["region of interest"])
        display.SetColor(*CLASS_COLORS["region of interest"])
        display.SetFillVisibility(False)
        display.SetPropertiesLabelVisibility(False)
        display.SetVisibility3D(False)
        display.SetHandlesInteractive(True)
        display.SetRotationHandleVisibility(False)
        display.SetViewNodeIDs([slice_node.GetID()])
        self._proposed = _proposals(scans_node)
        self._scan = -1
        self._moving = False
        import vtk

        event = vtk.vtkCommand.ModifiedEvent
        self._tags = [
            (slice_node, slice_node.AddObserver(event, self._on_view)),
            (self.roi, self.roi.AddObserver(event, self._on_roi)),
        ]
        self._follow()

    @property
    def scan(self) -> int:
        """The scan that the view shows, from 0."""
        slice_to_ras = self._slice_node.GetSliceToRAS()
        ras = [slice_to_ras.GetElement(row, 3) for row in range(3)]
        depth = (np.linalg.inv(world_matrix(self.node)) @ [*ras, 1.0])[2]
        return int(np.clip(round(depth), 0, len(self._proposed) - 1))

    def set_visible(self, visible: bool) -> None:
        """Show or hide the box, unless the user has deleted it."""
        if is_present(self.roi):
            display_of(self.roi).SetVisibility(visible)

    def propose(self) -> None:
        """Take the placed box off the scan that is shown, back to the one around its lens."""
        if not is_present(self.roi):
            raise InputError("The crop box was deleted: choose the scans again to get a new one.")
        place_crop(self.node, self.scan, None)
        self._show()

    def close(self) -> None:
        """Take the box and all observers away."""
        for node, tag in self._tags:
            node.RemoveObserver(tag)
        self._tags = []
        if self.roi.GetScene() is not None:
            self.roi.GetScene().RemoveNode(self.roi)

    def box(self, scan: int) -> CropBox:
        """The box in force on a scan."""
        return placed_crops(self.node, len(self._proposed))[scan] or self._proposed[scan]

    def _on_view(self, *args: Any) -> None:
        if self.scan != self._scan:
            self._follow()

    def _on_roi(self, *args: Any) -> None:
        if self._moving:
            return
        box = box_of_roi(self.node, self.roi)
        if box == self.box(self._scan):
            return
        with suppress(InputError):
            columns, rows, _ = self.node.GetImageData().GetDimensions()
            place_crop(self.node, self._scan, box.checked((rows, columns), "crop"))

    def _follow(self) -> None:
        self._scan = self.scan
        self._show()

    def _show(self) -> None:
        self._moving = True
        put_box_in_roi(self.node, self.box(self._scan), self._scan, self.roi)
        self._moving = False


def put_box_in_roi(node: Any, box: CropBox, scan: int, roi: Any) -> None:
    """Move a ROI node around ``box`` on one scan of a volume node, as thick as the scan."""
    matrix = world_matrix(node)
    middle = [(box.left + box.right) / 2 - 0.5, (box.top + box.bottom) / 2 - 0.5, scan, 1.0]
    steps = np.linalg.norm(matrix[:3, :3], axis=0)
    axes = np.eye(4)
    axes[:3, :3] = matrix[:3, :3] / steps
    axes[:3, 3] = (matrix @ middle)[:3]
    modified = roi.StartModify()
    roi.SetAndObserveObjectToNodeMatrix(host.start().util.vtkMatrixFromArray(axes))
    roi.SetSize(*(steps * (box.width, box.height, 0.9)))
    roi.EndModify(modified)


def box_of_roi(node: Any, roi: Any) -> CropBox:
    """The box of a ROI node in the pixels of a volume node's scans, cut at the picture's border."""
    matrix = world_matrix(node)
    center, size = np.empty(3), np.empty(3)
    roi.GetCenterWorld(center)
    roi.GetSizeWorld(size)
    x, y = (np.linalg.inv(matrix) @ [*center, 1.0])[:2]
    width, height = (size / np.linalg.norm(matrix[:3, :3], axis=0))[:2]
    columns, rows, _ = node.GetImageData().GetDimensions()
    return CropBox(
        max(0, round(x + 0.5 - width / 2)),
        max(0, round(y + 0.5 - height / 2)),
        min(columns, round(x + 0.5 + width / 2)),
        min(rows, round(y + 0.5 + height / 2)),
    )


def _proposals(node: Any) -> tuple[CropBox, ...]:
    columns, rows, scans = node.GetImageData().GetDimensions()
    middle = centered_crop((rows, columns))
    try:
        pixels = grey_scans(volume_from_node(node)).array
    except MedAIError:
        # What is wrong with the volume is said when it is run; until then any box will do.
        return (middle,) * scans
    boxes = []
    for k, scan in enumerate(pixels):
        try:
            boxes.append(propose_crop(scan, f"scan {k + 1}"))
        except MedAIError:
            boxes.append(middle)
    return tuple(boxes)
