"""Answers, forwards, redirects (RFC 5322 §3.6.2 to §3.6.6)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pyeonji.message.compose import ComposeError, Mailbox, MissingField
from pyeonji.message.compose.replies import (
    answer,
    forward_subject,
    header_of,
    quoted,
    redirect,
    reply_subject,
    typed_addresses,
)

LETTER = (
    b"Return-Path: <kim@example.test>\r\nDelivered-To: lee@example.test\r\n"
    b"Received: from a by b;\r\n Tue, 24 Nov 2026 13:00:00 +0900\r\n"
    b"From: Kim <kim@example.test>\r\n"
    b"To: lee@example.test, Park <park@example.test>\r\n"
    b"Cc: choi@example.test\r\nSubject: Re: RE: hi\r\nMessage-ID: <2@x>\r\n"
    b"References: <0@x> <1@x>\r\n\r\nbody\r\n"
)


def test_an_answer_goes_to_the_author_and_refers_back() -> None:
    """RFC 5322 §3.6.4."""
    found = answer(header_of(LETTER))
    assert found.to == (Mailbox(name="Kim", address="kim@example.test"),)
    assert found.subject == "Re: hi"
    assert found.in_reply_to == ("<2@x>",)
    assert found.references == ("<0@x>", "<1@x>", "<2@x>")


def test_everyone_is_answered_once_and_not_ourselves() -> None:
    found = answer(header_of(LETTER), ourselves=["lee@example.test"], everyone=True)
    assert [one.address for one in found.cc if isinstance(one, Mailbox)] == [
        "park@example.test",
        "choi@example.test",
    ]


def test_reply_to_is_preferred_and_nobody_is_an_error() -> None:
    """RFC 5322 §3.6.2."""
    header = header_of(b"Reply-To: list@example.test\r\n" + LETTER)
    assert answer(header).to == (Mailbox(address="list@example.test"),)
    with pytest.raises(MissingField):
        answer(header_of(b"From: nobody\r\n\r\n"))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("hi", "Re: hi"), ("RE: re[2]: 답장: hi", "Re: hi"), ("", "Re: "),
     ("Regarding", "Re: Regarding"), ("Re:\r\nBcc: x", "Re: Bcc: x")],
)  # fmt: skip
def test_subjects_have_one_sign(subject: str, expected: str) -> None:
    assert reply_subject(subject) == expected


def test_a_forward_has_one_sign() -> None:
    assert forward_subject("Fwd: FW: 전달: hi") == "Fwd: hi"


def test_quotes_nest_without_a_space() -> None:
    assert quoted("a\r\n> b\r\n", "Kim", "today") == "today, Kim:\n> a\n>> b\n"


def test_a_redirect_leaves_the_letter_and_adds_a_block_on_top() -> None:
    """RFC 5322 §3.6.6."""
    made = redirect(
        LETTER,
        resent_from=Mailbox(address="lee@example.test"),
        to=[Mailbox(address="han@example.test")],
        bcc=[Mailbox(address="secret@example.test")],
        date=datetime(2026, 11, 24, tzinfo=UTC),
        token="abcdef0123456789",
    )
    block, rest = made.octets.split(b"Received: ", 1)
    assert block == (
        b"Resent-Date: Tue, 24 Nov 2026 00:00:00 +0000\r\n"
        b"Resent-From: lee@example.test\r\nResent-To: han@example.test\r\n"
        b"Resent-Message-ID: <abcdef0123456789@example.test>\r\n"
    )
    assert LETTER.endswith(b"Received: " + rest)
    assert made.recipients == ("han@example.test", "secret@example.test")
    assert made.reverse_path == "lee@example.test"


def test_addresses_as_typed() -> None:
    found = typed_addresses('김철수 <a@b.test>, "Lee, Min" <c@d.test>', "To")
    assert found == (
        Mailbox(name="김철수", address="a@b.test"),
        Mailbox(name="Lee, Min", address="c@d.test"),
    )
    for bad in ("", "kim", "a@b@c", "a@b c@d", "a@b\r\nBcc: x"):
        with pytest.raises(ComposeError):
            typed_addresses(bad, "To")
