"""The file lists in CMake against the files in the tree.

``python -m Testing.layout.cmake_lists`` rewrites the lists after files were added or removed.
"""

from __future__ import annotations

import re
from pathlib import Path

EXTENSION = Path(__file__).resolve().parents[2] / "MedAIExtension"
# List in CMake -> what belongs in it, as suffixes; sub-folders included.
LISTS = {"MODULE_PYTHON_SCRIPTS": {".py"}, "MODULE_PYTHON_RESOURCES": {".ui", ".png", ".svg"}}


def cmake_files() -> list[Path]:
    """The CMakeLists.txt of each module and package."""
    return sorted(EXTENSION.glob("*/CMakeLists.txt"))


def listed(cmake: Path, name: str) -> list[str]:
    """The files that ``set(name …)`` lists in a CMakeLists.txt, in order."""
    match = _block(name).search(cmake.read_text(encoding="utf-8"))
    return match.group("files").split() if match else []


def present(cmake: Path, name: str) -> list[str]:
    """The files in the tree that belong in that list, sorted."""
    folder = cmake.parent
    # Slicer runs what is in Testing from the build tree; nothing of it is installed.
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.suffix in LISTS[name] and path.relative_to(folder).parts[0] != "Testing"
    )


def rewrite(cmake: Path) -> None:
    """Put the files of the tree into the lists."""
    text = cmake.read_text(encoding="utf-8")
    for name in LISTS:
        lines = "".join(f"  {file}\n" for file in present(cmake, name))
        text = _block(name).sub(lambda match, lines=lines: f"{match['head']}\n{lines}  )", text)
    cmake.write_text(text, encoding="utf-8")


def _block(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?P<head>set\({name})\s(?P<files>[^)]*)\)")


if __name__ == "__main__":
    for file in cmake_files():
        rewrite(file)
