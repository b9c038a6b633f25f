"""The server as a rater's device meets it: the rules of a study, over HTTP."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from medai.images import read_volume, segmentation_from_masks, to_axial, write_segmentation
from medai.studies import QUALITIES, Study, check_study, rater_status, read_mask, worklist
from Testing.browser_client import Client, save_body
from Testing.served_study import Server, make_study


def case_of(study: Study, rater: str, depth: int) -> int:
    """The number of the rater's first case with ``depth`` slices."""
    for case in worklist(study.protocol, rater):
        if read_volume(study.image_path(case.image)).grid_shape[0] == depth:
            return case.number
    raise AssertionError(depth)


def drawn(opened: dict, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((2, *opened["shape"])) > 0.7


def test_what_is_drawn_is_what_the_study_holds_voxel_for_voxel(server: Server) -> None:
    study, client = server.study, server.client("AB")
    number = case_of(study, "AB", 5)
    opened = client.open(number).json
    # The chest's columns run toward the patient's right on disk, and toward the left here.
    masks = drawn(opened)
    answer = client.save(opened["open"], masks, where="submit", quality="low", reasons=["other"])
    assert answer.status == 200 and answer.json["handed_in"]
    status = rater_status(study, "AB")
    (record,) = status.records.values()
    assert record.remarks.quality == "low" and record.remarks.reasons == ("other",)
    kept = read_mask(study, record)
    volume = read_volume(study.image_path(record.image))
    for place, name in enumerate(("lesion", "consolidation")):
        shown = to_axial(volume).restore(masks[place])
        np.testing.assert_array_equal(kept.mask(name) != 0, shown)
    assert not np.array_equal(kept.mask("lesion") != 0, masks[0])
    assert check_study(study).is_sound


def test_slices_are_the_images_own_values_as_radiologists_look_at_them(refusing: Server) -> None:
    client = refusing.client("AB")
    number = case_of(refusing.study, "AB", 5)
    opened = client.open(number).json
    case = worklist(refusing.study.protocol, "AB")[number - 1]
    axial = to_axial(read_volume(refusing.study.image_path(case.image))).array
    for z in range(5):
        content = client.get(f"/api/open/{opened['open']}/slices/{z}").content
        np.testing.assert_array_equal(np.frombuffer(content, "<i2").reshape(40, 50), axial[z])
    assert client.get(f"/api/open/{opened['open']}/slices/5").status == 404


def test_no_name_of_an_image_reaches_a_rater(refusing: Server) -> None:
    client = refusing.client("AB")
    said = [client.get("/api/study").content, client.open(1).content]
    for image in refusing.study.protocol.images:
        assert all(image.name.encode() not in text for text in said)
    assert b"CD" not in said[0]


def test_a_draft_is_taken_up_with_its_outline_and_time(server: Server) -> None:
    client = server.client("AB")
    opened = client.open(1).json
    masks = drawn(opened)
    said = {"quality": "low", "reasons": ["out of focus"], "other_reason": "shaken"}
    assert client.save(opened["open"], masks, active_seconds=9.0, **said).status == 200
    (draft,) = client.get("/api/study").json["drafts"]
    assert draft["case"] == 1 and "unfinished outline for case 1" in draft["question"]
    again = client.open(1, draft=draft["draft"]).json
    content = client.get(f"/api/open/{again['open']}/masks").content
    assert content == b"".join(np.packbits(mask).tobytes() for mask in masks)
    assert again["remarks"] == said
    # Nine seconds were said half a second after opening: more than that can't be true.
    assert 0.0 < again["active_seconds"] < 9.0


def test_a_save_that_was_overtaken_changes_nothing(server: Server) -> None:
    client = server.client("AB")
    opened = client.open(1).json
    new, old = drawn(opened, 1), drawn(opened, 2)
    assert client.save(opened["open"], new, 5).json["revision"] == 5
    assert client.save(opened["open"], old, 4).json["revision"] == 5
    (draft,) = rater_status(server.study, "AB").drafts
    found = client.open(1, draft=draft.session).json
    content = client.get(f"/api/open/{found['open']}/masks").content
    assert content == b"".join(np.packbits(mask).tobytes() for mask in new)


def test_of_two_windows_the_second_is_told_and_may_correct(server: Server) -> None:
    first, second = server.client("AB"), server.client("AB")
    a, b = first.open(1).json, second.open(1).json
    assert a["session"] != b["session"]
    assert first.save(a["open"], drawn(a, 1), where="submit", quality="high").status == 200
    late = second.save(b["open"], drawn(b, 2), where="submit")
    assert late.status == 409 and "another window" in late.error
    # It lost nothing: the same outline may replace the other one.
    again = second.open(1, correct=True).json
    assert again["remarks"]["quality"] == "high"
    assert second.save(again["open"], drawn(b, 2), where="submit").status == 200
    (record,) = rater_status(server.study, "AB").records.values()
    assert record.corrects == a["session"]


def test_an_answer_that_got_lost_may_be_asked_for_again(server: Server) -> None:
    client = server.client("AB")
    opened = client.open(1).json
    one = client.save(opened["open"], drawn(opened), where="submit").json
    two = client.save(opened["open"], drawn(opened), 2, where="submit").json
    assert one == two
    assert client.open(1, lost=opened["session"]).json == {"arrived": True}
    assert client.open(1).status == 409
    assert rater_status(server.study, "AB").submitted == 1


def test_skipping_needs_a_reason(server: Server) -> None:
    client = server.client("AB")
    opened = client.open(1).json
    assert client.tell(f"/api/open/{opened['open']}/skip", {"reason": ""}).status == 422
    assert client.tell(f"/api/open/{opened['open']}/skip", {"reason": "  "}).status == 400
    answer = client.tell(f"/api/open/{opened['open']}/skip", {"reason": "blurred"})
    assert answer.status == 200
    assert rater_status(server.study, "AB").skipped == 1


def test_nobody_reaches_what_is_not_theirs(refusing: Server) -> None:
    mine, other, owner = refusing.client("AB"), refusing.client("CD"), refusing.owner()
    key = mine.open(1).json["open"]
    for address in (f"/api/open/{key}/masks", f"/api/open/{key}/slices/0"):
        assert other.get(address).status == 410
        assert owner.get(address).status == 401
        assert Client(refusing.port).get(address).status == 401
    for address in ("/api/owner/progress", "/api/owner/analysis", "/api/owner/files/x"):
        assert mine.get(address).status == 401
        assert Client(refusing.port).get(address).status == 401
    assert owner.get("/api/study").status == 401
    raters = owner.get("/api/owner/progress").json["raters"]
    assert [row["rater"] for row in raters] == ["AB", "CD", "EF"]


def test_no_path_of_a_client_leads_to_a_file(refusing: Server) -> None:
    owner = refusing.owner()
    for name in ("../study.toml", "..%2f..%2fstudy.toml", "%2e%2e/study.toml", "/etc/passwd", "x"):
        assert owner.get(f"/api/owner/files/{name}").status in (400, 404)
    for name in ("application.py", "../application.py", "study.toml", "static/main.js", "%00"):
        assert owner.get(f"/{name}").status == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Host": "[::1"}, 421),
        ({"Content-Length": "99999999999"}, 413),
    ],
)
def test_foreign_pages_names_and_floods_are_refused(
    refusing: Server, headers: dict[str, str], status: int
) -> None:
    client = refusing.client("AB")
    assert client.tell("/api/cases/1/open", {}, headers).status == status


