"""The pictures in Resources/Screenshots: each panel as it is after a run, beside its views.

Repeatable, of the samples that the modules register: ``python -m Testing.screenshots`` (``make
pictures``) makes all, with names only those. Panels are drawn by the stand-ins for Slicer's
widgets, views by Slicer's own libraries. ``controls.json`` records which controls each picture's
panel had, so that a test can tell a picture that is older than its panel.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from Testing.standins import Panel, install, open_panel

FOLDER = Path(__file__).resolve().parents[1] / "Resources" / "Screenshots"
RECORD = FOLDER / "controls.json"
PANEL_WIDTH = 440
RUN_SECONDS = 600.0
# As Slicer colors the bars over its views.
BARS = {
    "Axial": (243, 74, 51),
    "3D": (116, 116, 186),
    "Coronal": (110, 176, 75),
    "Sagittal": (237, 213, 76),
    "Right eye": (243, 74, 51),
    "Left eye": (237, 213, 76),
    "Earlier date": (116, 116, 186),
}
BAR_PX = 18

Picture = NDArray[np.uint8]


def lesion_segmentation() -> Image.Image:
    """A synthetic chest CT, segmented by the recommended model, at its largest lesion."""
    slicer = install()
    from medai import scene
    from medai.phantoms import chest_ct
    from Testing.rendering.picture_3d import picture_3d
    from Testing.rendering.slice_picture import slice_picture

    slicer.mrmlScene.Clear(0)
    phantom = chest_ct(shape=(150, 256, 256), spacing_mm=(2.1, 1.5, 1.5))
    node = scene.show_volume(phantom.volume)
    panel = open_panel("LesionSegmentation")
    run(panel)
    panel.ui.probabilityCheckBox.click()
    panel.ui.surfacesCheckBox.click()
    panel.widget._table.choose(0)
    here = panel.widget._result.findings[0].center_ras
    nodes, left = panel.widget._nodes, picture_of(panel)
    panel.close()
    size = view_size(left)
    views = {"3D": picture_3d(nodes.segmentation, size_px=size)}
    for orientation in ("Axial", "Coronal", "Sagittal"):
        views[orientation] = slice_picture(
            node,
            orientation=orientation,
            at_ras=here,
            overlay=nodes.probability,
            overlay_opacity=0.4,
            size_px=size,
        )
    order = ["Axial", "3D", "Coronal", "Sagittal"]
    return beside(left, [views[name] for name in order], order)


def cataract_map() -> Image.Image:
    """Synthetic scans of both eyes, mapped by the recommended model: two scans of each."""
    slicer = install()
    from medai.scene.oct_scans import scan_ras
    from Testing.rendering.slice_picture import slice_picture

    slicer.mrmlScene.Clear(0)
    panel = open_panel("CataractMap")
    panel.ui.sampleButton.click()
    run(panel)
    panel.ui.scansTable.selectRow(3)
    eyes, left = panel.widget._nodes, picture_of(panel)
    panel.close()
    for eye in eyes:
        eye.segmentation.GetDisplayNode().SetViewNodeIDs([])
    views, names = [], []
    for scan in (0, 3):
        for name, eye in zip(("Right eye", "Left eye"), eyes, strict=True):
            for other in eyes:
                other.segmentation.GetDisplayNode().SetVisibility(other is eye)
            picture = slice_picture(
                eye.scans,
                at_ras=scan_ras(eye.scans, scan),
                overlay=eye.probability,
                overlay_opacity=0.5,
                size_px=view_size(left),
            )
            views.append(picture)
            names.append(name)
    return beside(left, views, names)


def covid_classification() -> Image.Image:
    """Two synthetic dates of one patient, assessed by the recommended models."""
    slicer = install()
    from Testing.rendering.slice_picture import slice_picture

    slicer.mrmlScene.Clear(0)
    panel = open_panel("CovidClassification")
    panel.ui.sampleButton.click()
    run(panel)
    panel.ui.slicesTable.selectRow(0)
    widget = panel.widget
    later, earlier = widget._source.nodes[:2]
    center = panel.logic.slice_center(widget._result, widget._order[0])
    explanation, segmentation = widget._nodes.explanation, widget._nodes.lesions.segmentation
    panel.wait()
    left = picture_of(panel)
    panel.close()
    size = view_size(left)
    views = [
        slice_picture(later, at_ras=center, overlay=explanation, overlay_opacity=0.45, size_px=size)
    ]
    views += [
        slice_picture(later, orientation=orientation, at_ras=center, size_px=size)
        for orientation in ("Coronal", "Sagittal")
    ]
    segmentation.GetDisplayNode().SetVisibility(False)
    views.append(slice_picture(earlier, at_ras=center, size_px=size))
    return beside(left, views, ["Axial", "Coronal", "Sagittal", "Earlier date"])


def chest_xray() -> Image.Image:
    """A synthetic film, looked at by the recommended model."""
    slicer = install()
    from Testing.rendering.slice_picture import slice_picture

    slicer.mrmlScene.Clear(0)
    panel = open_panel("ChestXray")
    panel.ui.sampleButton.click()
    run(panel)
    panel.ui.readerLineEdit.setText("0,2,3,0,1,2")
    panel.ui.readerLineEdit.editingFinished.emit()
    panel.wait()
    (film,) = panel.widget._source.nodes
    left = picture_of(panel)
    panel.close()
    rows = left.height - BAR_PX
    view = Image.fromarray(under_bar("Axial", slice_picture(film, size_px=(rows, rows))))
    canvas = Image.new("RGB", (left.width + view.width, left.height), left.getpixel((2, 2)))
    canvas.paste(left, (0, 0))
    canvas.paste(view, (left.width, 0))
    return canvas


def rater_agreement() -> Image.Image:
    """A synthetic study of skin photographs, analysed: one's outlines, and the disagreement."""
    from medai.studies import phantom_study
    from Testing.modules.rater_steps import OWNER, be, open_folder, run_button
    from Testing.rendering.slice_picture import slice_picture

    slicer = install()
    slicer.mrmlScene.Clear(0)
    with tempfile.TemporaryDirectory() as folder:
        study = phantom_study(Path(folder) / "skin", images=12)
        panel = open_panel("RaterAgreement")
        open_folder(panel, study.folder)
        be(panel, OWNER)
        run_button(panel).click()
        panel.wait(until=lambda: panel.widget._analyse.has_result, seconds=RUN_SECONDS)
        panel.ui.imageTable.selectRow(2)
        photograph, disagreement = shown_layers(slicer)
        views = [
            slice_picture(photograph, overlay=overlay, overlay_opacity=0.6, size_px=(360, 480))
            for overlay in (None, disagreement)
        ]
        left = picture_of(panel, study="/studies/skin")
        panel.close()
    return stacked(left, views)


