"""What a study's owner sees in the browser: everybody's progress, and the analysis."""

from __future__ import annotations

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
    """Progress of all raters, and the report of ``medai agree`` as files to read and download."""

    def __init__(self, study: Study) -> None:
        self._study = study
        self._folder = TemporaryDirectory(prefix="medai-analysis-")
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
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
        """Begin an analysis in a process of its own, unless one is running."""
        with self._lock:
            if self._is_running():
                return
            self._count += 1
            output = Path(self._folder.name) / f"analysis-{self._count}"
            command = [sys.executable, "-m", "medai", "agree", str(self._study.folder.resolve())]
            self._process = subprocess.Popen(  # noqa: S603 (our own program, no shell)
                [*command, "-o", str(output)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                cwd=self._folder.name,
                env=safe_environment([_PACKAGE]),
            )

    def analysis(self) -> dict[str, Any]:
        """Whether an analysis runs, what went wrong with the last, and its files by name."""
        with self._lock:
            running = self._is_running()
            if self._process is not None and not running:
                _, said = self._process.communicate()
                lines = said.strip().splitlines()
                self._problem = (lines or ["?"])[-1] if self._process.returncode else ""
                output = Path(self._folder.name) / f"analysis-{self._count}"
                if not self._problem:
                    self._files = {
                        path.relative_to(output).as_posix(): path
                        for path in sorted(output.rglob("*"))
                        if path.is_file()
                    }
                self._process = None
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
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None
        self._folder.cleanup()

    def _is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None
