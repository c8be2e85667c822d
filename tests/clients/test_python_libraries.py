"""Python's own smtplib, imaplib and poplib."""

from __future__ import annotations

import hashlib
import imaplib
import poplib
import smtplib
import socket
from typing import TYPE_CHECKING

import pytest
from tests.clients.letters import (
    BODIES,
    KIM,
    LEE,
    arrived,
    assert_below_our_headers,
    found,
    header,
    imap,
    letter,
    new_token,
    whole,
)
from tests.running import HOST, PASSWORD

if TYPE_CHECKING:
    from tests.running import Server

ASCII_PASSWORD = "letter-of-park"


@pytest.fixture(scope="module")
def park(server: Server) -> str:
    """An account whose password poplib and smtplib can write (ASCII)."""
    server.run(
        "account", "add", "park@example.test", "--password-stdin", stdin=ASCII_PASSWORD
    )
    return "park@example.test"


@pytest.mark.parametrize("name", BODIES)
def test_a_letter_comes_back_octet_for_octet(server: Server, name: str) -> None:
    """By smtplib with STARTTLS to port 25, without login; read by IMAP."""
    token = new_token()
    sent = letter(name, token)
    with smtplib.SMTP(HOST, server.port("smtp"), timeout=20) as client:
        client.starttls(context=server.tls_context())
        client.sendmail(KIM, [LEE], sent, mail_options=["BODY=8BITMIME"])
    assert_below_our_headers(arrived(server, token), sent)


@pytest.mark.parametrize("mechanism", ["plain", "login", "cram_md5"])
@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_submission(server: Server, park: str, mechanism: str, tls: str) -> None:
    """smtplib logs in by every mechanism that it has."""
    token = new_token()
    sent = letter("utf-8", token, sender=park)
    port = server.port("submission", tls)
    context = server.tls_context()
    client: smtplib.SMTP
    if tls == "implicit":
        client = smtplib.SMTP_SSL(HOST, port, context=context, timeout=20)
    else:
        client = smtplib.SMTP(HOST, port, timeout=20)
        client.starttls(context=context)
    with client:
        client.ehlo()
        client.user, client.password = park, ASCII_PASSWORD
        name = mechanism.upper().replace("_", "-")
        client.auth(name, getattr(client, f"auth_{mechanism}"))
        client.sendmail(park, [LEE], sent, mail_options=["BODY=8BITMIME"])
    assert_below_our_headers(arrived(server, token), sent)


def test_nobody_relays_without_login(server: Server) -> None:
    """Loopback is a stranger like any other."""
    with (
        smtplib.SMTP(HOST, server.port("smtp"), timeout=20) as client,
        pytest.raises(smtplib.SMTPRecipientsRefused) as refused,
    ):
        client.sendmail(KIM, ["who@elsewhere.test"], b"Subject: x\r\n\r\nx\r\n")
    assert refused.value.recipients["who@elsewhere.test"][0] == 550


def test_bdat_keeps_a_missing_last_line_end(server: Server) -> None:
    """BDAT carries any octets: NUL, lone line ends, no CRLF at the end (RFC 3030)."""
    token = new_token()
    fields = (
        "Content-Type: application/octet-stream",
        "Content-Transfer-Encoding: binary",
    )
    sent = header(token, *fields) + bytes(range(256)) + b"no end"
    with smtplib.SMTP(HOST, server.port("smtp"), timeout=20) as client:
        client.ehlo()
        assert client.docmd(f"MAIL FROM:<{KIM}> BODY=BINARYMIME")[0] == 250
        assert client.docmd(f"RCPT TO:<{LEE}>")[0] == 250
        cut = len(sent) // 2
        client.send(b"BDAT %d\r\n" % cut + sent[:cut])
        assert client.getreply()[0] == 250
        client.send(b"BDAT %d LAST\r\n" % (len(sent) - cut) + sent[cut:])
        assert client.getreply()[0] == 250
    assert_below_our_headers(arrived(server, token), sent)


def test_lmtp_answers_for_each_recipient(server: Server) -> None:
    """RFC 2033 §4.2: one reply a recipient, and the letter is there at once.

    smtplib.LMTP reads only one reply after the data; the rest is read here.
    """
    token = new_token()
    sent = letter("euc-kr", token)
    with smtplib.LMTP(HOST, server.port("lmtp"), timeout=20) as client:
        client.ehlo()
        assert client.mail(KIM, ["BODY=8BITMIME"])[0] == 250
        replies = [client.rcpt(to)[0] for to in (LEE, "nobody@example.test", KIM)]
        assert replies == [250, 550, 250]
        assert client.data(sent)[0] == 250
        assert client.getreply()[0] == 250
    for user in (LEE, KIM):
        [kept] = found(server, token, user=user, limit_s=0)
        assert_below_our_headers(kept, sent)


