"""``medai demo``: what MedAI does, shown on synthetic studies made on this machine."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from medai.commands.console import print_answer, print_warning, running
from medai.commands.options import (
    DeviceChoice,
    DeviceOption,
    JsonOption,
    OutputOption,
    OverwriteOption,
)
from medai.commands.stories.story import Stage, Story
from medai.progress import Progress, ProgressCallback, share_of
from medai.reports.json_text import json_text

STORIES = ("lesions", "covid", "cataract", "raters")
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
        stories: dict[str, Story] = {}
        for index, name in enumerate(STORIES):
            (folder / name).mkdir()
            part = _part(progress, index, len(STORIES), name)
            part(Progress(0.0, "starting"))
            stage = Stage(folder / name, device.value, has_scene, part, cancelled)
            stories[name] = import_module(f"medai.commands.stories.{name}").tell(stage)
        summary = {name: story.summary for name, story in stories.items()}
        write_text(folder / "summary.json", json_text(summary) + "\n")
        write_text(folder / "index.html", _front_page(stories, has_scene))
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


def _part(progress: ProgressCallback, index: int, count: int, name: str) -> ProgressCallback:
    share = share_of(progress, index, count)
    return lambda part: share(Progress(part.fraction, f"{name}: {part.message}"))


def _front_page(stories: dict[str, Story], has_scene: bool) -> str:
    from medai.reports.page import Page

    page = Page(
        "MedAI: a demonstration",
        "Four short stories, made just now on this machine from synthetic studies.",
    )
    if has_scene:
        page.link("scene.mrb", "Everything below as one scene file for 3D Slicer")
    for story in stories.values():
        page.heading(story.title)
        for sentence in story.sentences:
            page.sentence(sentence)
        page.pictures(story.pictures, width_px=_PICTURE_PX)
        for target, words in story.links:
            page.link(target, words)
    return page.html()
