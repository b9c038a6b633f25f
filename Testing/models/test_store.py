from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch

from medai.errors import (
    ModelCardError,
    ModelHashError,
    ModelNotFoundError,
    ModelShapeError,
    ModelTaskError,
    UnsafeWeightsError,
)
from medai.models import ModelStore
from Testing.model_folders import write_ensemble, write_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_model(tmp_path / "shipped" / "small", "unet", ("lesion",), classes=2, width=4)


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> ModelStore:
    return ModelStore([tmp_path / "shipped", tmp_path / "own"])


def replace_weights(folder: Path, content: bytes) -> None:
    """Other weights, with a card that vouches for them."""
    old = hashlib.sha256((folder / "weights.pt").read_bytes()).hexdigest()
    (folder / "weights.pt").write_bytes(content)
    card = folder / "card.toml"
    card.write_text(card.read_text().replace(old, hashlib.sha256(content).hexdigest()))


def saved(value: object, **options: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    return stream.getvalue()


def test_half_precision_weights_are_loaded_as_float32_for_evaluation(store, folder):
    stored = torch.load(folder / "weights.pt", weights_only=True)
    model = store.load("small", task="lesions")
    weight = model.network.inc.double_conv[0].weight
    assert weight.dtype == torch.float32 and not model.network.training
    assert not weight.requires_grad
    assert torch.equal(weight, stored["inc.double_conv.0.weight"].float())
    assert model.classes == ("lesion",) and model.members == ()


def test_the_recommended_card_comes_first(store, folder, tmp_path):
    best = write_model(tmp_path / "own" / "best", "unet", ("lesion",), classes=2, width=4)
    card = best / "card.toml"
    card.write_text("recommended = true\n" + card.read_text())
    assert [c.id for c in store.cards("lesions")] == ["best", "small"]
    assert store.recommended("lesions").id == store.load(task="lesions").card.id == "best"
    assert store.cards("covid") == ()
    with pytest.raises(ModelNotFoundError, match="No model for the task 'covid'"):
        store.recommended("covid")


def test_a_folder_without_a_good_card_is_listed_as_broken(store, tmp_path):
    (tmp_path / "own" / "empty").mkdir(parents=True)
    assert [c.id for c in store.cards()] == ["small"]
    assert store.broken() == {"empty": "Card of empty: card.toml is missing."}


def test_an_unknown_model_names_the_known_ones(store):
    with pytest.raises(ModelNotFoundError, match="No model named 'large'; there are: small"):
        store.load("large")


def test_a_model_for_another_task_is_refused(store):
    with pytest.raises(ModelTaskError, match=r"small is a model for lesions, expected .* covid"):
        store.load("small", task="covid")


def test_changed_weights_are_refused(store, folder):
    content = bytearray((folder / "weights.pt").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "weights.pt").write_bytes(content)
    for use in (store.load, store.verify):
        with pytest.raises(ModelHashError, match="the card says"):
            use("small")


def test_verify_accepts_what_load_accepts(store):
    store.verify("small")


class Burst:
    def __reduce__(self):
        return (exec, ("raise SystemExit('code ran')",))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (saved({"inc": Burst()}), "carry code"),
        (pickle.dumps({"inc": Burst()}), "not a file of torch.save"),
        (saved({"a": torch.zeros(1)}, _use_new_zipfile_serialization=False), "not a file of"),
        (b"", "not a file of"),
        (saved([torch.zeros(2)]), "hold no state dict"),
        (saved({"note": "text"}), "hold no state dict"),
    ],
)
def test_weights_that_carry_code_or_are_no_state_dict_are_refused(store, folder, content, says):
    replace_weights(folder, content)
    with pytest.raises(UnsafeWeightsError, match=says) as refusal:
        store.load("small")
    assert "\n" not in str(refusal.value)


def test_weights_cut_short_are_refused(store, folder):
    replace_weights(folder, (folder / "weights.pt").read_bytes()[:-500])
    with pytest.raises(UnsafeWeightsError):
        store.load("small")


def test_weights_packed_to_unpack_to_any_size_are_refused(store, folder):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(1_000_000))
    replace_weights(folder, stream.getvalue())
    with pytest.raises(UnsafeWeightsError, match=r"not a file of torch\.save"):
        store.load("small")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.pop("outc.conv.bias"), "have no outc.conv.bias"),
        (lambda s: s.update({"outc.conv.bias": torch.zeros(5)}), r"is \(5,\), expected \(2,\)"),
        (lambda s: s.update({"more": torch.zeros(1)}), "have more, which the network has not"),
        (lambda s: s["outc.conv.bias"].fill_(torch.nan), "outc.conv.bias holds numbers that are"),
    ],
)
def test_weights_of_another_network_are_refused(store, folder, change, says):
    state = torch.load(folder / "weights.pt", weights_only=True)
    change(state)
    replace_weights(folder, saved(state))
    with pytest.raises(ModelShapeError, match=says):
        store.load("small")


def test_a_card_that_asks_for_a_giant_network_costs_no_memory(store, folder):
    card = folder / "card.toml"
    card.write_text(card.read_text().replace("width = 4", "width = 20000"))
    with pytest.raises(ModelShapeError, match=r"inc\.double_conv\.0\.weight"):
        store.load("small")


def test_arguments_the_network_does_not_take_are_refused(store, folder):
    card = folder / "card.toml"
    card.write_text(card.read_text().replace("width = 4", "depth = 4"))
    with pytest.raises(ModelCardError, match="unet does not take these arguments"):
        store.load("small")


