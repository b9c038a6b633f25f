"""Many studies in one go: resumable, several at a time, on one machine or a cluster."""

from medai.batch.outcome import Outcome
from medai.batch.run import Batch, run_batch
from medai.batch.study_list import ListedStudy, read_list

__all__ = ["Batch", "ListedStudy", "Outcome", "read_list", "run_batch"]
