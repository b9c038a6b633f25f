"""Results as files: one self-contained HTML page, tables as CSV, a summary as JSON."""

from medai.reports.write import write

__all__ = ["write"]
