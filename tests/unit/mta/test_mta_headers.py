"""What doors look at, and what submission writes."""

from __future__ import annotations

import re
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.base.ids import LetterId
from pyeonji.base.limits import MAX_HEADER_OCTETS
from pyeonji.mta.receive.inspect import header_end, inspect_header, message_id
from pyeonji.mta.submit.rewrite import BadHeader, Completion, complete
from pyeonji.mta.trace import cipher_clause, from_clause, received

MISSING = Completion(
    date="Tue, 24 Nov 2026 04:00:00 +0000",
    message_id="<1@mx.example.test>",
    author="Kim <kim@example.test>",
    sender="",
    recipients=["lee@remote.test"],
)


def test_a_hundred_hops_are_a_loop() -> None:
    """RFC 5321 §6.3: simple counting of Received."""
    header = b"Received: from a by b\r\n" * 100 + b"Subject: x\r\n\r\n"
    assert inspect_header(header, max_received=100, recipients=set()) is None
    found = inspect_header(
        b"ReceiveD : y\r\n" + header, max_received=100, recipients=set()
    )
    assert found is not None
    assert (found.code, found.status) == (554, "5.4.6")


def test_delivered_here_before_is_a_loop() -> None:
    """Delivered-To of a recipient's own address can only come from us."""
    header = b"Delivered-To: Kim@Example.test\r\nSubject: x\r\n\r\n"
    found = inspect_header(header, max_received=100, recipients={"kim@example.test"})
    assert found is not None
    assert found.status == "5.4.6"
    assert inspect_header(header, max_received=9, recipients={"lee@a.test"}) is None


def test_names_within_other_fields_are_no_fields() -> None:
    """h= of a signature names what it signs; only a field's own name counts."""
    signature = b"DKIM-Signature: h=received:delivered-to:\r\n message-id:a\r\n"
    header = signature * 3 + b"MESSAGE-id :\r\n <a@b.test>\r\nTo: a@b.test\r\n\r\n"
    assert inspect_header(header, max_received=1, recipients={"a@b.test"}) is None
    assert message_id(header) == "<a@b.test>"
    assert message_id(b"Message-ID: <1@a.test>\r\n" + header) == "<1@a.test>"
    assert message_id(signature) == ""


def test_a_header_block_has_a_limit() -> None:
    """1 MiB of header is enough for anybody."""
    header = b"X: " + b"y" * MAX_HEADER_OCTETS
    found = inspect_header(header, max_received=100, recipients=set())
    assert found is not None
    assert found.code == 552


@given(
    pieces=st.lists(
        st.sampled_from([b"A: b", b"\r", b"\n", b"\r\n", b"x"]), max_size=9
    ),
    cut=st.integers(0, 20),
)
def test_the_header_ends_at_the_same_place_however_it_comes(
    pieces: list[bytes], cut: int
) -> None:
    octets = b"".join(pieces)
    whole = header_end(octets)
    first = header_end(octets[:cut])
    found = first if first >= 0 else header_end(octets, min(cut, len(octets)))
    assert found == whole


def test_message_id_is_found_for_the_journey() -> None:
    assert message_id(b"Subject: x\r\nMessage-ID:\r\n <a@b>\r\n") == "<a@b>"
    assert message_id(b"Subject: x\r\n") == ""


def test_missing_fields_are_added_and_bcc_taken_out() -> None:
    """RFC 6409 §8: Date, Message-ID; RFC 5322 §3.6.3: Bcc goes."""
    header = (
        b"Return-Path: <evil@x.test>\r\nSubject: x\r\n"
        b"Bcc: a@x.test,\r\n b@x.test\r\nTo: lee@remote.test\r\n\r\n"
    )
    assert complete(header, MISSING) == (
        b"Date: Tue, 24 Nov 2026 04:00:00 +0000\r\nFrom: Kim <kim@example.test>\r\n"
        b"Message-ID: <1@mx.example.test>\r\nSubject: x\r\nTo: lee@remote.test\r\n\r\n"
    )


def test_what_is_complete_stays_as_it_was() -> None:
    header = (
        b"Date: Tue, 24 Nov 2026 04:00:00 +0900\r\nFrom: kim@example.test\r\n"
        b"To: \xea\xb0\x80 <lee@remote.test>\r\nMessage-ID: <x@y>\r\nX-Own: 1\r\n\r\n"
    )
    assert complete(header, MISSING) == header


def test_apparently_to_where_nobody_is_named() -> None:
    """The one recipient may be told his own address."""
    header = b"Date: d\r\nFrom: kim@example.test\r\nMessage-ID: <x@y>\r\n\r\n"
    assert b"Apparently-To: <lee@remote.test>\r\n" in complete(header, MISSING)


