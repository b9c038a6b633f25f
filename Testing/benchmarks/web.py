"""The server of studies under load, and killed: ``python -m Testing.benchmarks.web``."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from medai.studies import check_study, rater_status, read_mask
from Testing.served_study import Server, make_study

RATERS = 50
SAVES = 12
KILLS = 100


def load(folder: Path) -> str:
    """Raters who draw at once, each saving every two seconds: how long a save takes."""
    raters = [f"R{k:02d}" for k in range(RATERS)]
    server = Server(make_study(folder / "load", raters=raters), folder / "load.log")
    seconds: list[float] = []
    lost: list[str] = []

    def work(rater: str, place: int) -> None:
        client = server.client(rater)
        opened = client.open(1).json
        generator = np.random.default_rng(place)
        time.sleep(2.0 * place / RATERS)
        for revision in range(1, SAVES + 1):
            masks = generator.random((2, *opened["shape"])) > 0.7
            start = time.perf_counter()
            answer = client.save(opened["open"], masks, revision)
            seconds.append(time.perf_counter() - start)
            if answer.status != 200:
                lost.append(f"{rater}: {answer.content!r}")
            time.sleep(max(0.0, 2.0 - (time.perf_counter() - start)))
        (draft,) = rater_status(server.study, rater).drafts
        client_sees = client.open(1, draft=draft.session).json["open"]
        content = client.get(f"/api/open/{client_sees}/masks").content
        if content != b"".join(np.packbits(mask).tobytes() for mask in masks):
            lost.append(f"{rater}: another outline")

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(raters, range(RATERS), strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.stop()
    p50, p95 = np.percentile(seconds, (50, 95))
    return (
        f"{RATERS} raters, a save each every 2 s, {len(seconds)} saves: median "
        f"{1000 * p50:.0f} ms, 95 % within {1000 * p95:.0f} ms; lost: {len(lost)} {lost[:1]}"
    )


def kills(folder: Path) -> str:
    """SIGKILL at random moments, three raters at work: what was acknowledged and is lost."""
    server = Server(make_study(folder / "kills"), folder / "kills.log")
    generator = np.random.default_rng(0)
    lost = 0
    for trial in range(KILLS):
        kept: dict[str, int] = {}

        def work(rater: str, trial: int, kept: dict[str, int]) -> None:
            try:
                client = server.client(rater)
                opened = client.open(1).json
                for revision in range(1, 1000):
                    masks = _outline(trial, revision, opened["shape"])
                    if client.save(opened["open"], masks, revision).status == 200:
                        kept[rater] = revision
            except OSError:
                return

        threads = [
            threading.Thread(target=work, args=(rater, trial, kept)) for rater in ("AB", "CD", "EF")
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.3 + 1.2 * float(generator.random()))
        server.kill()
        for thread in threads:
            thread.join()
        for rater, revision in kept.items():
            draft = rater_status(server.study, rater).drafts[0]
            found = read_mask(server.study, draft).mask("lesion") != 0
            # One that was written and not yet acknowledged may be there instead.
            candidates = [_outline(trial, r, found.shape)[0] for r in (revision, revision + 1)]
            lost += not any(_seen_alike(found, candidate) for candidate in candidates)
        server.start()
    sound = check_study(server.study).is_sound
    server.stop()
    return f"{KILLS} kills, three raters at work: {lost} acknowledged saves lost; sound: {sound}"


def _outline(trial: int, revision: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(10_000 * trial + revision).random((2, *shape)) > 0.7


def _seen_alike(held: np.ndarray, sent: np.ndarray) -> bool:
    """Whether they are one mask; the chest lies mirrored on disk."""
    return held.shape == sent.shape and (
        np.array_equal(held, sent) or np.array_equal(held, sent[:, :, ::-1])
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        print(load(Path(name)))
        print(kills(Path(name)))


if __name__ == "__main__":
    main()
