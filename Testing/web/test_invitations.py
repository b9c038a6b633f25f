"""Personal links: what the study keeps of them, and when they end."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest

from medai.errors import StudyError
from medai.studies import Study, check_study
from medai.studies.study import INVITATIONS_FILE
from medai.web import invitations as module
from medai.web.invitations import OWNER, Holder, Invitations
from medai.web.serve import Address, link


def test_a_link_lets_its_rater_in_and_the_study_keeps_only_hashes(study: Study) -> None:
    invitations = Invitations(study)
    token = invitations.invite("AB")
    assert len(token) >= 43  # 256 bits
    entered = invitations.enter(token)
    assert entered is not None
    holder, cookie = entered
    assert holder == Holder("rater", "AB")
    assert invitations.holder(cookie) == holder
    kept = (study.folder / INVITATIONS_FILE).read_text(encoding="utf-8")
    assert token not in kept and cookie not in kept
    assert hashlib.sha256(token.encode()).hexdigest() in kept
    # The same study opened by another program.
    assert Invitations(study).holder(cookie) == holder
    assert check_study(study).is_sound


def test_other_words_let_nobody_in(study: Study) -> None:
    invitations = Invitations(study)
    token = invitations.invite("AB")
    for wrong in ("", token[:-1], token + "A", token.swapcase(), "\ud800", "x" * 10_000):
        assert invitations.enter(wrong) is None
        assert invitations.holder(wrong) is None
    # A link is not a cookie.
    assert invitations.holder(token) is None


def test_a_revoked_link_ends_at_once_on_every_device(study: Study) -> None:
    invitations = Invitations(study)
    token, other = invitations.invite("AB"), invitations.invite("CD")
    (_, cookie), (_, others) = invitations.enter(token), invitations.enter(other)
    assert Invitations(study).revoke("AB") == 1
    assert invitations.holder(cookie) is None
    assert invitations.enter(token) is None
    assert invitations.holder(others) == Holder("rater", "CD")


def test_a_link_expires(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    invitations = Invitations(study)
    token = invitations.invite("AB", days=2)
    _, cookie = invitations.enter(token)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(UTC) + timedelta(days=2, minutes=1)

    monkeypatch.setattr(module, "datetime", Later)
    assert invitations.enter(token) is None
    assert invitations.holder(cookie) is None


def test_the_oldest_of_many_devices_is_forgotten(study: Study) -> None:
    invitations = Invitations(study)
    token = invitations.invite("", role=OWNER)
    cookies = [invitations.enter(token)[1] for _ in range(22)]
    assert [invitations.holder(cookie) is not None for cookie in cookies] == [False] * 2 + [
        True
    ] * 20


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan"), 1e9])
def test_a_term_that_can_not_be_is_refused(study: Study, days: float) -> None:
    with pytest.raises(StudyError, match="expected more than 0"):
        Invitations(study).invite("AB", days=days)
    with pytest.raises(StudyError, match="Unknown rater 'XY'"):
        Invitations(study).invite("XY")


@pytest.mark.parametrize("content", ["{", "[1]", '[{"role": "rater"}]', "[" * 100_000])
def test_a_damaged_file_lets_nobody_in_and_says_so(study: Study, content: str) -> None:
    (study.folder / INVITATIONS_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(StudyError, match="no link is valid"):
        Invitations(study).holder("x")


def test_what_a_link_says_never_reaches_a_server_or_its_log() -> None:
    assert link(Address(), "TOKEN") == "http://127.0.0.1:8000/#TOKEN"
    proxied = Address(public_url="https://study.example.org/raters")
    assert link(proxied, "T") == "https://study.example.org/raters/#T"
    assert "study.example.org" in proxied.hosts and proxied.is_secure
    assert "unencrypted" in Address("192.168.1.5").warnings[0]


def test_what_a_killed_server_left_of_the_links_is_no_damage(study: Study) -> None:
    (study.folder / ".writing-abc.json").write_text("[", encoding="utf-8")
    check = check_study(study)
    assert check.is_sound
    assert [finding.kind for finding in check.findings] == ["unfinished"]
