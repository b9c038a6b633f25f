"""The lesion networks over the lung slices of a study: probabilities, and regions where there are.

Here is everything of the lesion segmentation that needs torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from medai.cancellation import CancelCallback, never_cancelled
from medai.inference.lesions.mask_paste import paste_classes, paste_maps
from medai.inference.lesions.result import LOWEST_SCORE, RoiTable
from medai.inference.running.acceleration import accelerated, release
from medai.inference.running.batches import BatchRunner
from medai.inference.running.device import choose_device, describe_device
from medai.inference.running.flips import turned, turned_back
from medai.inference.running.letterbox import Frame, normalise
from medai.inference.running.lung_slices import LungSlices
from medai.inference.running.regions import MASK_PIXELS, Regions, region_detector
from medai.inference.running.transfers import Answers, to_device
from medai.models import Model
from medai.models.card import InputSection
from medai.networks import LesionMaskRCNN
from medai.progress import Progress, ProgressCallback, ignore_progress, share_of

# Measured: a U-Net's activations of one slice fill a processor's cache already, a Mask R-CNN's
# per-call work is worth sharing among a few slices.
_CPU_BATCH = {True: 4, False: 1}
_GPU_BATCH = 16


@dataclass(eq=False)
class SliceAnswer:
    """What one or more networks found, on the axial grid (z, y, x), not yet cut to the lungs.

    likeliest: index of the likeliest class, None with one class or when ``rois`` tell it.
    """

    probability: NDArray[np.float16]
    likeliest: NDArray[np.uint8] | None
    score_map: NDArray[np.float16] | None
    rois: RoiTable | None
    device: str
    notes: tuple[str, ...]


def run_networks(
    model: Model,
    slices: LungSlices,
    *,
    device: str,
    batch_size: int | None = None,
    score_threshold: float | None = None,
    progress: ProgressCallback = ignore_progress,
    cancelled: CancelCallback = never_cancelled,
) -> SliceAnswer:
    """Run a model, or every member of an ensemble, over the lung slices.

    score_threshold: regions of at least this score, or LOWEST_SCORE, get a mask.
    """
    answers = []
    together = _run_together(model)
    for index, group in enumerate(together):
        run = _NetworkRun(group, slices, device, batch_size)
        run.mask_floor = min(LOWEST_SCORE, 1.0 if score_threshold is None else score_threshold)
        answers.append(run.answer(share_of(progress, index, len(together)), cancelled))
    if len(answers) == 1:
        return answers[0]
    return _average(answers, [len(group) for group in together], len(model.classes))


def _run_together(model: Model) -> list[tuple[Model, ...]]:
    """The single models in groups that can share one pass over the slices.

    U-Nets that are fed the same pictures: their class probabilities are averaged slice by slice,
    and a whole study is held in memory once only. Every other model is a group of its own.
    """
    groups: dict[tuple, list[Model]] = {}
    for number, single in enumerate(model.singles):
        entry = single.card.input
        assert entry is not None
        regional = isinstance(single.network, LesionMaskRCNN)
        key = (number,) if regional else (entry.window, entry.size, entry.mean, entry.std)
        groups.setdefault(key, []).append(single)
    return [tuple(group) for group in groups.values()]


def _average(answers: list[SliceAnswer], members: list[int], classes: int) -> SliceAnswer:
    """The mean probability over all members; the class of the surest group of members."""
    probability = np.zeros_like(answers[0].probability)
    for answer, count in zip(answers, members, strict=True):
        probability += answer.probability * np.float16(count / sum(members))
    likeliest = None
    if classes > 1:
        surest = answers[0].probability
        likeliest = _classes_of(answers[0])
        for other in answers[1:]:
            np.copyto(likeliest, _classes_of(other), where=other.probability > surest)
            surest = np.maximum(surest, other.probability)
    notes = tuple(dict.fromkeys(note for answer in answers for note in answer.notes))
    return SliceAnswer(probability, likeliest, None, None, answers[-1].device, notes)


def _classes_of(answer: SliceAnswer) -> NDArray[np.uint8]:
    if answer.rois is not None:
        return paste_classes(answer.rois, answer.probability.shape)
    assert answer.likeliest is not None
    return answer.likeliest


class _NetworkRun:
    """One network, or several U-Nets with the same input, over one study."""

    def __init__(
        self, models: tuple[Model, ...], slices: LungSlices, device: str, batch_size: int | None
    ) -> None:
        entries = [model.card.input for model in models if model.card.input is not None]
        self._networks = [model.network for model in models if model.network is not None]
        self._views = [entry.views for entry in entries]
        self._temperatures = [model.card.decision.temperature or 1.0 for model in models]
        self._classes = len(models[0].classes)
        self._slices = slices
        self._input: InputSection = entries[0]
        self._finds_regions = isinstance(self._networks[0], LesionMaskRCNN)
        chosen = choose_device(device)
        automatic = _GPU_BATCH if chosen.type == "cuda" else _CPU_BATCH[self._finds_regions]
        self._runner = BatchRunner(chosen, batch_size or automatic)
        shape = slices.axial.grid_shape
        self._probability = np.zeros(shape, np.float16)
        several = self._classes > 1 and not self._finds_regions
        self._likeliest = np.zeros(shape, np.uint8) if several else None
        self._regions: list[RoiTable] = []
        self._last: tuple[range, Answers] | None = None
        self.mask_floor = LOWEST_SCORE

    def answer(self, progress: ProgressCallback, cancelled: CancelCallback) -> SliceAnswer:
        count = len(self._slices)

        def done(number: int) -> None:
            progress(Progress(number / count, f"Finding lesions: slice {number} of {count}"))

        progress(Progress(0.0, f"Finding lesions: {count} slices"))
        self._runner.run(
            count,
            self._find_regions if self._finds_regions else self._find_voxels,
            done=done,
            cancelled=cancelled,
            release=self._release,
        )
        self._take_in_last()
        rois, score_map = None, None
        if self._finds_regions:
            rois = _joined(self._regions)
            score_map = np.zeros_like(self._probability)
            paste_maps(rois, self._probability, score_map)
        return SliceAnswer(
            self._probability,
            self._likeliest,
            score_map,
            rois,
            describe_device(self._runner.device),
            tuple(self._runner.notes),
        )

    def _framed(self, numbers: range, device: torch.device) -> tuple[Tensor, list[Frame]]:
        """Normalised slices (n, 1, *size) on ``device``, and the frame of each."""
        rows, columns = self._input.size
        pixel_mm = self._slices.pixel_mm
        framed, frames = [], []
        for number in numbers:
            picture = torch.from_numpy(self._slices.picture(number))
            frame = Frame.fit((picture.shape[0], picture.shape[1]), (rows, columns), pixel_mm)
            framed.append(frame.into(to_device(picture[None], device)))
            frames.append(frame)
        return normalise(torch.cat(framed), self._input.mean, self._input.std), frames

    def _release(self) -> None:
        for network in self._networks:
            release(network)

    @torch.inference_mode()
    def _find_voxels(self, numbers: range, device: torch.device) -> None:
        images, frames = self._framed(numbers, device)
        shares: Tensor | None = None
        networks = zip(self._networks, self._views, self._temperatures, strict=True)
        for network, views, temperature in networks:
            fast = accelerated(network, device)
            dtype = next(fast.parameters()).dtype
            for view in views:
                seen = turned(images, view).to(dtype, memory_format=torch.channels_last)
                answer = (fast(seen).float() / temperature).softmax(dim=1)
                answer = turned_back(answer, view) / len(views)
                shares = answer if shares is None else shares.add_(answer)
        assert shares is not None
        shares /= len(self._networks)
        answers = []
        for index, frame in enumerate(frames):
            back = frame.back(shares[index : index + 1])[0]
            answers.append((1.0 - back[0]).half())
            if self._likeliest is not None:
                answers.append(_likeliest(back[1:]))
        # While a GPU works on this batch, the one before is put in its place.
        on_their_way = Answers(answers)
        self._take_in_last()
        self._last = numbers, on_their_way

    def _take_in_last(self) -> None:
        """Put what was computed last into the maps."""
        if self._last is None:
            return
        numbers, answers = self._last
        arrays = iter(answers.arrays())
        for number in numbers:
            place = self._slices.place(number)
            self._probability[place] = next(arrays)
            if self._likeliest is not None:
                self._likeliest[place] = next(arrays)
        self._last = None

    @torch.inference_mode()
    def _find_regions(self, numbers: range, device: torch.device) -> None:
        (network,) = self._networks
        assert isinstance(network, LesionMaskRCNN)
        images, frames = self._framed(numbers, device)
        detector = region_detector(network, device)
        found = detector.detect(images, score_threshold=-1.0, mask_floor=self.mask_floor)
        self._regions.append(self._table(found, numbers, frames))

    def _table(self, found: Regions, numbers: range, frames: list[Frame]) -> RoiTable:
        """The batch's regions in pixels of the axial grid."""
        image = found.image.numpy()
        places = [self._slices.place(number) for number in numbers]
        offset = np.array([(p[2].start, p[1].start) * 2 for p in places], np.float32)
        scale = np.array([(f.scale[1], f.scale[0]) * 2 for f in frames], np.float32)
        box = found.boxes.numpy() / scale[image] + offset[image]
        return RoiTable(
            slice_index=np.array([p[0] for p in places], np.int32)[image],
            box=box,
            score=found.scores.numpy(),
            area_px=(box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]),
            class_index=(found.labels.numpy() - 1).astype(np.uint8),
            masked=found.masked.numpy().astype(np.int32),
            mask_logits=found.mask_logits.numpy().astype(np.float16),
        )


