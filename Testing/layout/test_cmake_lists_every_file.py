"""Slicer installs what CMake lists: a file that isn't listed is missing on a user's machine."""

from __future__ import annotations

import pytest

from Testing.layout.cmake_lists import EXTENSION, LISTS, cmake_files, listed, present

FOLDERS = [
    "CataractMap",
    "ChestXray",
    "CovidClassification",
    "LesionSegmentation",
    "RaterAgreement",
]
PACKAGES = ["medai", "medai_panels"]


def test_every_module_and_package_has_a_cmake_list_that_the_extension_builds():
    built = (EXTENSION / "CMakeLists.txt").read_text(encoding="utf-8")
    assert [file.parent.name for file in cmake_files()] == sorted(FOLDERS + PACKAGES)
    for name in FOLDERS + PACKAGES:
        assert f"add_subdirectory({name})" in built


@pytest.mark.parametrize("list_name", sorted(LISTS))
@pytest.mark.parametrize("cmake", cmake_files(), ids=lambda file: file.parent.name)
def test_cmake_lists_the_files_that_are_there(cmake, list_name):
    in_list, in_tree = listed(cmake, list_name), present(cmake, list_name)
    hint = "run: python -m Testing.layout.cmake_lists"
    assert in_list == in_tree, (
        f"{cmake.parent.name}: not listed {sorted(set(in_tree) - set(in_list))}, "
        f"listed but gone {sorted(set(in_list) - set(in_tree))}; {hint}"
    )


@pytest.mark.parametrize("name", FOLDERS)
def test_every_module_has_its_file_panel_and_icon(name):
    folder = EXTENSION / name
    for part in (f"{name}.py", f"Resources/UI/{name}.ui", f"Resources/Icons/{name}.png"):
        assert (folder / part).is_file(), f"{name} lacks {part}"
