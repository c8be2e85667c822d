"""CPU that all checks of an arriving letter need, with DNS remembered.

Run: python benchmarks/trust_checks.py [letters]

A letter of 5 KB with an RSA-2048 signature, a client whose name leads back to
it, an SPF record with an include, a DMARC record two labels up.
"""

from __future__ import annotations

import asyncio
import base64
import cProfile
import pstats
import sys
import time
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pyeonji.base.clock import SystemClock
from pyeonji.base.dns import DnsAnswer, DnsStatus
from pyeonji.mta.receive.checking import Checker
from pyeonji.mta.trust import results
from pyeonji.mta.trust.dmarc import check_dmarc
from pyeonji.mta.trust.dmarc_author import author_of
from pyeonji.mta.trust.iprev import check_iprev
from pyeonji.mta.trust.options import TrustOptions
from pyeonji.mta.trust.signed import SignedLetter
from pyeonji.mta.trust.spf import check_spf
from pyeonji.mta.trust.verdicts import Client, Verdicts, identifiers, method_results

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.base.dns import Inquiry

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = base64.b64encode(
    KEY.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
).decode()
PRIVATE = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.TraditionalOpenSSL,
    serialization.NoEncryption(),
)
DNS = {
    ("news.one.test", "TXT"): ("v=spf1 include:spf.one.test -all",),
    ("spf.one.test", "TXT"): (
        "v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 ip4:192.0.2.0/24 -all",
    ),
    ("_dmarc.one.test", "TXT"): ("v=DMARC1; p=reject; rua=mailto:d@one.test",),
    ("k1._domainkey.one.test", "TXT"): (f"v=DKIM1; k=rsa; p={PUBLIC}",),
    ("7.2.0.192.in-addr.arpa", "PTR"): ("mx7.one.test.",),
    ("mx7.one.test", "A"): ("192.0.2.7",),
}
NO_NAME = DnsAnswer(status=DnsStatus.NO_NAME)
ANSWERS = {
    question: DnsAnswer(status=DnsStatus.FOUND, records=records)
    for question, records in DNS.items()
}
HEADER = b"".join(
    b"Received: from a.one.test by b.one.test with ESMTPS id %d;\r\n"
    b"\tMon, 2 Nov 2026 10:00:00 +0000\r\n" % n
    for n in range(4)
) + (
    b"From: News of One <news@news.one.test>\r\nTo: kim@example.test\r\n"
    b"Subject: What is new\r\nDate: Mon, 2 Nov 2026 10:00:00 +0000\r\n"
    b"Message-ID: <1@news.one.test>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
)
BODY = (b"x" * 70 + b"\r\n") * 70
CLIENT = Client(
    address="192.0.2.7", helo="mx7.one.test", mail_from="bounce@news.one.test"
)


def known(name: str, kind: str) -> DnsAnswer:
    return ANSWERS.get((name, kind), NO_NAME)


async def ask(name: str, kind: str) -> DnsAnswer:
    return known(name, kind)


def answered(inquiry: Inquiry[Any]) -> Any:
    try:
        question = next(inquiry)
        while True:
            question = inquiry.send(known(*question))
    except StopIteration as end:
        return end.value


def signed() -> bytes:
    field: bytes = dkim.sign(
        HEADER + BODY,
        b"k1",
        b"one.test",
        PRIVATE,
        canonicalize=(b"relaxed", b"relaxed"),
        include_headers=[b"from", b"to", b"subject", b"date", b"message-id"],
    )
    return field + HEADER


def measured(work: Callable[[], object], times: int) -> float:
    """Microseconds of CPU."""
    work()
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times * 1e6


def main() -> None:
    letters = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    header = signed()
    now = time.time()
    ip = ip_address("192.0.2.7")
    letter = SignedLetter(header)
    letter.update(BODY)
    spf = answered(
        check_spf(
            ip, helo=CLIENT.helo, mail_from=CLIENT.mail_from, receiver="", unix_second=0
        )
    )
    dkim_found = answered(letter.check_dkim(now))
    author = author_of(header)
    dmarc = answered(check_dmarc(author, identifiers(spf, dkim_found)))
    verdicts = Verdicts(
        dkim=dkim_found, spf=spf, iprev=answered(check_iprev(ip)), dmarc=dmarc
    )
    assert (spf.result, dkim_found[0].result, dmarc.result) == ("pass",) * 3
    ours = frozenset({"mx.example.test"})

    def hashed() -> None:
        one = SignedLetter(header)
        one.update(BODY)
        answered(one.check_dkim(now))

    parts: dict[str, Callable[[], object]] = {
        "From": lambda: author_of(header),
        "forged fields": lambda: results.without_claims(header, ours),
        "SPF": lambda: answered(
            check_spf(
                ip,
                helo=CLIENT.helo,
                mail_from=CLIENT.mail_from,
                receiver="",
                unix_second=0,
            )
        ),
        "iprev": lambda: answered(check_iprev(ip)),
        "DKIM, hashing too": hashed,
        "DMARC": lambda: answered(check_dmarc(author, identifiers(spf, dkim_found))),
        "writing the field": lambda: results.field(
            "mx.example.test", method_results(verdicts, CLIENT)
        ),
    }
    for name, work in parts.items():
        print(f"{name:20} {measured(work, letters):7.1f} us")

    checker = Checker(
        TrustOptions(authserv_id="mx.example.test"),
        ask=ask,
        known=known,
        clock=SystemClock(),
    )

    async def whole(count: int) -> None:
        for _ in range(count):
            _, check = checker.begin(CLIENT.address, header)
            assert check is not None
            check.update(BODY)
            await check.finish(CLIENT.helo, CLIENT.mail_from)

    asyncio.run(whole(10))
    started = time.process_time()
    asyncio.run(whole(letters))
    spent = (time.process_time() - started) / letters * 1e6
    print(f"{'all of a letter':20} {spent:7.1f} us")
    if "--profile" in sys.argv:
        profile = cProfile.Profile()
        profile.runcall(asyncio.run, whole(letters))
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
