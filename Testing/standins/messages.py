"""Slicer's message boxes: nothing waits for a click, a test reads what a user would have read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """One box: ``kind`` is error, warning, info, question or status."""

    kind: str
    text: str
    details: str = ""


# All messages since a test last cleared the list, oldest first.
shown: list[Message] = []
# What the user answers to questions from now on.
answer = True


def errorDisplay(text, *_, detailedText="", **__) -> None:
    shown.append(Message("error", text, detailedText))


def warningDisplay(text, *_, detailedText="", **__) -> None:
    shown.append(Message("warning", text, detailedText))


def infoDisplay(text, *_, detailedText="", **__) -> None:
    shown.append(Message("info", text, detailedText))


def confirmOkCancelDisplay(text, *_, **__) -> bool:
    shown.append(Message("question", text))
    return answer


def confirmYesNoDisplay(text, *_, **__) -> bool:
    shown.append(Message("question", text))
    return answer


def showStatusMessage(text, duration=0) -> None:
    shown.append(Message("status", text))