def test_pages_carry_what_protects_them_and_ask_nobody_else(refusing: Server) -> None:
    answer = Client(refusing.port).get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "server" not in answer.headers
    for name in ("index.html", "main.js", "case.js", "view.js", "style.css"):
        content = Client(refusing.port).get(f"/{name}").content
        # A namespace is no address that anything is fetched from.
        assert b"http://" not in content and b"https://" not in content
    entered = refusing.client("AB").enter("wrong")
    assert entered.status == 401 and "set-cookie" not in entered.headers


def test_links_can_not_be_guessed_at_speed(server: Server) -> None:
    client = Client(server.port)
    answers = [client.enter(f"guess {k}").status for k in range(12)]
    assert answers == [401] * 10 + [429] * 2
    assert "guess" not in server.said


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(refusing: Server) -> None:
    client = Client(refusing.port)
    token = refusing.link("AB").partition("#")[2]
    cookie = client.enter(token).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\0\0\0",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x02{}",
        b"\0\0\0\x02[]" + zlib.compress(b""),
        (10_000).to_bytes(4, "big") + b"[" * 10_000,
        save_body(np.zeros((2, 1, 2, 2)))[:-3],
        save_body(np.zeros((2, 1, 2, 2))),
        save_body(np.zeros((2, 9, 600, 800))),
        save_body(np.zeros((1, 1, 60, 80)), quality="great"),
        save_body(np.zeros((1, 1, 60, 80)), active_seconds=-1),
        save_body(np.zeros((1, 1, 60, 80)), reasons=["x"] * 11),
    ],
)
def test_damaged_saves_are_one_line_and_keep_nothing(refusing: Server, body: bytes) -> None:
    client = refusing.client("AB")
    key = client.open(case_of(refusing.study, "AB", 1)).json["open"]
    for where in ("draft", "submit"):
        answer = client.send("POST", f"/api/open/{key}/{where}", body)
        assert answer.status == 400, answer.content
        assert "\n" not in answer.error
    status = rater_status(refusing.study, "AB")
    assert not status.records and not status.drafts


def test_a_bomb_is_not_inflated(refusing: Server) -> None:
    client = refusing.client("AB")
    key = client.open(1).json["open"]
    head = save_body(np.zeros((0, 1, 1, 1)))
    head = head[: 4 + int.from_bytes(head[:4], "big")]
    bomb = zlib.compress(bytes(200 * 2**20), 9)
    answer = client.send("POST", f"/api/open/{key}/draft", head + bomb)
    assert answer.status == 400 and "expected" in answer.error


