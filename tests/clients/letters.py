"""Letters that come back changed where anything on their way is careless."""

from __future__ import annotations

import email
import email.message
import imaplib
import re
import smtplib
import time
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tests.running import HOST, PASSWORD, Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KIM: Final = "kim@example.test"
LEE: Final = "lee@example.test"
SENDER: Final = "ascii@example.test"  # smtplib can write only ASCII passwords

KOREAN: Final = "받은편지/업무"
KOREAN_UTF_7: Final = "&vBvHQNO4ycA-/&xcW7NA-"  # RFC 3501 §5.1.3


def new_token() -> str:
    """A word that no other letter has."""
    return f"token{uuid.uuid4().hex[:16]}"


def password_of(user: str) -> str:
    """Accounts whose name begins with ascii have a password in ASCII."""
    return "letter of park" if user.startswith("ascii") else PASSWORD


def header(token: str, *fields: str, sender: str = KIM, to: str = LEE) -> bytes:
    """A complete header, so that submission has nothing to add."""
    lines = [
        "Date: Mon, 05 Jan 2026 09:00:00 +0900",
        f"From: {sender}",
        f"Subject: {token}",
        f"To: {to}",
        f"Message-ID: <{token}@example.test>",
        "MIME-Version: 1.0",
        *(fields or ("Content-Type: text/plain; charset=us-ascii",)),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


EUC_KR: Final = (
    "Content-Type: text/plain; charset=EUC-KR",
    "Content-Transfer-Encoding: 8bit",
)
UTF_8: Final = (
    "Content-Type: text/plain; charset=UTF-8",
    "Content-Transfer-Encoding: 8bit",
)

BODIES: Final[dict[str, tuple[tuple[str, ...], bytes]]] = {
    "plain": ((), b"hello\r\n"),
    "empty body": ((), b""),
    "dots": ((), b".\r\n..\r\n.hidden\r\n...\r\nx.\r\n.\r\n"),
    "utf-8": (UTF_8, "안녕하세요. 편지입니다.\r\n".encode()),
    "euc-kr": (EUC_KR, "가나다 한글 편지\r\n".encode("euc-kr")),
    "lines of 998": (UTF_8, (b"x" * 998 + b"\r\n") * 3 + b"\xff" * 998 + b"\r\n"),
    "every octet": (
        UTF_8,
        bytes(o for o in range(1, 256) if o not in b"\r\n") + b"\r\n",
    ),
    "blank lines": ((), b"\r\n\r\n \r\n\t\r\n\r\n"),
    "from line": ((), b"From here on\r\n>From there\r\n"),
    "large": (UTF_8, "한글 편지 한 줄입니다.\r\n".encode() * 12_000),
}
"""Name -> (header fields, body): what every way of sending must leave alone."""


def letter(name: str, token: str, *, sender: str = KIM, to: str = LEE) -> bytes:
    """The letter of that name."""
    fields, body = BODIES[name]
    return header(token, *fields, sender=sender, to=to) + body


@contextmanager
def imap(server: Server, user: str = LEE) -> Iterator[imaplib.IMAP4]:
    """A logged-in connection over TLS."""
    plain = f"\0{user}\0{password_of(user)}".encode()
    with imaplib.IMAP4_SSL(
        HOST, server.port("imap", "implicit"), ssl_context=server.tls_context()
    ) as client:
        # LOGIN of imaplib knows only ASCII
        client.authenticate("PLAIN", lambda _: plain)
        yield client


def found(
    server: Server,
    token: str,
    *,
    user: str = LEE,
    mailbox: str = "INBOX",
    count: int = 1,
    limit_s: float = 15,
) -> list[bytes]:
    """The letters with the token in their Subject, octets as kept.

    Waits until there are `count`, and fails when there are more or less.
    """
    deadline = time.monotonic() + limit_s
    with imap(server, user) as client:
        while True:
            client.select(f'"{mailbox}"', readonly=True)
            _, [numbers] = client.search(None, "SUBJECT", token)
            if len(numbers.split()) >= count or time.monotonic() > deadline:
                break
            time.sleep(0.1)
        assert len(numbers.split()) == count, f"{len(numbers.split())} of {count}"
        return [whole(client, number) for number in numbers.split()]


def whole(client: imaplib.IMAP4, number: bytes) -> bytes:
    """All octets of a message."""
    _, parts = client.fetch(number.decode(), "(BODY.PEEK[])")
    part = parts[0]
    assert isinstance(part, tuple)
    return bytes(part[1])


def arrived(server: Server, token: str, *, user: str = LEE) -> bytes:
    """The one letter with the token, when it has come."""
    return found(server, token, user=user)[0]


def put(
    server: Server, user: str, *letters: bytes, mailbox: str = "INBOX", flags: str = ""
) -> None:
    """APPEND them, in this order."""
    with imap(server, user) as client:
        for each in letters:
            status, said = client.append(f'"{mailbox}"', flags, "", each)
            assert status == "OK", said


def deliver(server: Server, user: str, *letters: bytes) -> None:
    """Let them come by LMTP; they are in INBOX when this returns."""
    with smtplib.LMTP(HOST, server.port("lmtp"), timeout=20) as client:
        for each in letters:
            client.sendmail(KIM, [user], each, mail_options=["BODY=8BITMIME"])


def everything(
    server: Server, user: str, mailbox: str = "INBOX"
) -> dict[str, tuple[bytes, set[str]]]:
    r"""Token -> (octets, flags without \Recent) of all messages of a mailbox."""
    kept = {}
    with imap(server, user) as client:
        status, said = client.select(f'"{mailbox}"', readonly=True)
        assert status == "OK", said
        for number in client.search(None, "ALL")[1][0].split():
            octets = whole(client, number)
            [told] = client.fetch(number.decode(), "(FLAGS)")[1]
            assert isinstance(told, bytes)
            flags = {flag.decode() for flag in imaplib.ParseFlags(told)}
            assert token_of(octets) not in kept, "twice"
            kept[token_of(octets)] = octets, flags - {r"\Recent"}
    return kept


def token_of(octets: bytes) -> str:
    """The token in the Subject."""
    found = re.search(rb"^Subject: (token\w+)", octets, re.MULTILINE)
    assert found, octets[:2000]
    return found[1].decode()


def without(fields: tuple[bytes, ...], octets: bytes) -> bytes:
    """Leave out header fields that a program has put into its copy."""
    header, blank, body = octets.partition(b"\r\n\r\n")
    lines = (header + b"\r\n").splitlines(keepends=True)
    kept = [line for line in lines if line.partition(b":")[0] not in fields]
    return b"".join(kept).removesuffix(b"\r\n") + blank + body


def in_maildir(folder: Path, *added: bytes) -> dict[str, tuple[bytes, set[str]]]:
    """Token -> (octets with the line ends of the wire, flag letters) of a Maildir.

    Args:
        folder: the Maildir.
        added: fields that the program puts into its copies; they are left out.
    """
    kept = {}
    for file in [*folder.glob("new/*"), *folder.glob("cur/*")]:
        octets = without(added, on_the_wire(file.read_bytes()))
        assert token_of(octets) not in kept, "twice"
        kept[token_of(octets)] = octets, set(file.name.partition(":2,")[2])
    return kept


def on_the_wire(octets: bytes) -> bytes:
    """A file of a Unix program, whose lines end with LF, as it was before."""
    return octets.replace(b"\n", b"\r\n")


def assert_below_our_headers(kept: bytes, sent: bytes, *also: bytes) -> None:
    """What was sent stands at the end, and above it stand only our trace fields.

    Args:
        kept: what has come.
        sent: what was sent.
        also: fields that another server on the way has put there, too.
    """
    assert kept.endswith(sent), f"changed:\n{kept[-500:]!r}\n{sent[-500:]!r}"
    added = kept[: len(kept) - len(sent)]
    assert added.endswith(b"\r\n")
    names = [
        line.partition(b":")[0]
        for line in added.split(b"\r\n")
        if line and line[:1] not in b" \t"
    ]
    ours = {b"Return-Path", b"Delivered-To", b"Received"}
    ours |= {b"DKIM-Signature", b"Authentication-Results", b"Received-SPF"}
    assert set(names) <= ours | set(also), names


def told(report: bytes) -> tuple[email.message.Message, dict[str, str]]:
    """A report by RFC 3464, and what it says of its one recipient."""
    message = email.message_from_bytes(report)
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    assert message["Return-Path"] == "<>"
    [part] = [
        each
        for each in message.walk()
        if each.get_content_type() == "message/delivery-status"
    ]
    blocks = part.get_payload()
    assert isinstance(blocks, list)
    of_message, of_recipient = blocks
    assert isinstance(of_message, email.message.Message)
    assert isinstance(of_recipient, email.message.Message)
    assert of_message["Reporting-MTA"]
    return message, {key: str(value) for key, value in of_recipient.items()}