def _likeliest(shares: Tensor) -> Tensor:
    """Index (uint8) of the largest along axis 0; the first of equals. Ten times argmax's speed."""
    best, index = shares[0], torch.zeros_like(shares[0], dtype=torch.uint8)
    for number in range(1, len(shares)):
        index.masked_fill_(shares[number] > best, number)
        best = torch.maximum(best, shares[number])
    return index


def _joined(tables: list[RoiTable]) -> RoiTable:
    """Tables of consecutive batches as one."""
    starts = np.cumsum([0, *(len(table) for table in tables)])

    def column(name: str, empty: NDArray) -> NDArray:
        return np.concatenate([getattr(table, name) for table in tables] or [empty])

    masked = [table.masked + start for table, start in zip(tables, starts, strict=False)]
    return RoiTable(
        slice_index=column("slice_index", np.zeros(0, np.int32)),
        box=column("box", np.zeros((0, 4), np.float32)),
        score=column("score", np.zeros(0, np.float32)),
        area_px=column("area_px", np.zeros(0, np.float32)),
        class_index=column("class_index", np.zeros(0, np.uint8)),
        masked=np.concatenate(masked or [np.zeros(0)]).astype(np.int32),
        mask_logits=column("mask_logits", np.zeros((0, MASK_PIXELS, MASK_PIXELS), np.float16)),
    )
