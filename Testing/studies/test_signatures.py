"""An outline that is sealed anew is found; so is a study.toml that is not its owner's."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from medai.commands.study import app
from medai.errors import StudyError
from medai.images import read_volume, write_segmentation
from medai.resources import user_folder
from medai.studies import Record, Remarks, Study, check_study, ed25519, open_study, start_session
from medai.studies.grow import add_raters
from medai.studies.ledger import read_ledger, unsigned
from medai.studies.record import record_text, sealed_text
from medai.studies.session import study_segmentation
from medai.studies.signing import fingerprint, own_signer, parse_signature

# RFC 8032, 7.1: secret, public key, message, signature.
VECTORS = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
)


def mask_of(value: int) -> dict[str, np.ndarray]:
    return {"lesion": np.full((1, 8, 8), value, np.uint8)}


def submit(study: Study, image: str) -> Record:
    volume = read_volume(study.image_path(image))
    return start_session(study, "AB", image, 1, volume).submit(mask_of(0), Remarks())


def as_somebody_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "another home"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "another home"))


def forge(study: Study, record: Record, signed: str) -> None:
    """Put another outline in the place of ``record``'s, and seal everything anew.

    signed: "kept" leaves the old signature, "none" takes it off, "own" signs as who runs this.
    """
    volume = read_volume(study.image_path(record.image))
    folder = study.submission_folder("AB", record.image)
    other = study_segmentation(study.protocol.labels, mask_of(1), volume)
    write_segmentation(other, folder / record.mask, overwrite=True)
    sha256 = hashlib.sha256((folder / record.mask).read_bytes()).hexdigest()
    fields = {name: getattr(record, name) for name in record.__dataclass_fields__}
    text = record_text(Record(**fields | {"mask_sha256": sha256}))
    (folder / f"{record.session}.json").write_text(text, encoding="utf-8")
    (path,) = study.ledger_folder("AB").glob(f"*-{record.session}.json")
    document = json.loads(path.read_text(encoding="utf-8"))
    kept = document.pop("signature")
    document.pop("record_sha256")
    document |= {
        "mask_sha256": sha256,
        "record_file_sha256": hashlib.sha256(text.encode()).hexdigest(),
    }
    content = sealed_text({k: v for k, v in document.items() if k != "format"}).encode()
    signature = {"kept": kept, "none": "", "own": own_signer()(content)}[signed]
    path.write_text(sealed_text({**document, "signature": signature}), encoding="utf-8")


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_signatures_are_those_of_rfc_8032(secret, public, message, signature) -> None:
    secret, message = bytes.fromhex(secret), bytes.fromhex(message)
    assert ed25519.public_key(secret).hex() == public
    assert ed25519.sign(secret, message).hex() == signature
    assert ed25519.is_signed(bytes.fromhex(public), message, bytes.fromhex(signature))


def test_a_changed_message_key_or_signature_does_not_fit() -> None:
    _, public, _, signature = (bytes.fromhex(word) for word in VECTORS[1])
    assert not ed25519.is_signed(public, b"s", signature)
    for place in (0, 31, 32, 60):
        wrong = bytearray(signature)
        wrong[place] ^= 1
        assert not ed25519.is_signed(public, b"\x72", bytes(wrong))
    assert not ed25519.is_signed(bytes.fromhex(VECTORS[0][1]), b"\x72", signature)
    # The same answer with the order added: RFC 8032 refuses it, so that a signature is one text.
    order = 2**252 + 27742317777372353535851937790883648493
    larger = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")
    assert not ed25519.is_signed(public, b"\x72", signature[:32] + larger)
    assert not ed25519.is_signed(b"\xff" * 32, b"\x72", signature)


def test_what_another_library_signs_fits_and_the_other_way_round() -> None:
    library = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    for number in range(8):
        secret, message = bytes([number]) * 32, b"x" * (7 * number)
        theirs = library.Ed25519PrivateKey.from_private_bytes(secret)
        assert theirs.sign(message) == ed25519.sign(secret, message)
        theirs.public_key().verify(ed25519.sign(secret, message), message)


def test_the_key_is_made_once_and_is_the_persons_alone(make_study) -> None:
    study = make_study()
    submit(study, "case-1")
    key = user_folder() / "signing" / "key"
    assert key.stat().st_mode & 0o077 == 0
    (entry,) = read_ledger(study, "AB").entries
    assert parse_signature(entry.signature).key == parse_signature(own_signer()(b"")).key
    assert [path.name for path in key.parent.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("signed", "says"),
    [
        ("kept", "doesn't fit its signature"),
        ("none", "isn't signed, although AB signs"),
        ("own", "which isn't known as AB's"),
    ],
)
def test_an_outline_of_another_rater_that_is_sealed_anew_is_found(
    make_study, monkeypatch, tmp_path, signed, says
) -> None:
    study = make_study()
    record = submit(study, "case-1")
    check = check_study(study)
    assert check.is_sound and "is taken on trust" in check.notes[0]
    assert check_study(study).notes == ()
    with monkeypatch.context() as patch:
        as_somebody_else(patch, tmp_path)
        forge(study, record, signed)
    (finding,) = check_study(study).findings
    assert (finding.kind, finding.path) == ("altered", f"ledgers/AB/000001-{record.session}.json")
    assert says in finding.message


def test_a_forgery_before_the_first_check_is_found_beside_sound_submissions(
    make_study, monkeypatch, tmp_path
) -> None:
    study = make_study()
    submit(study, "case-1")
    record = submit(study, "case-2")
    with monkeypatch.context() as patch:
        as_somebody_else(patch, tmp_path)
        forge(study, record, "own")
    check = check_study(study)
    assert len(check.findings) == 2 and all("isn't known" in f.message for f in check.findings)


def test_a_second_computer_of_a_rater_is_taken_once_it_is_accepted(
    make_study, monkeypatch, tmp_path
) -> None:
    study = make_study()
    submit(study, "case-1")
    assert check_study(study).is_sound
    with monkeypatch.context() as patch:
        as_somebody_else(patch, tmp_path)
        submit(study, "case-2")
    assert not check_study(study).is_sound
    assert check_study(study, accept_keys=True).is_sound
    assert check_study(study).is_sound


def test_what_was_handed_in_before_there_were_keys_is_sealed_by_what_follows(make_study) -> None:
    study = make_study()
    volume = read_volume(study.image_path("case-1"))
    session = start_session(study, "AB", "case-1", 1, volume)
    session.sign = unsigned
    session.submit(mask_of(0), Remarks())
    (note,) = check_study(study).notes
    assert note == (
        "The submissions of AB are unsealed: no key signed them, so that this check finds "
        "accidental change only."
    )
    submit(study, "case-2")
    assert check_study(study).is_sound and check_study(study).notes == ()


def test_a_study_whose_rules_were_changed_is_found(make_study, monkeypatch, tmp_path) -> None:
    study = make_study()
    assert check_study(study).findings == ()
    file, seal = study.folder / "study.toml", study.folder / "study.toml.sig"
    whole = file.read_text(encoding="utf-8")
    file.write_text(whole.replace("seed = 0", "seed = 1"), encoding="utf-8")
    changed = open_study(study.folder)
    assert [f.message for f in check_study(changed).findings] == [
        "study.toml was altered after its owner signed it."
    ]
    with monkeypatch.context() as patch:
        as_somebody_else(patch, tmp_path)
        seal.write_text(own_signer()(file.read_bytes()), encoding="utf-8")
        # Who never saw the owner's key can't tell.
        assert check_study(changed).findings == ()
    assert "which isn't known as its owner's" in check_study(changed).findings[0].message
    seal.unlink()
    assert check_study(changed).findings[0].message == "study.toml isn't signed any more."


def test_a_study_that_grows_is_signed_anew_unless_it_was_altered(make_study) -> None:
    study = add_raters(make_study(), ["EF"])
    assert check_study(study).findings == ()
    file = study.folder / "study.toml"
    file.write_text(file.read_text("utf-8").replace("seed = 0", "seed = 1"), encoding="utf-8")
    with pytest.raises(StudyError, match="was altered after its owner signed it"):
        add_raters(open_study(study.folder), ["GH"])


def test_the_command_shows_the_key_and_accepts_those_of_others(make_study) -> None:
    study = make_study()
    submit(study, "case-1")
    shown = CliRunner().invoke(app, ["key"])
    key = parse_signature(own_signer()(b"")).key
    assert f"signed with the key {fingerprint(key)}." in shown.output.replace("\n", " ")
    checked = CliRunner().invoke(app, ["check", str(study.folder), "--accept-keys"])
    assert checked.exit_code == 0, checked.output
