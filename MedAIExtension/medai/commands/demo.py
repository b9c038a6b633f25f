"""``medai demo``: what MedAI does, shown on synthetic studies made on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec

from medai.commands.console import print_answer, print_warning, running
from medai.commands.demonstrations.demonstration import Demonstration, DemoRun
from medai.commands.network_options import DeviceChoice, DeviceOption
from medai.commands.options import JsonOption, OutputOption, OverwriteOption
from medai.progress import Progress, ProgressCallback, share_of
from medai.reports.json_text import json_text
from medai.tasks import TASKS, part

_PICTURE_PX = 230  # four side by side


def demo(
    output: OutputOption,
    device: DeviceOption = DeviceChoice.AUTO,
    overwrite: OverwriteOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run everything on synthetic studies and write a page of short stories with pictures."""
    from medai.output import atomic_folder, write_text

    with (
        atomic_folder(output, overwrite=overwrite) as folder,
        running("Starting") as (progress, cancelled),
    ):
        has_scene = _start_scene()
        shown: dict[str, Demonstration] = {}
        shown_tasks = [task for task in TASKS if task.demonstrate]
        for index, task in enumerate(shown_tasks):
            # A file for each demonstration; its folder is called like it.
            name = task.demonstrate.partition(":")[0].rpartition(".")[2]
            (folder / name).mkdir()
            report = _share(progress, index, len(shown_tasks), name)
            report(Progress(0.0, "starting"))
            run = DemoRun(folder / name, device.value, has_scene, report, cancelled)
            shown[name] = part(task.demonstrate)(run)
        summary = {name: section.summary for name, section in shown.items()}
        write_text(folder / "summary.json", json_text(summary) + "\n")
        write_text(folder / "index.html", _front_page(list(shown.values()), has_scene))
        if has_scene:
            from medai.scene import save_scene

            save_scene(folder / "scene.mrb")
    print_answer(f"Open {output / 'index.html'} in a browser.", summary, as_json=as_json)


def _start_scene() -> bool:
    if find_spec("slicer") is None:
        print_warning("scene.mrb is left out: slicer-core is not installed (it needs Python 3.11).")
        return False
    from medai import host

    host.start()
    return True


def _share(progress: ProgressCallback, index: int, count: int, name: str) -> ProgressCallback:
    share = share_of(progress, index, count)
    return lambda own: share(Progress(own.fraction, f"{name}: {own.message}"))


def _front_page(sections: Sequence[Demonstration], has_scene: bool) -> str:
    from medai.reports.page import Page

    page = Page(
        "MedAI: a demonstration",
        "Made just now on this machine from synthetic studies.",
    )
    if has_scene:
        page.link("scene.mrb", "Everything below as one scene file for 3D Slicer")
    for section in sections:
        page.heading(section.title)
        for sentence in section.sentences:
            page.sentence(sentence)
        page.pictures(section.pictures, width_px=_PICTURE_PX)
        for target, words in section.links:
            page.link(target, words)
    return page.html()
