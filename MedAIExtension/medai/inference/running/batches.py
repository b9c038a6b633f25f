"""Running a network over many slices: batch by batch, with less memory when it runs out."""

from __future__ import annotations

from collections.abc import Callable

import torch

from medai.cancellation import CancelCallback, raise_if_cancelled
from medai.errors import WorkerError

Step = Callable[[range, torch.device], None]


class BatchRunner:
    """Runs steps over slices on one device, halving the batch, then moving to the CPU, when memory
    runs out.

    device, batch_size: what is used now. notes: what was changed, each said once.
    """

    def __init__(self, device: torch.device, batch_size: int) -> None:
        self.device = device
        self.batch_size = batch_size
        self.notes: list[str] = []

    def run(
        self,
        count: int,
        step: Step,
        *,
        done: Callable[[int], None],
        cancelled: CancelCallback,
        release: Callable[[], None],
    ) -> None:
        """Call ``step(numbers, device)`` for 0..count - 1 in batches, ``done(n)`` after each.

        release: called before the device changes, to drop what is kept on the old one.
        Raises CancelledError within one batch; WorkerError when one slice alone is too much.
        """
        start = 0
        while start < count:
            raise_if_cancelled(cancelled)
            batch = range(start, min(start + self.batch_size, count))
            if self._succeeds(step, batch):
                start = batch.stop
                done(start)
            else:
                self._use_less(len(batch), release)

    def _succeeds(self, step: Step, batch: range) -> bool:
        # The exception holds the failed step's tensors; less is tried only after it is gone.
        try:
            step(batch, self.device)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            return False
        return True

    def _use_less(self, batch_size: int, release: Callable[[], None]) -> None:
        on_gpu = self.device.type == "cuda"
        if batch_size > 1:
            self.batch_size = batch_size // 2
            where = "GPU" if on_gpu else "computer"
            note = f"The {where}'s memory ran out: fewer slices are computed at once."
        elif on_gpu:
            release()
            self.device = torch.device("cpu")
            note = "The GPU's memory does not hold one slice: computed on the CPU instead."
        else:
            raise WorkerError(
                "Out of memory with a single slice: close other programs or choose a smaller model."
            )
        if on_gpu:
            torch.cuda.empty_cache()
        if note not in self.notes:
            self.notes.append(note)


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)
