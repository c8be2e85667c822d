"""Letters for clients without UTF-8: headers of parts, too (RFC 6856 §2.1)."""

from email import message_from_bytes, policy

from hypothesis import given
from hypothesis import strategies as st

from pyeonji.mra.surrogate import surrogate
from pyeonji.storage.content import StoredOctets

PARTS = """\
From: kim@example.test
MIME-Version: 1.0
Content-Type: multipart/{kind}; boundary=b

--b
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: 8bit
Content-Description: 본문

안녕
--b
Content-Type: application/pdf; name="보고서.pdf"
Content-Disposition: attachment; filename="보고서.pdf"; size=3
Content-Location: 여기

abc
--b
Content-Type: message/rfc822

Subject: 안의 편지
From: 이 <lee@example.test>

안
--b--
""".replace("\n", "\r\n")


def letter(octets: bytes, prefix: bytes = b"Return-Path: <>\r\n") -> StoredOctets:
    return StoredOctets(prefix=prefix, body=octets)


def test_headers_of_parts() -> None:
    """Descriptions as encoded words, names by RFC 2231, messages within as such."""
    octets = PARTS.format(kind="mixed").encode()
    shown = surrogate(letter(octets)).whole()
    assert shown.startswith(b"Return-Path: <>\r\nFrom: kim@example.test\r\n")
    read = message_from_bytes(shown, policy=policy.default)
    text, file, within = read.iter_parts()
    assert text["Content-Description"] == "본문"
    assert text.get_payload(decode=True) == "안녕".encode()
    assert file.get_filename() == "보고서.pdf"
    assert file.get_content() == b"abc"
    inner = within.get_content()
    assert inner["Subject"] == "안의 편지"
    assert inner["From"] == "이 <lee@example.test>"
    left = [line for line in shown.split(b"\r\n") if not line.isascii()]
    assert left == ["안녕".encode(), "안".encode()]  # said to be 8bit


def test_not_below_a_signature() -> None:
    """One changed octet would break it (RFC 1847 §2.1)."""
    message = letter(PARTS.format(kind="signed").encode())
    assert surrogate(message) is message


def test_old_octets_go_as_they_came() -> None:
    """What is no UTF-8 is left alone, part by part."""
    octets = PARTS.format(kind="mixed").encode("euc-kr")
    message = letter(octets)
    assert surrogate(message) is message
    both = PARTS.format(kind="mixed").encode()
    korean = "Subject: 안의 편지".encode()
    both = both.replace(korean, "Subject: 옛".encode("euc-kr"))
    shown = surrogate(letter(both)).whole()
    assert "Subject: 옛".encode("euc-kr") in shown
    assert b"filename*=" in shown


def test_no_part_changes_place() -> None:
    """A header of its own in ASCII, and nothing to do below: the same object."""
    message = letter(
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx\xff"
    )
    assert surrogate(message) is message


PIECES = st.lists(
    st.sampled_from(
        [
            b"\r\n", b"\n", b"--b", b"--b--",
            b"Content-Type: multipart/mixed; boundary=b",
            b"Content-Type: message/rfc822", b"Content-Disposition: x; filename=",
            "Subject: 편지".encode(), "가".encode(), b"\xff", b": ", b" ", b'"', b";",
            b"To: a <b@c>, ", b"*0*=", b"x" * 80,
        ]
    ),
    max_size=30,
)  # fmt: skip


@given(pieces=PIECES)
def test_any_octets(pieces: list[bytes]) -> None:
    """Never raises; what is ASCII stays as it is."""
    octets = b"Content-Type: multipart/mixed; boundary=b\r\n" + b"".join(pieces)
    shown = surrogate(letter(octets)).whole()
    if octets.isascii():
        assert shown == b"Return-Path: <>\r\n" + octets
