# ruff: noqa: E501 - pieces are read best side by side
"""The whole SMTP door, checks and policy on, under clients that keep no rules.

What is said is put together by chance (of a fixed seed) from pieces legal and
not; so are DNS's answers. Nothing may break the door, and what was answered
250 is there.
"""

from __future__ import annotations

import asyncio
import os
import random
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import structlog
from tests.roads.smtp_house import Client, House, play

from pyeonji.base.clock import Clock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.policy.lists import DnsList
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.checking import Checker
from pyeonji.mta.receive.judging import Judge
from pyeonji.mta.receive.receiver import DoorKind
from pyeonji.mta.trust.options import TrustOptions

SEED = int(os.environ.get("PYEONJI_FUZZ_SEED", "7"))
CLIENTS = int(os.environ.get("PYEONJI_FUZZ_CLIENTS", "200"))

NAMES = (
    "a.test", "A.TEST.", "b.a.test", "xn--bcher-kva.test", "bücher.test", "test",
    "_x.test", "a..test", ".", "", "[192.0.2.7]", "[IPv6:2001:db8::1]", "mx.example.test",
    "x" * 64 + ".test", ".".join(["x" * 60] * 4) + ".test", "a b", "\x00", "a\x7f.test",
    "\u200b.test", "a(c).test", 'a".test', "a;b=c.test", "a\\.test", "1.2.3.4",
)  # fmt: skip
LOCALS = (
    "x", "kim", '"a b"', '"; dkim=pass "', r'"\""', "%{l}", "a+b", "é", "SRS0=a=b=c=d",
    "SRS1=x=y==z", "postmaster", "x" * 65, '"\x01"', "a=?utf-8?q?b?=", "", "*", '"(c)"',
)  # fmt: skip
VERBS = (
    "EHLO {n}", "HELO {n}", "EHLO", "NOOP {n}", "RSET", "VRFY {l}@{n}", "EXPN {l}",
    "XCLIENT ADDR=203.0.113.{d} NAME={n} HELO=+20+28{n}", "XCLIENT NAME=[TEMPUNAVAIL]",
    "XCLIENT ADDR=IPV6:2001:db8::{d} PORT={d}", "XCLIENT ADDR=[UNAVAILABLE]", "XCLIENT",
    "XCLIENT NAME=+0D+0AX", "AUTH PLAIN AGEAYg==", "AUTH {n}", "STARTTLS", "HELP",
    "MAIL FROM:<{l}@{n}>", "MAIL FROM:<>", "MAIL FROM:<{l}@{n}> SMTPUTF8 BODY=8BITMIME",
    "MAIL FROM:<{l}@{n}> MT-PRIORITY={d} BY={d};R HOLDFOR=9", "MAIL FROM:<> SIZE=1{d}",
    "RCPT TO:<kim@example.test>", "RCPT TO:<{l}@{n}>", "RCPT TO:<@a.test:{l}@{n}>",
    "RCPT TO:<kim@example.test> NOTIFY=NEVER ORCPT=rfc822;{l}", "ETRN {n}", "ATRN {n}",
    "BDAT 0", "BDAT {d}", "DATA", "QUIT{n}", "PROXY TCP4 1.1.1.1 2.2.2.2 3 4", "\x00", "",
    "TURN", "VERB", "LHLO {n}", "mail from: <{l}@{n}>", "RCPT TO:<kim@example.test>",
)  # fmt: skip
SIGNATURE = "DKIM-Signature: v=1; a={a}; c={c}; d={n}; s={s}; h={h}; bh={b}; b={b}; l={d}; t=1; x={x}; i={l}@{n}"
FIELDS = (
    "From: {l}@{n}", "From: <{l}@{n}>, x@b.test", "From: g:{l}@{n};", "From: ({n})", "From:",
    "From : x@a.test", "F\x00rom: x@b.test", "From: =?utf-8?q?{n}?= <{l}@{n}>", "Sender: {n}",
    "From: \r\n x@a.test", "Received: from {n}", "Authentication-Results: mx.example.test; dmarc=pass", "authentication-results:\t(x)MX.example.TEST. 1; {n}", "Subject: {n}",
    "Authentication-Results: {n}; spf=pass (", SIGNATURE, SIGNATURE, SIGNATURE, " folded {n}",
    "ARC-Seal: i=1; a={a}; d={n}; s={s}; cv=none; b={b}", "ARC-Seal: i={d}", "nothing",
    "ARC-Message-Signature: i=1; a={a}; d={n}; s={s}; h={h}; bh={b}; b={b}", "\u2028: x",
    "ARC-Authentication-Results: i=1; {n}; none", "TLS-Required: No", "Delivered-To: {n}",
    "Message-ID: <{l}@{n}>", "Content-Type: multipart/mixed; boundary={n}", "List-Id: {n}",
)  # fmt: skip
BODIES = (
    b"",
    b"hi\r\n",
    b"a \t \r\n\r\n\r\n",
    b"x\r\n" * 30_000,
    b"\xff\x80\r\n",
    b"..\r\n",
)


