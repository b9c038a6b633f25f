"""The image of an analysis that the views show, and what lies over it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from slicer.i18n import tr as _

from medai.agreement import ImageRatings
from medai.errors import InputError
from medai.images import read_volume
from medai.scene import show_volume
from medai.scene.agreement import RaterNodes, hide_consensus, show_consensus, show_raters
from medai.scene.color_maps import show_map
from medai.scene.presence import display_of, is_present
from medai.scene.removal import remove_with_results
from medai.studies import rated_image
from RaterAgreementLib.agreement_view import AgreementView, people

NO_CONSENSUS = "none"


class ShownImage:
    """Shows one image at a time; a study's image leaves the scene when another is shown."""

    def __init__(self) -> None:
        self.nodes: RaterNodes | None = None
        self._raters: ImageRatings | None = None
        self._study_volume: Any = None

    def show(self, view: AgreementView, image: str) -> RaterNodes:
        """Show an image with all outlines and the raters' disagreement.

        Raises InputError when the scene no longer holds it, StudyError, ImageReadError.
        """
        self.forget()
        if view.study is None:
            ratings, node = view.ratings, view.volume_node
            if not is_present(node):
                raise InputError(_("The image of this result is no longer in the scene."))
        else:
            rated = rated_image(view.study, image, predictions=view.predictions)
            ratings = rated.ratings(view.label)
            volume = read_volume(view.study.image_path(image))
            node = self._study_volume = show_volume(replace(volume, name=image))
        self._raters = people(ratings, view.predictions)
        self.nodes = show_raters(ratings, view.colors, node, models=view.predictions)
        return self.nodes

    def set_shown(self, *, outlines: bool, disagreement: bool, consensus: str) -> None:
        """Show and hide what lies over the image."""
        if self.nodes is None:
            return
        if is_present(self.nodes.outlines):
            display_of(self.nodes.outlines).SetVisibility(outlines)
        show_map(self.nodes.disagreement if disagreement else None)
        if not is_present(self.nodes.volume):
            return
        if consensus == NO_CONSENSUS:
            hide_consensus(self.nodes.volume)
        else:
            show_consensus(self._raters, consensus, self.nodes.volume)

    def forget(self) -> None:
        """Take a study's image, and what lies over it, out of the scene."""
        # What is removed below must not be asked to show itself meanwhile.
        self.nodes = self._raters = None
        node, self._study_volume = self._study_volume, None
        show_map(None)
        if node is not None and node.GetScene() is not None:
            remove_with_results(node)