def test_a_users_model_is_checked_copied_and_found(store, tmp_path):
    given = write_model(tmp_path / "given" / "mine", "unet", ("lesion",), classes=2, width=4)
    (given / "weights.pt").rename(given / "elsewhere.pt")
    assert store.add(given / "elsewhere.pt", given / "card.toml").id == "mine"
    assert sorted(p.name for p in (tmp_path / "own").iterdir()) == ["mine"]
    assert store.load("mine").card.text == (given / "card.toml").read_text()
    with pytest.raises(ModelCardError, match="mine is there already"):
        store.add(given / "elsewhere.pt", given / "card.toml")


def test_a_users_model_that_fails_a_check_leaves_nothing(store, tmp_path):
    given = write_model(tmp_path / "given" / "mine", "unet", ("lesion",), classes=2, width=4)
    replace_weights(given, saved({"inc": Burst()}))
    with pytest.raises(UnsafeWeightsError):
        store.add(given / "weights.pt", given / "card.toml")
    assert not (tmp_path / "own").exists()


def test_an_ensemble_loads_its_members(store, tmp_path):
    write_model(tmp_path / "own" / "other", "unet", ("lesion",), classes=2, width=6)
    write_ensemble(tmp_path / "own" / "both", "small", "other")
    model = store.load("both", task="lesions")
    assert model.network is None and [m.card.id for m in model.members] == ["small", "other"]
    assert model.classes == ("lesion",)
    store.verify("both")


def test_a_part_of_an_ensemble_is_loaded_by_its_id_and_not_offered(store, tmp_path):
    part = write_model(tmp_path / "own" / "part", "unet", ("lesion",), classes=2, width=4)
    write_ensemble(tmp_path / "own" / "both", "small", "part")
    assert [card.id for card in store.cards()] == ["both", "part", "small"]
    card = part / "card.toml"
    card.write_text(card.read_text().replace("[network]", 'part_of = "both"\n[network]'))
    assert [card.id for card in store.cards()] == ["both", "small"]
    assert store.load("part").card.part_of == "both"
    with pytest.raises(ModelNotFoundError, match=r"there are: both, small\.$"):
        store.load("none")
    assert len(store.load("both").members) == 2


def shift_last_layer(network: torch.nn.Module) -> None:
    network.outc.conv.weight.data += 1


def build_on_small(store, tmp_path) -> Path:
    """A model whose file has its last layer alone; the rest is the model "small"'s."""
    small = store.card("small").weights.sha256
    head = write_model(
        tmp_path / "own" / "head", "unet", ("lesion",), classes=2, width=4, change=shift_last_layer
    )
    state = torch.load(head / "weights.pt", weights_only=True)
    kept = {name: value for name, value in state.items() if name.startswith("outc.")}
    replace_weights(head, saved(kept))
    card = head / "card.toml"
    base = f'base = "small"\nbase_sha256 = "{small}"\n[licence]'
    card.write_text(card.read_text().replace("[licence]", base))
    return head


def test_a_model_that_builds_on_another_takes_the_rest_from_it(store, tmp_path):
    build_on_small(store, tmp_path)
    small, head = store.load("small").network, store.load("head").network
    assert torch.equal(head.inc.double_conv[0].weight, small.inc.double_conv[0].weight)
    assert not torch.equal(head.outc.conv.weight, small.outc.conv.weight)
    store.verify("head")


def test_a_model_whose_base_has_changed_is_refused(store, tmp_path, folder):
    build_on_small(store, tmp_path)
    other = write_model(
        tmp_path / "other" / "small",
        "unet",
        ("lesion",),
        classes=2,
        width=4,
        change=shift_last_layer,
    )
    for file in other.iterdir():
        file.replace(folder / file.name)
    store.load("small")
    for refused in (store.load, store.verify):
        with pytest.raises(ModelHashError):
            refused("head")


def test_a_model_whose_base_is_missing_or_itself_built_on_another_is_refused(store, tmp_path):
    card = build_on_small(store, tmp_path) / "card.toml"
    text = card.read_text()
    card.write_text(text.replace('base = "small"', 'base = "absent"'))
    with pytest.raises(ModelNotFoundError, match="No model named 'absent'"):
        store.load("head")
    second = write_model(tmp_path / "own" / "second", "unet", ("lesion",), classes=2, width=4)
    text = text.replace('id = "head"', 'id = "second"').replace('base = "small"', 'base = "head"')
    (second / "card.toml").write_text(text)
    (second / "weights.pt").write_bytes((card.parent / "weights.pt").read_bytes())
    card.write_text(card.read_text().replace('base = "absent"', 'base = "small"'))
    with pytest.raises(ModelCardError, match="base head has no weights of its own"):
        store.load("second")


@pytest.mark.parametrize("member", ["absent", "nested", "two"])
def test_an_ensemble_of_what_does_not_fit_is_refused(store, tmp_path, member):
    write_ensemble(tmp_path / "own" / "nested", "small", "small-2")
    write_model(tmp_path / "own" / "two", "unet", ("a", "b"), classes=3, width=4)
    write_ensemble(tmp_path / "own" / "bad", "small", member)
    with pytest.raises((ModelCardError, ModelNotFoundError)):
        store.load("bad")


def test_a_checkpoint_of_the_common_unet_loads_with_its_extra_entry(store, folder):
    state = torch.load(folder / "weights.pt", weights_only=True)
    replace_weights(folder, saved(state | {"mask_values": [0, 1]}))
    assert store.load("small").network.outc.conv.bias.shape == (2,)
