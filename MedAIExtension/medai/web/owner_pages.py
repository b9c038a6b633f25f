"""What a study's owner sees in the browser: everybody's progress, and the analysis."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from medai.child_process import safe_environment
from medai.errors import InputError
from medai.studies import Study, study_status

_PACKAGE = Path(__file__).resolve().parents[2]


class OwnerPages:
    """Progress of all raters, and the reports of ``medai agree`` as files to read and download."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._folder = TemporaryDirectory(prefix="medai-analysis-")
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._closed = False
        self._count = 0
        self._files: dict[str, Path] = {}
        self._problem = ""

    def progress(self) -> dict[str, Any]:
        """How far every rater is."""
        return {
            "title": self._study.protocol.title,
            "raters": [
                {
                    "rater": status.rater,
                    "cases": len(status.cases),
                    "submitted": status.submitted,
                    "skipped": status.skipped,
                    "unfinished": len(status.drafts),
                    "active_minutes": round(status.active_seconds / 60, 1),
                    "warnings": list(status.warnings),
                }
                for status in study_status(self._study)
            ],
        }

    def analyze(self) -> None:
        """Begin an analysis of every label, in processes of its own, unless one is running."""
        with self._lock:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            self._count += 1
            folder = Path(self._folder.name) / f"analysis-{self._count}"
            self._thread = threading.Thread(target=self._compare, args=(folder,), daemon=True)
            self._thread.start()

    def analysis(self) -> dict[str, Any]:
        """Whether an analysis runs, what went wrong with the last, and its files by name."""
        with self._lock:
            running = self._thread is not None and self._thread.is_alive()
            return {"running": running, "problem": self._problem, "files": list(self._files)}

    def file(self, name: str) -> Path:
        """A file of the last analysis; only names that ``analysis`` lists lead anywhere."""
        path = self._files.get(name)
        if path is None:
            raise InputError("There is no file of that name in the analysis.")
        return path

    def close(self) -> None:
        """End what runs and remove the analysis."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()
        if self._thread is not None:
            self._thread.join()
        self._folder.cleanup()

    def _compare(self, folder: Path) -> None:
        problems = []
        for label in self._study.protocol.labels:
            problem = self._compare_label(label.name, folder / _folder_name(label.name))
            if problem:
                problems.append(f"{label.name}: {problem}")
        files = {
            path.relative_to(folder).as_posix(): path
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        with self._lock:
            self._problem, self._files = " ".join(problems), files

    def _compare_label(self, label: str, output: Path) -> str:
        """What went wrong, "" for nothing."""
        study = str(self._study.folder.resolve())
        command = [sys.executable, "-m", "medai", "agree", study, "--label", label]
        with self._lock:
            if self._closed:
                return ""
            self._process = subprocess.Popen(  # noqa: S603 (our own program, no shell)
                [*command, "-o", str(output)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                cwd=self._folder.name,
                env=safe_environment([_PACKAGE]),
            )
        _, said = self._process.communicate()
        lines = said.strip().splitlines()
        return (lines or ["it ended without a word"])[-1] if self._process.returncode else ""


def _folder_name(label: str) -> str:
    return re.sub(r"[^\w-]+", "_", label)
