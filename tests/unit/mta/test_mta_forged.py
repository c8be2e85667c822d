"""What the sender of a forged letter is told: failures, if he was to hear of them."""

from __future__ import annotations

import pytest

from pyeonji.mta.receive.forged import with_failures_only
from pyeonji.storage.queue import NewLetter, Recipient


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ("", "FAILURE"),
        ("NEVER", "NEVER"),
        ("SUCCESS", "NEVER"),
        ("DELAY", "NEVER"),
        ("SUCCESS,DELAY", "NEVER"),
        ("FAILURE,DELAY", "FAILURE"),
        ("SUCCESS,FAILURE,DELAY", "FAILURE"),
    ],
)
def test_only_failures_are_told(asked: str, left: str) -> None:
    """Never more than was asked for."""
    letter = NewLetter(
        reverse_path="lee@one.test",
        recipients=(Recipient(address="kim@example.test", notify=asked),),
        content=b"",
        prefix=b"",
        accepted_at=0.0,
    )
    (recipient,) = with_failures_only(letter).recipients
    assert recipient.notify == left
