"""One form for all spellings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below

from pyeonji.storage.errors import BadMailboxName
from pyeonji.storage.names import (
    MAX_ADDRESS,
    canonical,
    canonical_domain,
    domain_of,
    mailbox_name,
)

PIECES = st.lists(
    st.sampled_from(
        ["xn--", "9b6b95p", "편지", "@", ".", '"', "\\", "A", "ß", "e\u0301", "/",
         "\ud800", "inbox", "\x00", "İ", "-"]
    ),
    max_size=8,
).map("".join)  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Kim@Example.Test", "kim@example.test"),
        ("kim@xn--9b6b95p.test.", "KIM@편지.TEST"),
        ('"kim lee"@x.test', '"kim\\ lee"@x.test'),
        ("caf\u00e9@x.test", "CAFE\u0301@x.test"),
    ],
)
def test_spellings_of_one_address(one: str, other: str) -> None:
    """Case, normal form, A-labels and quoting make no difference."""
    assert canonical(one) == canonical(other)


def test_domains_that_only_look_alike_stay_apart() -> None:
    """An A-label that hides ASCII or a dot is not unfolded (RFC 5891 §4.2)."""
    assert canonical_domain("xn--example-.test") == "xn--example-.test"
    assert canonical_domain("faß.test") != canonical_domain("fass.test")
    assert domain_of("nobody") == ""


@given(PIECES)
def test_any_text_has_one_canonical_form(text: str) -> None:
    """Never fails, and the form of the form is itself."""
    assert canonical_domain(canonical_domain(text)) == canonical_domain(text)
    assert isinstance(canonical(text), str)


@given(PIECES)
def test_mailbox_names_are_refused_or_stable(text: str) -> None:
    """Only BadMailboxName; a kept name stays as it is."""
    try:
        name = mailbox_name(text)
    except BadMailboxName:
        return
    assert mailbox_name(name) == name
    assert len(name.encode()) <= 255


def test_inbox_has_no_case() -> None:
    """INBOX and what is below it (RFC 3501 §5.1)."""
    assert mailbox_name("iNbOx") == "INBOX"
    assert mailbox_name("inbox/Lists/") == "INBOX/Lists"
    assert mailbox_name("inboxes") == "inboxes"


def test_long_names_are_nobody_and_take_no_time() -> None:
    long = "xn--" + "a9" * 200_000
    with cpu_time_below(2.0):
        assert canonical_domain(long) == long
    kim = "kim@example.test"
    assert canonical(kim + "." * MAX_ADDRESS + "evil.test") != kim
    assert canonical(kim + "." * MAX_ADDRESS) != kim
