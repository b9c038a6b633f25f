"""A worker's folder is private, and what a killed owner left is removed at the next start."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medai.inference.worker import transfer_folder as room

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and owners of POSIX")


@pytest.fixture
def parent(tmp_path, monkeypatch) -> Path:
    monkeypatch.setattr(room.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(room, "_LEAST_SHARED_BYTES", 2**62)
    return tmp_path


def aged(folder: Path) -> None:
    past = time.time() - 3600
    os.utime(folder, (past, past))


def test_it_is_private_also_when_it_is_made_again(parent):
    folder = room.new_transfer_folder()
    assert folder.parent == parent and folder.stat().st_mode & 0o777 == 0o700
    room.remove_transfer_folder(folder)
    assert not folder.exists()
    room.keep_transfer_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    room.remove_transfer_folder(folder)


def test_a_link_that_took_its_place_is_refused(parent):
    folder = room.new_transfer_folder()
    room.remove_transfer_folder(folder)
    (parent / "elsewhere").mkdir()
    folder.symlink_to(parent / "elsewhere")
    with pytest.raises(OSError, match="took its place"):
        room.keep_transfer_folder(folder)


def test_what_a_killed_owner_left_goes_and_what_is_in_use_stays(parent):
    program = (
        "import os, signal, sys, tempfile; tempfile.tempdir = sys.argv[1]\n"
        "from medai.inference.worker import transfer_folder as room\n"
        "room._LEAST_SHARED_BYTES = 2**62\n"
        "print(room.new_transfer_folder(), flush=True)\n"
        "sys.stdin.read(1) or os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, str(parent)]
    owners = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    alive, dead = (Path(owner.stdout.readline().strip()) for owner in owners)
    owners[1].stdin.close()
    assert owners[1].wait(30) == -9
    (dead / "array.npy").write_bytes(b"a study")
    aged(alive)
    young = room.new_transfer_folder()
    assert dead.exists(), "a folder that was just made must not be taken for an abandoned one"
    aged(dead)
    mine = room.new_transfer_folder()
    assert not dead.exists()
    assert alive.exists() and young.exists() and mine.exists()
    owners[0].kill()
    for owner in owners:
        owner.wait(30)
        owner.stdout.close()
    owners[0].stdin.close()
    room.remove_transfer_folder(mine)
    room.remove_transfer_folder(young)