def rater_agreement_annotate() -> Image.Image:
    """A rater's case, half outlined."""
    from medai.studies import phantom_study
    from Testing.modules.rater_steps import be, open_folder, outline
    from Testing.rendering.slice_picture import slice_picture

    slicer = install()
    slicer.mrmlScene.Clear(0)
    with tempfile.TemporaryDirectory() as folder:
        study = phantom_study(Path(folder) / "skin", images=12, submitted=False)
        panel = open_panel("RaterAgreement")
        open_folder(panel, study.folder)
        be(panel, study.protocol.raters[0])
        volume = panel.widget._annotate._session.volume
        rows, columns = (np.arange(n) for n in volume.grid_shape[1:])
        y, x = np.meshgrid(rows / len(rows) - 0.5, columns / len(columns) - 0.7, indexing="ij")
        drawn = (y / 0.12) ** 2 + (x / 0.08) ** 2 < 1
        outline(panel, slicer, drawn[None].astype(np.uint8))
        panel.wait()
        view = slice_picture(shown_layers(slicer)[0], size_px=(360, 480))
        left = picture_of(panel, study="/studies/skin")
        panel.close()
    return stacked(left, [view])


SCREENSHOTS: dict[str, Callable[[], Image.Image]] = {
    "LesionSegmentation": lesion_segmentation,
    "CataractMap": cataract_map,
    "ChestXray": chest_xray,
    "CovidClassification": covid_classification,
    "RaterAgreement": rater_agreement,
    "RaterAgreement-annotate": rater_agreement_annotate,
}


