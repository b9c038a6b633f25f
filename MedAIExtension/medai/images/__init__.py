"""Reading studies and pictures, one canonical orientation, one lung window, segmentations."""

from medai.images.orientation import AxialVolume, on_axial_grid, to_axial
from medai.images.reading import read_volume
from medai.images.resampling import resample_mask
from medai.images.seg_nrrd import read_segmentation, write_segmentation
from medai.images.segmentation import Segment, Segmentation, segmentation_from_masks
from medai.images.volume import Volume
from medai.images.window import lung_window
from medai.images.writing import write_volume

__all__ = [
    "AxialVolume",
    "Segment",
    "Segmentation",
    "Volume",
    "lung_window",
    "on_axial_grid",
    "read_segmentation",
    "read_volume",
    "resample_mask",
    "segmentation_from_masks",
    "to_axial",
    "write_segmentation",
    "write_volume",
]
