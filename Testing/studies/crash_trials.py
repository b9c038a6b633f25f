"""A program of its own that kills raters while they save, for ``test_faults``.

It forks, so that a trial costs milliseconds: every child is a rater who saves drafts and submits
without end and says over a pipe what is done; the parent kills it and looks at what is left.
"""

from __future__ import annotations

import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from medai.errors import MedAIError
from medai.images import Volume, read_volume, write_volume
from medai.studies import (
    Remarks,
    Study,
    StudyPlan,
    check_study,
    create_study,
    open_drafts,
    open_study,
    rated_images,
    start_session,
)
from medai.studies.submissions import rater_records
from Testing.studies.numbered_masks import mask_of, number_in

RATER = "AB"
IMAGE = "case"
_NOBODY = 65534


def make_study(folder: Path) -> Study:
    image = folder / "case.nrrd"
    write_volume(Volume(np.zeros((1, 8, 8), np.uint8), np.diag([-1, -1, 1, 1]), "", IMAGE), image)
    return create_study(folder / "study", StudyPlan("T", [image], [RATER], keep_names=True))


def save_without_end(study: Study, pipe: int, submissions: int = 10**9) -> None:
    """Outline, save, submit, again and again; each line on ``pipe`` is work that is safe."""
    volume = read_volume(study.image_path(IMAGE))
    for number in range(1, submissions + 1):
        session = start_session(study, RATER, IMAGE, 1, volume)
        for step in range(2):
            value = number * 4 + step
            session.save_draft(mask_of(value), Remarks())
            os.write(pipe, f"draft {session.id} {value}\n".encode())
        session.submit(mask_of(number * 4 + 2), Remarks())
        os.write(pipe, f"submitted {session.id} {number * 4 + 2}\n".encode())


def fork(task: object) -> int:
    """Run ``task`` in a child process and return its id; the child never returns."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            task()  # type: ignore[operator]
            status = 0
        finally:
            os._exit(status)
    return child


def kill_trials(trials: int, seed: int) -> list[str]:
    """Kill a saving rater at ``trials`` random moments; what was wrong afterwards, and when."""
    wrong: list[str] = []
    moments = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary:
        original = make_study(Path(temporary))
        for trial in range(trials):
            folder = Path(temporary) / f"trial {trial}"
            shutil.copytree(original.folder, folder)
            study = open_study(folder)
            reading, writing = os.pipe()
            child = fork(lambda study=study, writing=writing: save_without_end(study, writing))
            os.close(writing)
            with os.fdopen(reading, encoding="ascii") as stream:
                # Some way into the work, at any moment of a save.
                begun = time.monotonic()
                steps = moments.randint(1, 4)
                lines = [stream.readline() for _ in range(steps)]
                step_seconds = (time.monotonic() - begun) / steps
                time.sleep(moments.uniform(0.0, 1.5 * step_seconds))
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                lines += list(stream)
            said = [line.split() for line in lines if line.endswith("\n")]
            wrong += [f"trial {trial}: {fault}" for fault in faults(study, said)]
            shutil.rmtree(folder)
    return wrong


def faults(study: Study, said: list[list[str]]) -> list[str]:
    """What a study lacks of the work that a rater was told is safe."""
    try:
        return losses(study, said)
    except MedAIError as error:
        return [str(error)]


def losses(study: Study, said: list[list[str]]) -> list[str]:
    """As faults; a mask that can't be read is an error."""
    check = check_study(study)
    found = [finding.message for finding in check.findings if not finding.is_harmless]
    submitted = {r.session: number_in(study, r) for r in rater_records(study, RATER)}
    for word, session, value in said:
        if word == "submitted" and submitted.get(session) != int(value):
            found.append(f"the submission {session} is lost")
    if said and said[-1][0] == "draft":
        _, session, value = said[-1]
        drafts = {draft.session: number_in(study, draft) for draft in open_drafts(study, RATER)}
        # Either the last draft that was safe or what came right after it.
        newest = drafts.get(session, submitted.get(session, -1))
        if newest not in (int(value), int(value) + 1):
            found.append(f"the draft {value} of {session} is lost: {newest} is there")
    return found


def simultaneous_raters(processes: int, submissions: int) -> dict[str, int]:
    """Several processes submit as one rater at once; how many submissions survive."""
    with tempfile.TemporaryDirectory() as temporary:
        study = make_study(Path(temporary))
        nowhere = os.open(os.devnull, os.O_WRONLY)
        children = [
            fork(lambda: save_without_end(study, nowhere, submissions)) for _ in range(processes)
        ]
        failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
        values = sorted(number_in(study, record) for record in rater_records(study, RATER))
        expected = sorted([4 * n + 2 for n in range(1, submissions + 1)] * processes)
        return {
            "failed": failed,
            "lost": int(values != expected),
            "unsound": int(not check_study(study).is_sound),
        }


def full_disk() -> dict[str, object]:
    """A rater saves where files may not grow; what is said, and what is left."""
    with tempfile.TemporaryDirectory() as temporary:
        study = make_study(Path(temporary))
        volume = read_volume(study.image_path(IMAGE))
        session = start_session(study, RATER, IMAGE, 1, volume)
        session.save_draft(mask_of(1), Remarks())
        reading, writing = os.pipe()

        def save_on_full_disk() -> None:
            # Past the limit a write fails as on a full disk, half of it done.
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            for save in (session.save_draft, session.submit):
                try:
                    save(mask_of(2), Remarks())
                except MedAIError as error:
                    os.write(writing, f"{type(error).__name__}: {error}\n".encode())

        child = fork(save_on_full_disk)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading, encoding="utf-8") as stream:
            said = stream.read().splitlines()
        (draft,) = open_drafts(study, RATER)
        return {
            "said": said,
            "draft": number_in(study, draft),
            "findings": [finding.message for finding in check_study(study).findings],
        }


def read_only() -> dict[str, object]:
    """Somebody who may only read opens the study; what works and what is said."""
    with tempfile.TemporaryDirectory() as temporary:
        study = make_study(Path(temporary))
        volume = read_volume(study.image_path(IMAGE))
        start_session(study, RATER, IMAGE, 1, volume).submit(mask_of(9), Remarks())
        for path in (Path(temporary), *Path(temporary).rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        reading, writing = os.pipe()

        def look() -> None:
            if os.geteuid() == 0:
                os.setuid(_NOBODY)
            opened = open_study(study.folder)
            analysed = [rated.ratings("lesion").masks.sum() for rated in rated_images(opened)]
            said = ""
            try:
                start_session(opened, RATER, IMAGE, 1, volume).save_draft(mask_of(1), Remarks())
            except MedAIError as error:
                said = f"{type(error).__name__}: {error}"
            sound = check_study(opened).is_sound
            answer = {"analysed": [int(value) for value in analysed], "said": said, "sound": sound}
            os.write(writing, json.dumps(answer).encode())

        child = fork(look)
        os.close(writing)
        os.waitpid(child, 0)
        with os.fdopen(reading, encoding="utf-8") as stream:
            answer = json.loads(stream.read())
        for path in (Path(temporary), *Path(temporary).rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        return answer


if __name__ == "__main__":
    trials = {
        "kill": lambda: kill_trials(int(sys.argv[2]), int(sys.argv[3])),
        "together": lambda: simultaneous_raters(int(sys.argv[2]), int(sys.argv[3])),
        "full": full_disk,
        "read-only": read_only,
    }
    print(json.dumps(trials[sys.argv[1]]()))
