"""What passes between the window and the inference process."""

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest

from medai.errors import WorkerError
from medai.images import Volume
from medai.inference.worker.array_transfer import pack, unpack
from medai.inference.worker.transferred_types import TRANSFERRED_TYPES
from medai.progress import Progress


def volume(shape: tuple[int, ...] = (40, 64, 64)) -> Volume:
    array = np.arange(np.prod(shape), dtype=np.int16).reshape(shape)
    return Volume(array, np.diag([-1.0, -1.0, 2.0, 1.0]), "CT", "study")


def test_a_volume_arrives_as_it_was_sent(tmp_path: Path) -> None:
    sent = volume()
    message = pack(("lesions", sent, 3.5), tmp_path)
    assert len(message.payload) < 10_000
    while not message.copy_some(0.0001):
        pass
    (task, received, number), arrays = unpack(message.payload, tmp_path)
    assert (task, number) == ("lesions", 3.5)
    np.testing.assert_array_equal(received.array, sent.array)
    assert received.array.dtype == np.int16
    assert type(received.array) is np.ndarray
    np.testing.assert_array_equal(received.ijk_to_ras, sent.ijk_to_ras)
    assert next(iter(arrays.values())) is received.array
    assert list(tmp_path.iterdir()) == []


def test_views_and_slabs_keep_every_voxel(tmp_path: Path) -> None:
    array = np.random.default_rng(0).normal(size=(90, 300, 200)).astype(np.float32)
    for view in (array.transpose(2, 0, 1), array[::-1], array[:, ::2]):
        message = pack(view, tmp_path)
        while not message.copy_some(0.001):
            pass
        received, _ = unpack(message.payload, tmp_path)
        np.testing.assert_array_equal(received, view)


def test_an_array_the_other_side_has_is_only_named(tmp_path: Path) -> None:
    own = volume().array
    message = pack({"input": own, "other": own + 1}, tmp_path, {id(own): "mine"})
    assert len(message.arrays) == 1
    while not message.copy_some(1.0):
        pass
    received, _ = unpack(message.payload, tmp_path, {"mine": own})
    assert received["input"] is own


@pytest.mark.parametrize(
    "sent",
    [
        np.float32(1.5),
        np.float64(-0.25),
        np.int64(7),
        np.bool_(True),
        np.str_("größer"),
        np.dtype(np.float16),
        np.arange(6, dtype=">i2").reshape(2, 3).T,
        np.zeros((3, 0, 2), np.float16),
        np.array(2.5),
        np.array(["a", "größer", ""]),
        np.array([True, False]),
        np.array([1 + 2j]),
    ],
    ids=repr,
)
def test_small_arrays_and_numbers_keep_type_shape_and_value(sent, tmp_path: Path) -> None:
    message = pack({"it": sent}, tmp_path)
    assert message.arrays == {}
    received = unpack(message.payload, tmp_path)[0]["it"]
    assert type(received) is type(sent)
    if isinstance(sent, np.dtype):
        assert received == sent
    else:
        assert received.dtype == sent.dtype and received.shape == sent.shape
        np.testing.assert_array_equal(received, sent)
    if isinstance(received, np.ndarray):
        received[...] = received


def test_numpy_is_not_trusted_with_a_message(tmp_path: Path) -> None:
    """Its pickled data types crash the interpreter when they are damaged."""
    for sent in (np.arange(3), np.float32(1), np.dtype("f4"), np.zeros(2, [("a", "f4")])):
        with pytest.raises(WorkerError, match="not allowed"):
            unpack(pickle.dumps(sent), tmp_path)


def test_a_message_can_not_name_other_code(tmp_path: Path) -> None:
    for evil in (eval, Path, pytest.raises, np.load):
        with pytest.raises(WorkerError, match="not allowed"):
            unpack(pickle.dumps(evil), tmp_path)


@dataclass
class NotOurs:
    value: int = 1


def test_classes_from_elsewhere_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="not allowed"):
        unpack(pickle.dumps(NotOurs()), tmp_path)


def test_damaged_messages_are_one_typed_error(tmp_path: Path) -> None:
    message = pack(("lesions", volume(), None), tmp_path)
    random = np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(message.payload)
        for position in random.integers(0, len(damaged), 3):
            damaged[position] = random.integers(0, 256)
        try:
            unpack(bytes(damaged[: random.integers(1, len(damaged) + 1)]), tmp_path)
        except WorkerError as error:
            assert "\n" not in str(error)


def test_a_discarded_message_leaves_no_file(tmp_path: Path) -> None:
    message = pack(volume(), tmp_path)
    message.copy_some(0.0001)
    message.discard()
    assert list(tmp_path.iterdir()) == []


def test_only_types_that_tasks_take_or_give_are_allowed(tmp_path: Path) -> None:
    for module, name in (
        ("medai.models.store", "ModelStore"),
        ("medai.inference.worker.inference_worker", "Worker"),
        ("medai.output", "Path"),
    ):
        payload = b"c" + f"{module}\n{name}\n.".encode()
        with pytest.raises(WorkerError, match="not allowed"):
            unpack(payload, tmp_path)


def test_the_list_of_types_is_what_the_tasks_signatures_name() -> None:
    from medai.models import Model
    from medai.tasks import TASKS, part

    found: set[type] = set()

    def collect(hint: Any) -> None:
        for argument in get_args(hint):
            collect(argument)
        ours = isinstance(hint, type) and hint.__module__.startswith("medai.")
        if not ours or hint in found or hint in (Model, Progress):
            return
        found.add(hint)
        for inner in get_type_hints(hint, localns={"Model": Model}).values():
            collect(inner)

    for task in TASKS:
        if task.needs_model:
            for hint in get_type_hints(part(task.run)).values():
                collect(hint)
    named = {(module, name) for module, names in TRANSFERRED_TYPES.items() for name in names}
    missing = {(each.__module__, each.__name__) for each in found} - named
    assert not missing, f"transferred_types lacks {sorted(missing)}"
