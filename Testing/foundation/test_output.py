"""Results appear whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from medai import output
from medai.errors import OutputError
from medai.output import atomic_file, atomic_folder, write_text


def everything_below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_file_is_there_whole_after_the_block(tmp_path: Path) -> None:
    target = tmp_path / "new" / "result.seg.nrrd"
    with atomic_file(target) as temporary:
        assert temporary.name.endswith(".seg.nrrd")
        temporary.write_bytes(b"mask")
        assert not target.exists()
    assert target.read_bytes() == b"mask"
    assert everything_below(tmp_path) == {"new", "new/result.seg.nrrd"}


def test_a_failed_file_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(RuntimeError), atomic_file(target, overwrite=True) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert everything_below(tmp_path) == {"result.json"}


def test_an_existing_file_is_not_overwritten_unasked(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(OutputError, match=r"result\.json exists already"):
        write_text(target, "new")
    write_text(target, "newer", overwrite=True)
    assert target.read_text() == "newer"


def test_a_file_that_appears_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    with pytest.raises(OutputError, match="exists already"), atomic_file(target) as temporary:
        temporary.write_text("mine")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert everything_below(tmp_path) == {"result.json"}


def test_a_folder_takes_its_place_only_when_complete(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"
    with pytest.raises(ValueError, match="stop"), atomic_folder(target) as temporary:
        (temporary / "part").write_text("x")
        raise ValueError("stop")
    assert everything_below(tmp_path) == set()
    with atomic_folder(target) as temporary:
        (temporary / "part").write_text("x")
    assert everything_below(tmp_path) == {"a", "a/b", "a/b/part"}


def test_a_folder_with_results_is_kept_unless_overwriting_succeeds(tmp_path: Path) -> None:
    target = tmp_path / "out"
    (target / "pictures").mkdir(parents=True)
    (target / "report").write_text("old")
    (target / "notes of the user").write_text("mine")
    with pytest.raises(OutputError, match="already holds files"), atomic_folder(target):
        pass
    with (
        pytest.raises(ValueError, match="stop"),
        atomic_folder(target, overwrite=True) as temporary,
    ):
        (temporary / "report").write_text("half")
        raise ValueError("stop")
    assert (target / "report").read_text() == "old"
    with atomic_folder(target, overwrite=True) as temporary:
        (temporary / "report").write_text("new")
        (temporary / "pictures").mkdir()
        (temporary / "pictures" / "1").write_text("first")
    assert (target / "report").read_text() == "new"
    assert (target / "pictures" / "1").read_text() == "first"
    assert (target / "notes of the user").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.write_text("a file")
    with pytest.raises(OutputError, match="expected a folder"), atomic_folder(target):
        pass
    assert target.read_text() == "a file"


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out" / "deep"
    with pytest.raises(OutputError, match="the disk is full"), atomic_folder(target) as temporary:
        (temporary / "part").write_text("x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert everything_below(tmp_path) == set()


def test_the_result_folder_has_the_usual_permissions(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    with atomic_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out").stat().st_mode == plain.stat().st_mode


def test_importing_the_package_loads_no_heavy_library() -> None:
    code = (
        "import sys, medai, medai.images, medai.agreement, medai.measures, medai.models, "
        "medai.inference, medai.reports, medai.scene, medai.host, medai.studies, medai.phantoms; "
        "heavy = {'torch', 'torchvision', 'SimpleITK', 'slicer', 'vtk', 'matplotlib', 'pydicom', "
        "'rich', 'typer'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    import sys

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert printed.stdout.strip() == "[]", printed.stderr


def test_a_second_run_into_the_same_folder_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "out"
    with atomic_folder(target) as first:
        (first / "result").write_text("first")
        with (
            pytest.raises(OutputError, match=r"Another run is writing into .*out"),
            atomic_folder(target, overwrite=True),
        ):
            pass
        with atomic_folder(tmp_path / "other") as other:
            (other / "result").write_text("other")
    assert everything_below(tmp_path) == {"out", "out/result", "other", "other/result"}
    assert (target / "result").read_text() == "first"


def test_a_run_that_waited_does_not_replace_what_was_written_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out"
    hold = output.hold_lock

    def finish_first(path: Path, *, remove: bool = False) -> AbstractContextManager[None]:
        target.mkdir()
        (target / "result").write_text("first")
        return hold(path, remove=remove)

    monkeypatch.setattr(output, "hold_lock", finish_first)
    with pytest.raises(OutputError, match="already holds files"), atomic_folder(target):
        pass
    assert everything_below(tmp_path) == {"out", "out/result"}


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX systems")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_what_an_ended_run_left_is_gone(tmp_path: Path, number: int, status: int) -> None:
    code = (
        "import sys, time, signal\n"
        "from pathlib import Path\n"
        "from medai.cli import _end\n"
        "from medai.output import atomic_folder\n"
        "signal.signal(signal.SIGTERM, _end)\n"
        "with atomic_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('half')\n"
        "    print('writing', flush=True)\n"
        "    time.sleep(100)\n"
    )
    killed = tmp_path / "killed"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(killed)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        process.send_signal(number)
        assert process.wait(60) == status
    assert not killed.exists()
    if number == signal.SIGTERM:
        assert everything_below(tmp_path) == set()

    with atomic_folder(tmp_path / "next") as folder:
        (folder / "result").write_text("next")

    assert everything_below(tmp_path) == {"next", "next/result"}
