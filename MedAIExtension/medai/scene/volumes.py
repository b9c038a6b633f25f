"""Volumes in and out of the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from medai import host
from medai.errors import GeometryError, UnsuitableImageError
from medai.images.hounsfield import holds_hounsfield_units
from medai.images.volume import Volume
from medai.images.window import LUNG_WINDOW_HIGH_HU, LUNG_WINDOW_LOW_HU
from medai.scene.study_origin import origin_of

MODALITY = "MedAI.modality"
NO_SPACING = "MedAI.noSpacing"
# What VTK's images hold; anything else is widened without loss.
_VTK_TYPES = {
    np.dtype(np.bool_): np.uint8,
    np.dtype(np.float16): np.float32,
    np.dtype(np.int64): np.float64,
    np.dtype(np.uint64): np.float64,
}
_HOUNSFIELD = "[hnsf'U]"


def show_volume(volume: Volume) -> Any:
    """Put a volume into the scene as a node, with a window that suits it, and show it.

    CT gets the lung window, photographs keep their colors. Raises MissingDependencyError without
    Slicer or slicer-core.
    """
    slicer = host.start()
    kind = "vtkMRMLVectorVolumeNode" if volume.is_color else "vtkMRMLScalarVolumeNode"
    node = slicer.mrmlScene.AddNewNodeByClass(kind, volume.name)
    put_array(node, volume.array, volume.ijk_to_ras)
    node.CreateDefaultDisplayNodes()
    if volume.modality:
        node.SetAttribute(MODALITY, volume.modality)
    if not volume.has_spacing:
        node.SetAttribute(NO_SPACING, "true")
    if volume.modality == "CT":
        node.SetVoxelValueQuantity(_coded("DCM", "112031", "Attenuation Coefficient"))
        node.SetVoxelValueUnits(_coded("UCUM", _HOUNSFIELD, "Hounsfield unit"))
        set_window(node, LUNG_WINDOW_LOW_HU, LUNG_WINDOW_HIGH_HU)
    elif volume.is_color and volume.array.dtype == np.uint8:
        # Slicer would stretch a photograph's colors.
        set_window(node, 0, 255)
    slicer.util.setSliceViewerLayers(background=node, fit=True)
    return node


def volume_from_node(node: Any) -> Volume:
    """The volume that a scalar, label map or vector volume node holds, in world space.

    The array is a read-only view of the node's own memory. A linear parent transform is applied to
    the matrix, so the volume stands where the views show it. As in ``images.read_volume``, values
    that clearly are Hounsfield units make an image of unknown modality a CT. Raises GeometryError
    under a non-linear transform, UnsuitableImageError on an empty node, one that is neither grey
    nor RGB, or values that aren't finite.
    """
    slicer = host.start()
    name = node.GetName()
    if not node.IsA("vtkMRMLVolumeNode"):
        raise UnsuitableImageError(f"{name} is not a volume: choose a volume.")
    if node.GetImageData() is None or 0 in node.GetImageData().GetDimensions():
        raise UnsuitableImageError(f"{name} has no image: load its data first.")
    components = node.GetImageData().GetNumberOfScalarComponents()
    if components not in (1, 3, 4):
        raise UnsuitableImageError(
            f"{name} has {components} values a voxel, expected 1 (gray) or 3 (RGB)."
        )
    array = slicer.util.arrayFromVolume(node)
    array = array[..., :3] if components == 4 else array.view()
    array.setflags(write=False)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UnsuitableImageError(f"{name} holds values that aren't finite numbers.")
    has_spacing = node.GetAttribute(NO_SPACING) is None
    modality = modality_of(node)
    if not modality and has_spacing and holds_hounsfield_units(array):
        modality = "CT"
    return Volume(
        array,
        world_matrix(node),
        modality,
        name,
        has_spacing=has_spacing,
        origin=origin_of(node),
    )


def world_matrix(node: Any) -> NDArray[np.float64]:
    """A volume node's IJK-to-RAS matrix (4×4, mm) in world space, parent transforms included."""
    slicer = host.start()
    import vtk

    ijk_to_ras = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(ijk_to_ras)
    parent = node.GetParentTransformNode()
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            raise GeometryError(
                f"{node.GetName()} is under the non-linear transform {parent.GetName()}: "
                "harden the transform first."
            )
        to_world = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(to_world)
        vtk.vtkMatrix4x4.Multiply4x4(to_world, ijk_to_ras, ijk_to_ras)
    matrix: NDArray[np.float64] = slicer.util.arrayFromVTKMatrix(ijk_to_ras)
    return matrix


def modality_of(node: Any) -> str:
    """DICOM's word for the modality as far as the scene knows it, or ""."""
    slicer = host.start()
    units = node.GetVoxelValueUnits()
    if units is not None and units.GetCodeValue() == _HOUNSFIELD:
        return "CT"
    if node.GetAttribute(MODALITY):
        return str(node.GetAttribute(MODALITY))
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    item = hierarchy.GetItemByDataNode(node)
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    name = constants.GetDICOMSeriesModalityAttributeName()
    return hierarchy.GetItemAttribute(item, name) or "" if item else ""


def put_array(node: Any, array: NDArray, ijk_to_ras: NDArray[np.float64]) -> None:
    """Set a volume node's voxels, (z, y, x) or (z, y, x, 3), and its matrix."""
    slicer = host.start()
    dtype = _VTK_TYPES.get(array.dtype, array.dtype)
    native = np.ascontiguousarray(array, dtype=np.dtype(dtype).newbyteorder("="))
    slicer.util.updateVolumeFromArray(node, native)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.asarray(ijk_to_ras)))


def set_window(node: Any, low: float, high: float) -> None:
    """Show values from ``low`` (black) to ``high`` (white), and keep it so."""
    display = node.GetDisplayNode()
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(low, high)


def _coded(scheme: str, value: str, meaning: str) -> Any:
    entry = host.start().vtkCodedEntry()
    entry.SetValueSchemeMeaning(value, scheme, meaning)
    return entry


def check_grid(volume: Volume, node: Any) -> None:
    """Raise GeometryError unless ``node`` still has the grid that ``volume`` was read from."""
    image = node.GetImageData()
    shape = image.GetDimensions()[::-1] if image is not None else (0, 0, 0)
    if tuple(shape) != volume.grid_shape:
        raise GeometryError(
            f"{node.GetName()} has {_by(shape)} voxels now, the result {_by(volume.grid_shape)}: "
            "run again."
        )
    if not np.allclose(world_matrix(node), volume.ijk_to_ras, atol=1e-3):
        raise GeometryError(f"{node.GetName()} was moved since the result was made: run again.")


def _by(shape: tuple[int, ...]) -> str:
    return "×".join(str(length) for length in shape)
