"""Parsers of LIST with options, METADATA, ACL, QUOTA and NOTIFY; rights; patterns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.patience import cpu_time_below

from pyeonji.mra.imap import rights
from pyeonji.protocol.imap import commands, parse_list, parse_notify, parse_sharing
from pyeonji.protocol.imap.commands import StatusItem, Watched
from pyeonji.protocol.imap.names import Pattern
from pyeonji.protocol.imap.tokens import Arguments, BadSyntax

PIECES = st.sampled_from(["a", "b", "/", "*", "%", "INBOX", "편", "ab"])
LETTERS = st.text(alphabet="lrswipkxteacd", max_size=8)


def listed(text: str) -> commands.List:
    return parse_list.parse_list(b"t", Arguments([text.encode()]))


def test_list_extended() -> None:
    """Every part of the grammar of RFC 5258 §6."""
    found = listed(
        ' (SUBSCRIBED recursivematch) "a/" ("*" x%)'
        " RETURN (CHILDREN STATUS (MESSAGES SIZE) METADATA (/Shared/Comment) MYRIGHTS)"
    )
    assert found.reference == "a/"
    assert found.patterns == ("*", "x%")
    assert found.selections == {b"SUBSCRIBED", b"RECURSIVEMATCH"}
    assert found.returns == {b"CHILDREN", b"STATUS", b"METADATA", b"MYRIGHTS"}
    assert found.status == (StatusItem.MESSAGES, StatusItem.SIZE)
    assert found.metadata == ("/shared/comment",)
    assert found.extended


@pytest.mark.parametrize(
    "text",
    [
        ' (SUBSCRIBED "" *',
        " (SUBSCRIBED)",
        ' "" ()',
        ' "" * RETURN',
        ' "" * RETURN (STATUS)',
        ' "" * RETURN (STATUS ())',
        ' "" * RETURN (METADATA (/shared))',
        ' "" * RETURNS (CHILDREN)',
        ' "" (a b',
    ],
)
def test_list_that_is_wrong(text: str) -> None:
    """What the grammar does not have is BAD (RFC 5258 §6)."""
    with pytest.raises(BadSyntax):
        listed(text)


def test_too_many_patterns() -> None:
    """There is a limit, and it is said so."""
    many = " ".join(["a"] * (parse_list.MAX_PATTERNS + 1))
    with pytest.raises(BadSyntax, match="too many"):
        listed(f' "" ({many})')


@pytest.mark.parametrize(
    "entry", ["/other/x", "/private", "/private/", "/shared//x", "/shared/a*", "x"]
)
def test_entries_that_are_none(entry: str) -> None:
    """RFC 5464 §3.2."""
    with pytest.raises(BadSyntax):
        parse_sharing.parse_get_metadata(b"t", Arguments([f' a "{entry}"'.encode()]))


def test_metadata_options() -> None:
    """Before the mailbox or behind it, each once (RFC 5464 §4.2, §5)."""
    for text in (
        b" (MAXSIZE 1024 DEPTH infinity) a (/shared/x /private/y)",
        b" a (DEPTH INFINITY MAXSIZE 1024) (/shared/x /private/y)",
    ):
        found = parse_sharing.parse_get_metadata(b"t", Arguments([text]))
        assert (found.depth, found.max_size) == (None, 1024)
        assert found.entries == ("/shared/x", "/private/y")
    with pytest.raises(BadSyntax):
        parse_sharing.parse_get_metadata(
            b"t", Arguments([b" (DEPTH 0 DEPTH 1) a /shared/x"])
        )


def test_set_metadata_with_literals() -> None:
    """A literal may stand for an entry's value; NIL takes it away (RFC 5464 §5)."""
    arguments = Arguments([b" a (/shared/x ", b"any\r\nthing", b" /shared/y NIL)"])
    found = parse_sharing.parse_set_metadata(b"t", arguments)
    assert found.values == (("/shared/x", b"any\r\nthing"), ("/shared/y", None))