def test_imap_append_keeps_every_octet(server: Server) -> None:
    """APPEND and FETCH, without a last CRLF and with all 8-bit octets."""
    token = new_token()
    sent = header(token) + bytes(o for o in range(1, 256) if o not in b"\r\n") + b"."
    with imap(server) as client:
        status, [said] = client.append("INBOX", r"(\Flagged)", "", sent)
        assert status == "OK"
        assert isinstance(said, bytes)
        assert b"APPENDUID" in said  # UIDPLUS, RFC 4315 §3
        client.select()
        _, [number] = client.search(None, "SUBJECT", token)
        assert whole(client, number) == sent
        _, [flags] = client.fetch(number.decode(), "(FLAGS)")
        assert "Flagged" in str(flags)


def test_imap_folders_flags_and_moves(server: Server) -> None:
    """The daily work of a mail program, by imaplib over STARTTLS."""
    token = new_token()
    with imaplib.IMAP4(HOST, server.port("imap")) as client:
        client.starttls(server.tls_context())
        client.authenticate("PLAIN", lambda _: f"\0{LEE}\0{PASSWORD}".encode())
        folder = "&sPTMBA-"  # 대출 in modified UTF-7 (RFC 3501 §5.1.3)
        assert client.create(folder)[0] == "OK"
        assert client.subscribe(folder)[0] == "OK"
        assert folder in str(client.list()[1])
        assert client.append(folder, None, "", letter("plain", token))[0] == "OK"
        assert client.select(folder)[0] == "OK"
        assert client.store("1", "+FLAGS", r"(\Seen $Work)")[0] == "OK"
        assert client.copy("1", "INBOX")[0] == "OK"
        assert client.store("1", "+FLAGS", r"\Deleted")[0] == "OK"
        assert client.expunge() == ("OK", [b"1"])
        assert client.close()[0] == "OK"
        assert client.delete(folder)[0] == "OK"
    [kept] = found(server, token)
    assert kept == letter("plain", token)


def test_pop3(server: Server, park: str) -> None:
    """poplib over STLS: list, top, fetch octet for octet, delete."""
    token = new_token()
    sent = letter("dots", token, to=park)
    with smtplib.LMTP(HOST, server.port("lmtp"), timeout=20) as client:
        client.sendmail(KIM, [park], sent)
    pop = poplib.POP3(HOST, server.port("pop3"), timeout=20)
    pop.stls(server.tls_context())
    pop.user(park)
    pop.pass_(ASCII_PASSWORD)
    count, octets = pop.stat()
    number = _number_of(pop, token)
    assert pop.top(number, 1)[1][-1] == b"."
    _, lines, _ = pop.retr(number)
    kept = b"".join(line + b"\r\n" for line in lines)
    assert_below_our_headers(kept, sent)
    told = pop._shortcmd(f"LIST {number}")  # type: ignore[attr-defined]
    assert len(kept) == int(told.split()[2]) <= octets
    assert pop.uidl(number).startswith(b"+OK")
    pop.dele(number)
    pop.quit()
    again = poplib.POP3_SSL(
        HOST, server.port("pop3", "implicit"), context=server.tls_context()
    )
    again.user(park)
    again.pass_(ASCII_PASSWORD)
    assert again.stat()[0] == count - 1
    again.quit()


def test_apop(server: Server, park: str) -> None:
    """RFC 1939 §7, for an account that has a legacy secret."""
    pop = poplib.POP3(HOST, server.port("pop3"), timeout=20)
    assert pop.apop(park, ASCII_PASSWORD).startswith(b"+OK")
    pop.quit()
    wrong = poplib.POP3(HOST, server.port("pop3"), timeout=20)
    with pytest.raises(poplib.error_proto, match=r"-ERR \[AUTH\]"):
        wrong.apop(park, "wrong")
    wrong.close()


def test_apop_needs_no_library(server: Server, park: str) -> None:
    """The digest is MD5 of the banner's timestamp and the secret."""
    with socket.create_connection((HOST, server.port("pop3")), 20) as raw:
        banner = raw.recv(512)
        stamp = banner[banner.index(b"<") : banner.index(b">") + 1]
        digest = hashlib.md5(stamp + ASCII_PASSWORD.encode(), usedforsecurity=False)
        raw.sendall(f"APOP {park} {digest.hexdigest()}\r\nSTAT\r\nQUIT\r\n".encode())
        answer = b""
        while chunk := raw.recv(4096):
            answer += chunk
    assert answer.count(b"+OK") == 3


def _number_of(pop: poplib.POP3, token: str) -> int:
    for number in range(1, pop.stat()[0] + 1):
        if token.encode() in b"\n".join(pop.top(number, 0)[1]):
            return number
    raise AssertionError(f"{token} is not in the mailbox")