def run(panel: Panel) -> None:
    """Press Run and wait for the result; ends the program when there is none."""
    from Testing.standins import messages

    panel.wait()
    panel.widget._run.button.click()
    panel.wait(until=lambda: not panel.widget._run.running, seconds=RUN_SECONDS)
    problems = [message.text for message in messages.shown if message.kind == "error"]
    if problems or panel.widget._result is None:
        sys.exit("No screenshot: " + (" ".join(problems) or panel.widget._run.status.text()))


def shown_layers(slicer) -> tuple:
    """The volume and the label layer of the Red view, None where there is none."""
    logic = slicer.app.layoutManager().sliceWidget("Red").sliceLogic()
    composite = logic.GetSliceCompositeNode()
    ids = (composite.GetBackgroundVolumeID(), composite.GetLabelVolumeID())
    return tuple(slicer.mrmlScene.GetNodeByID(each) if each else None for each in ids)


def picture_of(panel: Panel, study: str = "") -> Image.Image:
    """The panel, as wide as users have it and as high as it needs to be.

    study: what the picture shows instead of this machine's path of a study.
    """
    if study:
        panel.ui.studyPathLineEdit.setCurrentPath(study)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "panel.png"
        panel.grab(file, width=PANEL_WIDTH)
        return Image.open(file).convert("RGB")


def view_size(panel: Image.Image) -> tuple[int, int]:
    """Rows and columns of each of four views that stand two by two beside a panel."""
    rows = panel.height // 2 - BAR_PX
    return rows, rows


def beside(panel: Image.Image, pictures: list[Picture], names: list[str]) -> Image.Image:
    """The panel on the left, four views two by two on the right."""
    framed = [under_bar(*pair) for pair in zip(names, pictures, strict=True)]
    rows = [np.concatenate(framed[i : i + 2], axis=1) for i in (0, 2)]
    views = Image.fromarray(np.concatenate(rows))
    canvas = Image.new("RGB", (panel.width + views.width, panel.height), panel.getpixel((2, 2)))
    canvas.paste(panel, (0, 0))
    canvas.paste(views, (panel.width, 0))
    return canvas


def stacked(panel: Image.Image, pictures: list[Picture]) -> Image.Image:
    """The panel on the left, pictures below each other on the right."""
    views = Image.fromarray(np.concatenate(pictures))
    size = (panel.width + views.width, max(panel.height, views.height))
    canvas = Image.new("RGB", size, panel.getpixel((2, 2)))
    canvas.paste(panel, (0, 0))
    canvas.paste(views, (panel.width, 0))
    return canvas


def under_bar(name: str, picture: Picture) -> Picture:
    """A view under the bar that Slicer puts over it."""
    bar = Image.new("RGB", (picture.shape[1], BAR_PX), BARS[name])
    font = ImageFont.load_default(size=13)
    ImageDraw.Draw(bar).text((6, 1), name, fill=(20, 20, 20), font=font)
    return np.concatenate([np.asarray(bar), picture])


def controls_of(module: str) -> list[str]:
    """The names of all widgets in the .ui file of a picture's module, in its order."""
    module = module.partition("-")[0]
    extension = Path(__file__).resolve().parents[1] / "MedAIExtension"
    path = extension / module / "Resources" / "UI" / f"{module}.ui"
    return [each.get("name", "") for each in ElementTree.parse(path).iter("widget")]


def record(picture: str) -> None:
    """Write down which controls the picture's panel has now."""
    known = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    known[picture] = controls_of(picture)
    RECORD.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")


def main(names: list[str]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or SCREENSHOTS:
        if name not in SCREENSHOTS:
            sys.exit(f"No screenshot named {name}; there are: {', '.join(SCREENSHOTS)}.")
        SCREENSHOTS[name]().save(FOLDER / f"{name}.png", optimize=True)
        record(name)


if __name__ == "__main__":
    main(sys.argv[1:])