@pytest.mark.parametrize(
    ("bcc", "recipients"),
    [
        (b"Bcc: lee@remote.test\r\n", ["lee@remote.test"]),
        (b"", ["a@x.test", "b@x.test"]),
    ],
)
def test_blind_recipients_are_not_told_of(bcc: bytes, recipients: list[str]) -> None:
    """RFC 5321 §7.2: the envelope is not copied into the header."""
    missing = Completion(
        date="d",
        message_id="<x@y>",
        author="k@x.test",
        sender="",
        recipients=recipients,
    )
    found = complete(b"From: k@x.test\r\n" + bcc + b"\r\n", missing)
    assert b"To: undisclosed-recipients:;\r\n" in found
    assert not any(name.encode() in found for name in recipients)


def test_a_body_without_header_gets_one() -> None:
    """What is no field begins the body."""
    found = complete(b"hello there\r\nyou\r\n", MISSING)
    head, _, body = found.partition(b"\r\n\r\n")
    assert body == b"hello there\r\nyou\r\n"
    assert head.startswith(b"Date: ")


@pytest.mark.parametrize("name", [b"From", b"Sender", b"Date"])
def test_fields_that_may_stand_once_are_refused_twice(name: bytes) -> None:
    """RFC 5322 §3.6: readers would differ about which counts."""
    with pytest.raises(BadHeader):
        complete((name + b": kim@example.test\r\n") * 2 + b"\r\n", MISSING)


LINES = st.sampled_from(
    [b"From: a@b\r\n", b"Bcc: c@d\r\n", b" folded\r\n", b"\r\n", b"junk\r\n", b"To:x\n"]
)


@given(lines=st.lists(LINES, max_size=8))
def test_no_header_breaks_it_and_bcc_never_stays(lines: list[bytes]) -> None:
    """Any block gives a whole block or BadHeader."""
    header = b"".join(lines)
    try:
        found = complete(header, MISSING)
    except BadHeader:
        return
    head = found[: found.index(b"\r\n\r\n")]
    assert not re.search(rb"(?i)^bcc:", head, re.MULTILINE)


def test_received_says_who_how_and_when() -> None:
    """RFC 5321 §4.4, with TLS as a comment."""
    origin = from_clause("mail.remote.test", "192.0.2.1", ("TLSv1.3", "AES"))
    assert received(
        origin=origin,
        hostname="mx.example.test",
        protocol="ESMTPS",
        letter_id=LetterId("ABC"),
        recipient="kim@example.test",
        unix_second=0,
        cipher="ECDHE-RSA-AES128-GCM-SHA256",
    ) == (
        b"Received: from mail.remote.test ([192.0.2.1])\r\n"
        b"\t(using TLSv1.3 with cipher AES)\r\n"
        b"\tby mx.example.test with ESMTPS id ABC\r\n"
        b"\tfor <kim@example.test>\r\n"
        b"\ttls TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256;\r\n"
        b"\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
    )


@pytest.mark.parametrize(
    ("openssl", "iana"),
    [
        ("TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
        ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (
            "ECDHE-RSA-CHACHA20-POLY1305",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
        ("ECDHE-RSA-AES256-SHA384", "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
        ("DHE-RSA-AES128-SHA256", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
        ("DHE-RSA-AES256-CCM8", "TLS_DHE_RSA_WITH_AES_256_CCM_8"),
    ],
)
def test_suites_have_their_registered_names(openssl: str, iana: str) -> None:
    """RFC 8314 §4.3."""
    assert cipher_clause(openssl) == f"\r\n\ttls {iana}"


def test_every_suite_that_we_would_agree_to_has_a_name() -> None:
    """RFC 8314 §4.3: not to know the name is to be remedied."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    unknown = [c["name"] for c in context.get_ciphers() if not cipher_clause(c["name"])]
    assert unknown == []


@pytest.mark.parametrize("name", ["x\r\nEvil: y", "TLS_x;", "NULL", "(", "ECDHE-RSA-X"])
def test_a_suite_without_a_name_is_left_out(name: str) -> None:
    """Nothing else gets into the field."""
    assert cipher_clause(name) == ""


@pytest.mark.parametrize("name", ["a b", "x\r\nEvil: y", "(", "", "<>", "x;y"])
def test_a_hello_name_cannot_break_the_field(name: str) -> None:
    """What a client calls itself is hostile text."""
    assert from_clause(name, "::1", None) == "from unknown ([IPv6:::1])"