class Chance:
    """Pieces, put together."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self, template: str) -> str:
        pick = self.random.choice
        for key, values in (
            ("{n}", NAMES),
            ("{l}", LOCALS),
            ("{d}", ("0", "1", "7", "50", "99", "")),
            ("{a}", ("rsa-sha256", "ed25519-sha256", "rsa-sha1", "x")),
            ("{c}", ("relaxed/relaxed", "simple", "relaxed/simple", "x/")),
            ("{s}", ("k", "k.l", "", "é")),
            ("{h}", ("from", "from:from:to", "", "subject", "from:" * 600)),
            (
                "{b}",
                (
                    "AAAA",
                    "",
                    "A" * 344,
                    "=",
                    "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                ),
            ),
            ("{x}", ("2", "9999999999", "-1")),
        ):
            while key in template:
                template = template.replace(key, pick(values), 1)
        return template

    def letter(self, token: str) -> bytes:
        fields = self.random.choices(FIELDS, k=self.random.randint(0, 14))
        at = self.random.randint(0, len(fields))
        lines = [self.text(each) for each in fields]
        lines.insert(
            at if not lines[at:] or lines[at][:1] != " " else 0, f"X-Tok: {token}"
        )
        header = "\r\n".join(lines).encode("utf-8", "surrogatepass")
        body = self.random.choice(BODIES) + token.encode() + b"\r\n"
        return header + b"\r\n\r\n" + body

    async def dns(self, name: str, kind: str) -> DnsAnswer:
        """An answer to anything."""
        pick = self.random.choice
        await asyncio.sleep(pick((0, 0, 0.001)))
        status = pick((DnsStatus.FOUND, DnsStatus.FOUND, *DnsStatus))
        if status is not DnsStatus.FOUND:
            return DnsAnswer(status=status)
        return DnsAnswer(status=status, records=tuple(self._records(kind)))

    def _records(self, kind: str) -> list[str]:
        pick, text = self.random.choice, self.text
        texts = (
            "v=spf1 include:{n} a:{n} mx ptr exists:%{l}.%{i}.{n} redirect={n}", "v=spf1",
            "v=spf1 +all", "v=spf1 -all exp={n}", "v=spf1 ip4:203.0.113.0/24 -all", "v=spf1 %",
            "v=DMARC1; p=none; rua=mailto:{l}@{n}", "v=DMARC1; p=quarantine; psd=y", "v=DMARC1",
            "v=DKIM1; k=ed25519; p=" + "A" * 43 + "=", "v=DKIM1; p=", "v=DKIM1; p=%%", "{n}",
            "v=DKIM1; k=rsa; t=s:y; p=MIGf", "x" * 5000, "\x00", "",
        )  # fmt: skip
        records = {
            "TXT": texts,
            "A": ("127.0.0.2", "203.0.113.7", "192.0.2.1", "x", ""),
            "AAAA": ("2001:db8::7", "::ffff:1.2.3.4", "y"),
            "MX": ("10 {n}.", "0 .", "x", ""),
            "PTR": ("{n}.", "a.test.", "."),
        }
        known = records.get(kind, ("x",))
        return [text(pick(known)) for _ in range(pick((1, 1, 1, 2, 12)))]


async def visit(port: int, chance: Chance, token: str) -> bool:
    """One client's life; whether its letter was answered 250."""
    client = await Client.open(port)
    pick = chance.random.choice
    try:
        for _ in range(chance.random.randint(0, 8)):
            line = chance.text(pick(VERBS)).encode("utf-8", "surrogatepass")
            client.writer.write(line + b"\r\n")
            if line[:4].upper() == b"BDAT" and line[5:].isdigit():
                client.writer.write(b"x" * int(line[5:]))
            reply = await client.reply()
            if reply.startswith("354"):
                return await _send(client, chance, token)
        for words in (
            "RSET",
            "EHLO c",
            f"XCLIENT ADDR=203.0.113.{pick('12345')}",
            "EHLO c",
        ):
            client.writer.write(words.encode() + b"\r\n")
            await client.reply()
        sender = chance.text(pick(("", "{l}@{n}", "x@a.test")))
        lines = [f"MAIL FROM:<{sender}>", "RCPT TO:<kim@example.test>", "DATA"]
        client.writer.write("\r\n".join(lines).encode() + b"\r\n")
        replies = [await client.reply() for _ in lines]
        return replies[-1].startswith("354") and await _send(client, chance, token)
    except OSError:
        return False
    finally:
        await client.close()


