"""Results in the MRML scene: volumes, segmentations, maps, tables and plots as nodes.

Works on Slicer's scene inside Slicer, and on the one that ``medai.host`` makes elsewhere.
"""

from medai.scene.saving import save_scene, save_segmentation
from medai.scene.show import show, show_in_steps
from medai.scene.volumes import show_volume, volume_from_node

__all__ = [
    "save_scene",
    "save_segmentation",
    "show",
    "show_in_steps",
    "show_volume",
    "volume_from_node",
]
