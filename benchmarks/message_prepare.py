"""How long reading a message takes when it arrives, in microseconds.

Run: `python benchmarks/message_prepare.py [--profile]`. Each figure is the
best of several rounds, CPU time, of messages made here.
"""

from __future__ import annotations

import base64
import cProfile
import pstats
import sys
import time
import timeit

from pyeonji.message.parts import unpack
from pyeonji.message.prepare import prepare
from pyeonji.message.scan import scan
from pyeonji.message.text import searchable

HEADER = """\
Return-Path: <kim@example.test>
Received: from mx1.example.test (mx1.example.test [192.0.2.10])
\tby mail.example.org with ESMTPS id 4Xq2yZ1b2c3d4e
\tfor <lee@example.org>; Tue, 24 Nov 2026 13:00:02 +0900
Received: from [192.0.2.7] (unknown [192.0.2.7])
\tby mx1.example.test with ESMTPSA id 4Xq2yZ1b2c3d4f
\tfor <lee@example.org>; Tue, 24 Nov 2026 13:00:01 +0900
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.test; s=s1;
\th=from:to:subject:date:message-id; bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;
\tb=dGhpcyBpcyBub3QgYSByZWFsIHNpZ25hdHVyZSBidXQgYXMgbG9uZyBhcyBvbmUgd291bGQgYmU
From: "Kim, Minjun" <kim{n}@example.test>
To: Lee Seoyeon <lee@example.org>, park@example.org
Cc: choi@example.org
Subject: Re: [team] Minutes of the meeting, number {n}
Date: Tue, 24 Nov 2026 13:00:00 +0900
Message-ID: <20261124.{n}.4Xq2yZ@example.test>
In-Reply-To: <20261123.{n}.abcdef@example.org>
References: <20261120.1.aaaa@example.org> <20261123.{n}.abcdef@example.org>
User-Agent: Letters 1.0
MIME-Version: 1.0
"""

LINE = "The quick brown fox jumps over the lazy dog and writes a letter about it.\n"
KOREAN = "여러분 안녕하세요. 회의록을 보내 드립니다.\n"


def plain(number: int) -> bytes:
    """About 5 KB: fifteen fields, text in ASCII."""
    text = HEADER.format(n=number) + "Content-Type: text/plain; charset=utf-8\n\n"
    text += LINE * 50
    return text.encode().replace(b"\n", b"\r\n")


def multipart(number: int) -> bytes:
    """About 50 KB: alternative of text and HTML, and a PDF in base64."""
    korean = base64.encodebytes((KOREAN * 20).encode()).decode()
    html = "<html><head><style>p{{}}</style></head><body>" + f"<p>{LINE}</p>" * 40
    data = base64.encodebytes(bytes(range(256)) * 130).decode()
    text = HEADER.format(n=number).replace(
        "Subject: Re: [team] Minutes", "Subject: =?UTF-8?B?7ZqM7J2Y66Gd?="
    )
    text += (
        f'Content-Type: multipart/mixed; boundary="=_mixed{number}"\n\n'
        f"--=_mixed{number}\n"
        f'Content-Type: multipart/alternative; boundary="=_alt{number}"\n\n'
        f"--=_alt{number}\nContent-Type: text/plain; charset=UTF-8\n"
        f"Content-Transfer-Encoding: base64\n\n{korean}\n"
        f"--=_alt{number}\nContent-Type: text/html; charset=UTF-8\n"
        f"Content-Transfer-Encoding: quoted-printable\n\n{html}\n"
        f"--=_alt{number}--\n\n--=_mixed{number}\n"
        'Content-Type: application/pdf; name="minutes.pdf"\n'
        "Content-Transfer-Encoding: base64\n"
        'Content-Disposition: attachment; filename="minutes.pdf"\n\n'
        f"{data}\n--=_mixed{number}--\n"
    )
    return text.encode().replace(b"\n", b"\r\n")


def html_only(number: int) -> bytes:
    """About 20 KB of HTML, style sheet first."""
    style = "<style>" + ".a{color:red;padding:0 0 0 0}\n" * 100 + "</style>"
    text = HEADER.format(n=number) + "Content-Type: text/html; charset=utf-8\n\n"
    text += f"<html><head>{style}</head><body>" + f"<p>{LINE}</p>\n" * 200
    return text.encode().replace(b"\n", b"\r\n")


def measure(name: str, messages: list[bytes]) -> None:
    """Print the time of each step for one kind of message."""
    count = len(messages)

    def each(step: object) -> float:
        def all_of_them() -> None:
            for message in messages:
                step(message)  # type: ignore[operator]

        clock = time.process_time
        return (
            min(timeit.repeat(all_of_them, number=1, repeat=7, timer=clock))
            / count
            * 1e6
        )

    packed = [prepare(m).parts for m in messages]
    unpacking = min(
        timeit.repeat(lambda: [unpack(p).section("1", "") for p in packed], number=1)
    )
    print(
        f"{name:12} {len(messages[0]):7} octets: prepare {each(prepare):7.1f}  "
        f"scan {each(scan):7.1f}  searchable {each(searchable):7.1f}  "
        f"unpack+section {unpacking / count * 1e6:5.1f}  µs"
    )


def main() -> None:
    """Measure, or profile with --profile."""
    kinds = {"plain": plain, "multipart": multipart, "html": html_only}
    for name, make in kinds.items():
        messages = [make(n) for n in range(300)]
        measure(name, messages)
        if "--profile" in sys.argv:
            profile = cProfile.Profile()
            profile.enable()
            for message in messages:
                prepare(message)
            profile.disable()
            pstats.Stats(profile).sort_stats("tottime").print_stats(18)


if __name__ == "__main__":
    main()