def test_set_quota() -> None:
    """Limits have up to 63 bits (RFC 9208 §7)."""
    text = b' "" (storage 9223372036854775807 MESSAGE 0)'
    found = parse_sharing.parse_set_quota(b"t", Arguments([text]))
    assert found.limits == ((b"STORAGE", 2**63 - 1), (b"MESSAGE", 0))
    with pytest.raises(BadSyntax):
        parse_sharing.parse_set_quota(b"t", Arguments([b' "" (STORAGE -1)']))


def test_notify() -> None:
    """Groups, names and fetch items (RFC 5465 §8)."""
    text = (
        b" set status (selected-delayed (MessageNew (uid flags) MessageExpunge))"
        b" (subtree (Lists a/b) NONE) (mailboxes INBOX (MailboxName))"
    )
    found = parse_notify.parse_notify(b"t", Arguments([text]))
    assert found.status
    first, second, third = found.groups
    assert first.which is Watched.SELECTED_DELAYED
    assert len(first.items) == 2
    assert second.names == ("Lists", "a/b")
    assert second.events == frozenset()
    assert third.names == ("INBOX",)
    assert third.events == frozenset({b"MAILBOXNAME"})
    assert parse_notify.parse_notify(b"t", Arguments([b" NONE"])).groups == ()


@pytest.mark.parametrize(
    "text",
    [
        b" SET",
        b" SET STATUS",
        b" SET (BOGUS NONE)",
        b" SET (PERSONAL)",
        b" SET (PERSONAL ())",
        b" SET (SUBTREE NONE)",
        b" SET (PERSONAL (MessageExpunge))",
        b" SET (SELECTED (MessageNew ()))",
    ],
)
def test_notify_that_is_wrong(text: bytes) -> None:
    """RFC 5465 §8, §5."""
    with pytest.raises(BadSyntax):
        parse_notify.parse_notify(b"t", Arguments([text]))


@given(old=LETTERS, change=LETTERS)
def test_adding_and_taking_rights(old: str, change: str) -> None:
    """ "+" never takes, "-" never gives; virtual rights are their members (§3.1)."""
    had = rights.ordered(rights.parsed(old))
    more, less = rights.changed(had, f"+{change}"), rights.changed(had, f"-{change}")
    named = rights.parsed(change)
    assert set(more) == set(had) | named
    assert set(less) == set(had) - named
    assert rights.changed(had, change) == rights.ordered(named)
    assert set(rights.told(more).decode()) >= set(more)


@given(
    granted=st.dictionaries(
        st.sampled_from(["lee", "-lee", "anyone", "-anyone", "someone"]), LETTERS
    )
)
def test_negative_rights_win(granted: dict[str, str]) -> None:
    """What is taken is never had, whoever gave it (RFC 4314 §2)."""
    has = rights.effective(granted, frozenset({"lee", "anyone"}))
    taken = set(granted.get("-lee", "")) | set(granted.get("-anyone", ""))
    given = set(granted.get("lee", "")) | set(granted.get("anyone", ""))
    assert set(has) == (given - taken) & set(rights.ALL)


@given(pattern=st.lists(PIECES, max_size=6), name=st.lists(PIECES, max_size=6))
def test_patterns_mean_what_they_say(pattern: list[str], name: list[str]) -> None:
    """ "*" is anything, "%" anything without "/" (RFC 3501 §6.3.8)."""
    text, wanted = "".join(name), "".join(pattern)
    meaning = re.escape(wanted).replace(r"\*", ".*").replace("%", "[^/]*")
    expected = re.fullmatch(meaning, text) is not None
    if text != "INBOX":
        assert Pattern(wanted).matches(text) == expected
    elif expected:
        assert Pattern(wanted).matches(text)


def test_patterns_take_linear_time() -> None:
    """No pattern makes matching explode."""
    with cpu_time_below(2.0):
        assert not Pattern("*a%" * 300 + "b").matches("a/" * 120)