def test_a_study_that_goes_is_said_and_the_rest_goes_on(server: Server) -> None:
    client = server.client("AB")
    opened = client.open(1).json
    away = server.study.folder.rename(server.study.folder.with_name("away"))
    answer = client.save(opened["open"], drawn(opened))
    assert answer.status in (401, 503)
    away.rename(server.study.folder)
    assert client.save(opened["open"], drawn(opened)).status == 200


def test_every_acknowledged_save_outlives_the_server(server: Server) -> None:
    """Killed at any moment with three raters at work, what was acknowledged is on disk."""
    generator = np.random.default_rng(5)
    for trial in range(4):
        acknowledged: dict[str, tuple[int, np.ndarray]] = {}

        def work(rater: str, seed: int, kept: dict[str, tuple[int, np.ndarray]]) -> None:
            client = server.client(rater)
            opened = client.open(case_of(server.study, rater, 1)).json
            for revision in range(1, 400):
                masks = drawn(opened, seed * 1000 + revision)
                try:
                    answer = client.save(opened["open"], masks, revision)
                except OSError:
                    return
                if answer.status == 200:
                    kept[rater] = (revision, masks)

        threads = [
            threading.Thread(target=work, args=(rater, trial * 10 + place, acknowledged))
            for place, rater in enumerate(("AB", "CD", "EF"))
        ]
        for thread in threads:
            thread.start()
        threads[0].join(0.7 + float(generator.random()))
        server.kill()
        for thread in threads:
            thread.join()
        assert len(acknowledged) == 3
        for rater, (revision, masks) in acknowledged.items():
            newest = rater_status(server.study, rater).drafts[0]
            found = read_mask(server.study, newest).mask("lesion") != 0
            # A save that was written and not yet acknowledged may be there instead.
            seed = trial * 10 + ("AB", "CD", "EF").index(rater)
            following = np.random.default_rng(seed * 1000 + revision + 1).random((2, 1, 60, 80))
            assert np.array_equal(found, masks[0]) or np.array_equal(found, following[0] > 0.7)
        server.start()
    assert check_study(server.study).is_sound


def test_requests_of_every_shape_never_break_it(server: Server) -> None:
    """Requests made up from the interface's own description: an error of ours is never 500."""
    generator = np.random.default_rng(3)
    client, owner = server.client("AB"), server.owner()
    key = client.open(1).json["open"]
    words = ["", "0", "-1", "1", "99999999999999999999", "NaN", "..", "%00", "é", "a" * 3000, key]
    values = [None, True, -1, 1e308, "", "x" * 300, [], {}, [[]], {"a": 1}, "\ud800", key]
    places = [
        ("POST", "/api/enter", ["token"]),
        ("POST", "/api/cases/{}/open", ["draft", "correct", "lost"]),
        ("GET", "/api/open/{}/slices/{}", []),
        ("GET", "/api/open/{}/masks", []),
        ("GET", "/api/open/{}/region", []),
        ("GET", "/api/open/{}/predictions", []),
        ("POST", "/api/open/{}/draft", []),
        ("POST", "/api/open/{}/skip", ["reason", "active_seconds"]),
        ("GET", "/api/owner/files/{}", []),
        ("GET", "/api/study", []),
        ("GET", "/{}", []),
    ]
    before = sorted(path for path in server.study.folder.parent.iterdir())
    for _ in range(400):
        method, address, fields = places[generator.integers(len(places))]
        while "{}" in address:
            word = words[generator.integers(len(words))].encode().hex("%")
            address = address.replace("{}", f"%{word}" if word else "", 1)
        body = {field: values[generator.integers(len(values))] for field in fields}
        content = json.dumps(body).encode() if fields else generator.bytes(40)
        sender = (client, owner, Client(server.port))[generator.integers(3)]
        answer = sender.send(method, address, content, {"Content-Type": "application/json"})
        assert answer.status < 500, (method, address, body, answer.content)
    assert sorted(path for path in server.study.folder.parent.iterdir()) == before
    assert "Traceback" not in server.said


def test_training_is_answered_with_how_the_outline_compares(
    make_server: Callable[[Study], Server], tmp_path: Path
) -> None:
    make_study(tmp_path / "plain")
    # Names in a study are neutral, and by chance: the photograph is found by its file.
    source = tmp_path / "plain-in" / "photo-0.nrrd"
    volume = read_volume(source)
    right = np.zeros(volume.grid_shape, np.uint8)
    right[:, 10:30, 10:30] = 1
    reference = tmp_path / "reference.seg.nrrd"
    write_segmentation(
        segmentation_from_masks(
            {"lesion": right, "consolidation": 0 * right},
            volume.ijk_to_ras,
            colors={"lesion": (1.0, 0.0, 0.0), "consolidation": (0.0, 0.0, 1.0)},
        ),
        reference,
    )
    study = make_study(tmp_path / "trained", references={source.stem: reference})
    client = make_server(study).client("AB")
    opened = client.open(1).json
    assert opened["is_training"]
    masks = np.zeros((2, 1, 60, 80), bool)
    masks[0, 0, 10:30, 10:20] = True
    answer = client.save(opened["open"], masks, where="submit").json
    assert answer["feedback"][0].startswith("lesion: Dice 0.67. You found 50% of it")
    assert set(QUALITIES) == set(client.get("/api/study").json["qualities"])
