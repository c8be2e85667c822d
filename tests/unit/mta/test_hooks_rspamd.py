"""What Rspamd's answers mean, and what is done when there is none."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.base.ids import LetterId
from pyeonji.mta.hooks.options import RspamdOptions
from pyeonji.mta.hooks.rspamd import Rspamd, verdict
from pyeonji.mta.hooks.session import NOTHING, Arriving, Peer, Verdict
from pyeonji.mta.policy.decision import Action
from pyeonji.mta.policy.facts import NOT_CHECKED

OPTIONS = RspamdOptions(url="http://127.0.0.1:1")
LETTER = Arriving(
    letter_id=LetterId("L1"),
    reverse_path="x@there.example",
    recipients=("kim@example.test", "편지@example.test"),
    header=b"Subject: x\r\n\r\n",
    content=b"Subject: x\r\n\r\nhello\r\n",
    body_start=14,
    prefix=b"",
    checks=NOT_CHECKED,
    size_octets=21,
)
PEER = Peer(
    connection_id="c1", address="192.0.2.7", port=1, hostname="mx", helo="there.example"
)


def told(action: str, **more: object) -> dict[str, object]:
    return {"action": action, "score": 7.5, "required_score": 15, **more}


@pytest.mark.parametrize(
    ("word", "action"),
    [
        ("no action", None),
        ("add header", Action.QUARANTINE),
        ("rewrite subject", Action.QUARANTINE),
        ("soft reject", Action.DEFER),
        ("greylist", Action.DEFER),
        ("reject", Action.REJECT),
        ("what is new", None),
    ],
)
def test_actions(word: str, action: Action | None) -> None:
    decision = verdict(told(word), OPTIONS).decision
    assert (decision.action if decision else None) is action


def test_its_words_fields_and_symbols() -> None:
    answer = told(
        "reject",
        symbols={"A": {"score": 1.5}, "B": {"score": -3}},
        messages={"smtp_message": "go away"},
        milter={"add_headers": {"X-Spam": {"value": "yes\r\nBcc: x"}, "Y": "1"}},
    )
    found = verdict(answer, OPTIONS)
    assert found.decision is not None
    assert (found.decision.code, found.decision.text) == (554, "go away")
    assert found.added == b"X-Spam: yes\r\n\tBcc: x\r\nY: 1\r\n"
    assert found.notes["rspamd"] == "reject, 7.50 of 15.00"
    assert found.notes["symbols"] == "B(-3.00) A(1.50)"


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "action",
                    "score",
                    "symbols",
                    "milter",
                    "add_headers",
                    "messages",
                    "value",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(answer=JSON)
def test_any_answer(answer: Any) -> None:
    try:
        verdict(answer, OPTIONS)
    except ValueError:
        return


async def serve_once(answer: bytes) -> tuple[Verdict, bytes]:
    """Ask a web server of one answer; the verdict and what it was asked."""
    asked = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not asked.endswith(b"0\r\n\r\n"):
            asked.extend(await reader.read(65536))
        writer.write(answer)
        if not answer:
            await reader.read()  # until it has had enough
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    rspamd = Rspamd(RspamdOptions(url=f"http://127.0.0.1:{port}", time_s=0.5))
    found = await rspamd.session(PEER).message(LETTER)
    await rspamd.close()
    server.close()
    await asyncio.sleep(0.05)
    return found, bytes(asked)


def http(content: bytes, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


def test_it_is_shown_the_letter_and_its_envelope() -> None:
    answer = http(msgspec.json.encode(told("add header")))
    found, asked = asyncio.run(serve_once(answer))
    assert found.decision is not None
    assert found.decision.action is Action.QUARANTINE
    assert asked.startswith(b"POST /checkv2 HTTP/1.1\r\n")
    for line in (
        b"From: x@there.example",
        b"IP: 192.0.2.7",
        b"Helo: there.example",
        b"Rcpt: kim@example.test",
        b"Rcpt: ??@example.test",
        b"Queue-Id: L1",
    ):
        assert b"\r\n" + line + b"\r\n" in asked
    assert b"hello\r\n" in asked


@pytest.mark.parametrize(
    "answer",
    [
        http(b"", "500 No"),
        http(b"no JSON"),
        http(b"[]"),
        b"SSH-2.0\r\n",
        http(b"x" * 2_000_000),
        b"",
    ],
)
def test_a_letter_goes_on_when_it_fails(answer: bytes) -> None:
    found, _ = asyncio.run(serve_once(answer))
    assert found is NOTHING


def test_nobody_there_and_too_large() -> None:
    async def run() -> None:
        assert await Rspamd(OPTIONS).session(PEER).message(LETTER) is NOTHING
        small = RspamdOptions(url="http://127.0.0.1:1", max_octets=10)
        assert await Rspamd(small).session(PEER).message(LETTER) is NOTHING

    asyncio.run(run())