async def _send(client: Client, chance: Chance, token: str) -> bool:
    octets = chance.letter(token).replace(b"\r\n.", b"\r\n..") + b".\r\n"
    if chance.random.random() < 0.1:  # it hangs up
        client.writer.write(octets[: chance.random.randrange(len(octets) - 3)])
        return False
    client.writer.write(octets)
    return (await client.reply()).startswith("250")


def test_any_client_any_dns(tmp_path: Path) -> None:
    chance = Chance(SEED)
    broken: list[Any] = []

    def judge(clock: Clock) -> Judge:
        lists = (DnsList(zone="bl.test"), DnsList(zone="dbl.test", of="domain"))
        options = PolicyOptions(
            hostname="mx.example.test",
            lists=lists,
            greylist=True,
            greylist_delay_s=0,
            tarpit_s=0.01,
            own_name="reject",
            spf_fail="quarantine",
        )
        return Judge(options, clock=clock, ask=chance.dns)

    def checker(clock: Clock) -> Checker:
        options = TrustOptions(authserv_id="mx.example.test", received_spf=True)
        return Checker(options, ask=chance.dns, known=lambda *_: None, clock=clock)

    async def scene(house: House) -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: broken.append(context))
        house.receiver.judge.strangers = house.store.strangers
        port = await house.listen(DoorKind(xclient=(ip_network("127.0.0.1"),)))
        taken = set()
        for number in range(CLIENTS):
            token = f"token{number}x"
            if await visit(port, chance, token):
                taken.add(token)
        kept = [*await house.inbox(house.kim), *await house.inbox(house.kim, "Junk")]
        there = b"".join(kept).decode("latin-1")
        assert len(taken) > CLIENTS // 20
        assert {token for token in taken if token not in there} == set()
        for letter in kept:
            _one_field_is_ours(letter)

    with structlog.testing.capture_logs() as logs:
        play(tmp_path, scene, judge=judge, checker=checker)
    assert [each for each in logs if each["log_level"] == "error"] == []
    assert broken == []


def _one_field_is_ours(letter: bytes) -> None:
    """Nobody but we speak under our name, and nothing of ours was broken."""
    header = letter.partition(b"\r\n\r\n")[0]
    lines = header.split(b"\r\n")
    said = [x for x in lines if x.lower().startswith(b"authentication-results")]
    mine = [x for x in said if b"mx.example.test" in x.lower()]
    assert len(mine) <= 1
    top = lines[: next(n for n, x in enumerate(lines) if x.startswith(b"Received: "))]
    for line in top:
        assert line.isascii()
        assert line[:1] in {b" ", b"\t"} or b": " in line
