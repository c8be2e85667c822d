"""Asking Rspamd over HTTP (/checkv2) what it thinks of a letter.

Its action is a decision, its symbols are kept with the letter. When it cannot
be asked in time, the letter goes on: a filter that is down holds nothing up.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import structlog

from pyeonji.mta.hooks import editing
from pyeonji.mta.hooks.session import MAX_ADDED_OCTETS, NOTHING, Verdict
from pyeonji.mta.policy.decision import Decision, decide, defer, reject
from pyeonji.storage.content import opened

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pyeonji.mta.hooks.options import RspamdOptions
    from pyeonji.mta.hooks.session import Arriving, Peer

MAX_ANSWER_OCTETS: Final = 1024 * 1024
"""Octets of an answer that are read."""

MAX_SYMBOLS: Final = 40
"""Symbols that are kept with a letter."""

CHUNK: Final = 64 * 1024

log = structlog.get_logger("pyeonji.mta.rspamd")


class Rspamd:
    """See Hook."""

    def __init__(self, options: RspamdOptions) -> None:
        self.options = options
        self._client: httpx.AsyncClient | None = None

    @property
    def name(self) -> str:
        """See Hook."""
        return "rspamd"

    @property
    def submission(self) -> bool:
        """See Hook."""
        return self.options.submission

    def session(self, peer: Peer) -> RspamdSession:
        """See Hook."""
        return RspamdSession(self, peer)

    async def close(self) -> None:
        """See Hook."""
        if self._client is not None:
            await self._client.aclose()

    async def check(self, headers: list[tuple[str, str]], letter: Arriving) -> bytes:
        """Its answer. Raises httpx.HTTPError, ValueError."""
        if self._client is None:
            self._client = httpx.AsyncClient(
                base_url=self.options.url, trust_env=False, follow_redirects=False
            )
        request = self._client.build_request(
            "POST",
            "/checkv2",
            headers=headers,
            content=_octets(letter),
            timeout=self.options.time_s,
        )
        answer = await self._client.send(request, stream=True)
        try:
            answer.raise_for_status()
            octets = bytearray()
            async for chunk in answer.aiter_bytes():
                octets += chunk
                if len(octets) > MAX_ANSWER_OCTETS:
                    raise ValueError("too long an answer")
        finally:
            await answer.aclose()
        return bytes(octets)


class RspamdSession:
    """See Session; Rspamd is asked of whole letters only."""

    def __init__(self, rspamd: Rspamd, peer: Peer) -> None:
        self._rspamd = rspamd
        self._peer = peer

    async def connect(self) -> Decision | None:
        """See Session."""
        return None

    async def mail(self, reverse_path: str) -> Decision | None:  # noqa: ARG002 - a session's shape
        """See Session."""
        return None

    async def rcpt(self, recipient: str) -> Decision | None:  # noqa: ARG002 - a session's shape
        """See Session."""
        return None

    async def message(self, letter: Arriving) -> Verdict:
        """See Session."""
        options = self._rspamd.options
        if letter.size_octets > options.max_octets:
            return NOTHING
        try:
            async with asyncio.timeout(options.time_s):  # in all, however it drips
                answer = await self._rspamd.check(self._headers(letter), letter)
            told = msgspec.json.decode(answer)
            return verdict(told, options)
        except (httpx.HTTPError, OSError, ValueError, msgspec.DecodeError) as error:
            log.warning(
                "rspamd.failed",
                connection=self._peer.connection_id,
                letter=letter.letter_id,
                reason=str(error) or type(error).__name__,
            )
            return NOTHING

    def abort(self) -> None:
        """See Session."""

    def close(self) -> None:
        """See Session."""

    def _headers(self, letter: Arriving) -> list[tuple[str, str]]:
        peer = self._peer
        headers = [
            ("From", letter.reverse_path),
            ("IP", peer.address),
            ("Helo", peer.helo),
            ("Hostname", peer.reverse_name),
            ("Queue-Id", str(letter.letter_id)),
            ("MTA-Name", peer.hostname),
            ("User", peer.account),
        ]
        headers += [("Rcpt", each) for each in letter.recipients]
        return [(name, _plain(value)) for name, value in headers if value]


def _plain(value: str) -> str:
    """What may stand in an HTTP header."""
    return "".join(c if " " <= c <= "~" else "?" for c in value)


async def _octets(letter: Arriving) -> AsyncIterator[bytes]:
    yield letter.header
    with opened(letter.content) as octets:
        for start in range(letter.body_start, len(octets), CHUNK):
            yield octets[start : start + CHUNK]


def verdict(told: Any, options: RspamdOptions) -> Verdict:
    """What an answer means.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(told, dict) or not isinstance(told.get("action"), str):
        raise ValueError("an answer without an action")  # noqa: TRY004 - of its value
    action, score = told["action"], _number(told.get("score"))
    required = _number(told.get("required_score"))
    symbols = _symbols(told.get("symbols"))
    names = sorted(symbols, key=lambda name: -abs(symbols[name]))
    notes = {
        "rspamd": f"{action}, {score:.2f} of {required:.2f}",
        "symbols": " ".join(f"{n}({symbols[n]:.2f})" for n in names[:MAX_SYMBOLS]),
    }
    return Verdict(
        decision=_decision(action, told, score, options),
        added=_added(told.get("milter")),
        symbols=symbols,
        notes=notes,
    )


def _decision(
    action: str, told: dict[str, Any], score: float, options: RspamdOptions
) -> Decision | None:
    reason = f"{action}, score {score:.2f}"
    messages = told.get("messages")
    text = messages.get("smtp_message", "") if isinstance(messages, dict) else ""
    if not isinstance(text, str):
        text = ""
    match action:
        case "reject" | "discard":
            return reject("rspamd", reason, text or "this looks like spam", code=554)
        case "soft reject" | "greylist":
            return defer("rspamd", reason, text or "come again later")
        case "add header" | "rewrite subject" | "quarantine":
            return decide(options.spam, "rspamd", reason, "this looks like spam")
        case _:
            return None


def _number(value: Any) -> float:
    fine = isinstance(value, int | float) and abs(value) < 1e6
    return float(value) if fine else 0.0


def _symbols(told: Any) -> dict[str, float]:
    if not isinstance(told, dict):
        return {}
    return {
        _plain(name)[:60]: _number(each.get("score"))
        for name, each in told.items()
        if isinstance(each, dict)
    }


def _added(milter: Any) -> bytes:
    """The fields that it wants on the letter, its signature and the like."""
    wanted = milter.get("add_headers") if isinstance(milter, dict) else None
    if not isinstance(wanted, dict):
        return b""
    out = b""
    for name, values in wanted.items():
        for each in values if isinstance(values, list) else [values]:
            value = each.get("value") if isinstance(each, dict) else each
            if isinstance(value, str):
                out += editing.field(name.encode(), value.encode())
    return out if len(out) <= MAX_ADDED_OCTETS else b""
