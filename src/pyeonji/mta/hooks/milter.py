"""Asking a milter, and what its words mean to us.

A client is shown to the milter with its first MAIL: most that come never get
so far. When the milter cannot be asked, the operator's default holds for that
letter.

A letter that a milter wants to discard goes to Junk: what was answered 250
never disappears silently.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.message.header import FIELD
from pyeonji.mta.hooks.milter_changes import Changes
from pyeonji.mta.hooks.session import NOTHING, Verdict
from pyeonji.mta.policy.decision import (
    Decision,
    defer,
    quarantine,
    reject,
)
from pyeonji.protocol.milter import packets
from pyeonji.protocol.milter.packets import Steps
from pyeonji.protocol.milter.replies import BadMilter, Reply, ReplyCode, Word
from pyeonji.storage.content import opened

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from pyeonji.mta.hooks.milter_link import Link, Links
    from pyeonji.mta.hooks.session import Arriving, Peer

MAX_HEADERS_SENT: Final = 10_000

log = structlog.get_logger("pyeonji.mta.milter")


@dataclass(frozen=True, slots=True)
class Milter:
    """One milter; see Hook."""

    links: Links

    @property
    def name(self) -> str:
        """See Hook."""
        return f"milter {self.links.options.address}"

    @property
    def submission(self) -> bool:
        """See Hook."""
        return self.links.options.submission

    def session(self, peer: Peer) -> MilterSession:
        """See Hook."""
        return MilterSession(self, peer)

    async def close(self) -> None:
        """See Hook."""
        self.links.close()


class MilterSession:
    """One client's way past one milter; see Session."""

    def __init__(self, milter: Milter, peer: Peer) -> None:
        self._milter = milter
        self._peer = peer
        self._link: Link | None = None
        self._told = False  # the milter knows the client
        self._passed = False  # it accepted the client: nothing more is asked
        self._letter_passed = False
        self._begun = False  # a letter
        self._asking = False  # what it says now answers us
        self._closed = False

    async def connect(self) -> Decision | None:
        """See Session: the client is shown with the first MAIL."""
        return None

    async def mail(self, reverse_path: str) -> Decision | None:
        """See Session."""
        return await self._safely(self._mail(reverse_path))

    async def rcpt(self, recipient: str) -> Decision | None:
        """See Session."""
        if self._link is None or self._skips():
            return None
        values = {"rcpt_addr": recipient, "rcpt_host": recipient.rpartition("@")[2]}
        return await self._safely(
            self._command(
                b"R",
                packets.rcpt(recipient),
                Steps.NO_RCPT,
                Steps.SILENT_RCPT,
                values,
            )
        )

    async def message(self, letter: Arriving) -> Verdict:
        """See Session."""
        if self._link is None or self._skips():
            return NOTHING
        found: list[Verdict] = []
        failed = await self._safely(self._message(letter, found))
        if failed is not None:
            return Verdict(decision=failed)
        self._begun = False
        return found[0] if found else NOTHING

    def abort(self) -> None:
        """See Session."""
        if self._begun and self._link is not None:
            with suppress(OSError, RuntimeError):
                self._link.writer.write(packets.abort())
        self._begun = False

    def close(self) -> None:
        """See Session."""
        self.abort()
        self._closed = True
        link, self._link = self._link, None
        if link is None:
            return
        if self._asking:  # the client went while it was asked: its answer is ours
            link.abort()
        else:
            self._milter.links.give_back(link)

    # -- what is said

    def _skips(self) -> bool:
        return self._passed or self._letter_passed

    async def _mail(self, reverse_path: str) -> Decision | None:
        self._letter_passed = False
        if self._link is None:
            self._link = await self._taken()
            self._told = False
        if not self._told:
            decision = await self._introduce()
            if decision is not None or self._passed:
                return decision
            self._told = True
        if self._passed:
            return None
        peer = self._peer
        values = {"mail_addr": reverse_path}
        values["mail_host"] = reverse_path.rpartition("@")[2]
        if peer.account:
            values |= {"auth_type": "SASL", "auth_authen": peer.account}
        self._begun = True
        return await self._command(
            b"M", packets.mail(reverse_path), Steps.NO_MAIL, Steps.SILENT_MAIL, values
        )

    async def _taken(self) -> Link:
        """A connection, unless the client has gone meanwhile."""
        link = await self._milter.links.take()
        if self._closed:
            link.close()
            raise BadMilter("the client has gone")
        return link

    async def _introduce(self) -> Decision | None:
        peer = self._peer
        values = {
            "j": peer.hostname,
            "daemon_name": "submission" if peer.submission else "smtp",
            "v": "Pyeonji",
            "client_addr": peer.address,
            "client_port": str(peer.port),
            "client_name": peer.reverse_name or f"[{peer.address}]",
        }
        said = packets.connect(peer.reverse_name, peer.address, peer.port)
        decision = await self._command(
            b"C", said, Steps.NO_CONNECT, Steps.SILENT_CONNECT, values, whole=True
        )
        if decision is not None or self._passed:
            return decision
        values = {}
        if peer.tls is not None:
            values = {"tls_version": peer.tls[0], "cipher": peer.tls[1]}
        return await self._command(
            b"H",
            packets.helo(peer.helo or "unknown"),
            Steps.NO_HELO,
            Steps.SILENT_HELO,
            values,
            whole=True,
        )

    async def _command(
        self,
        name: bytes,
        said: bytes,
        unwanted: Steps,
        silent: Steps,
        values: dict[str, str] | None = None,
        *,
        whole: bool = False,
    ) -> Decision | None:
        """Say one thing, if the milter wants to hear it, and hear its answer.

        `whole`: its ACCEPT is for the client; else it is for the letter.
        """
        link = self._must_link()
        if link.terms.steps & unwanted:
            return None
        if values:
            link.writer.write(packets.macros(name, values))
        link.writer.write(said)
        if link.terms.steps & silent:
            return None
        reply = await link.reply(self._milter.links.options.command_s)
        if reply is Word.ACCEPT:
            if whole:
                self._passed = True
            else:
                self._letter_passed = True
            return None
        return self._decision(reply)

    def _decision(self, reply: Reply) -> Decision | None:
        rule = self._milter.name
        match reply:
            case ReplyCode(code, status, text):
                words = text or "refused by a mail filter"
                if code < 500:
                    return defer(rule, text, words, code=code, status=status)
                return reject(rule, text, words, code=code, status=status)
            case Word.REJECT:
                return reject(rule, "rejected", "refused by a mail filter")
            case Word.TEMPFAIL:
                return defer(rule, "not now", "come again later")
            case Word.DISCARD:
                self._letter_passed = True
                return quarantine(rule, "the milter would discard it")
            case Word.SHUTDOWN | Word.FAIL_CONNECTION:
                return defer(rule, "shut down", "come again later", code=421)
            case _:
                return None

    # -- the letter

    async def _message(self, letter: Arriving, found: list[Verdict]) -> Decision | None:
        link = self._must_link()
        values = {"i": str(letter.letter_id)}
        decision = await self._command(
            b"T", packets.data(), Steps.NO_DATA, Steps.SILENT_DATA, values
        )
        if decision is None and not self._letter_passed:
            decision = await self._headers(letter)
        if decision is None and not self._letter_passed:
            decision = await self._body(letter)
        if decision is not None or self._letter_passed:
            found.append(Verdict(decision=decision))
            return None
        link.writer.write(packets.macros(b"E", values))
        link.writer.write(packets.end_of_body())
        await link.drain(self._milter.links.options.command_s)
        found.append(await self._end(link))
        return None

    async def _headers(self, letter: Arriving) -> Decision | None:
        link = self._must_link()
        steps = link.terms.steps
        if not steps & Steps.NO_HEADERS:
            sent = 0
            for match in FIELD.finditer(letter.header):
                if match[1] is None or sent >= MAX_HEADERS_SENT:
                    continue
                sent += 1
                value = match[2].removesuffix(b"\r")
                if not steps & Steps.LEADING_SPACE:
                    value = value.removeprefix(b" ")
                decision = await self._command(
                    b"L",
                    packets.header(match[1], value),
                    Steps.NO_HEADERS,
                    Steps.SILENT_HEADER,
                )
                if decision is not None or self._letter_passed:
                    return decision
        return await self._command(
            b"N",
            packets.end_of_headers(),
            Steps.NO_END_OF_HEADERS,
            Steps.SILENT_END_OF_HEADERS,
        )

    async def _body(self, letter: Arriving) -> Decision | None:
        link = self._must_link()
        if link.terms.steps & Steps.NO_BODY:
            return None
        with opened(letter.content) as octets:
            for start in range(letter.body_start, len(octets), packets.MAX_CHUNK):
                link.writer.write(
                    packets.body(octets[start : start + packets.MAX_CHUNK])
                )
                await link.drain(self._milter.links.options.command_s)
                if link.terms.steps & Steps.SILENT_BODY:
                    continue
                reply = await link.reply(self._milter.links.options.command_s)
                if reply is Word.SKIP:
                    return None
                if reply is Word.ACCEPT:
                    self._letter_passed = True
                    return None
                if (decision := self._decision(reply)) is not None:
                    return decision
        return None

    async def _end(self, link: Link) -> Verdict:
        """Changes, then the last word."""
        links = self._milter.links
        changes = Changes(self._milter.name, links.offered)
        while True:
            reply = await link.reply(links.options.end_s)
            if not changes.take(reply):
                break
        otherwise = self._default("it wants an envelope that cannot be")
        return changes.verdict(self._decision(reply), otherwise)

    # -- failures

    def _must_link(self) -> Link:
        if self._link is None:
            raise BadMilter("no connection")
        return self._link

    async def _safely(self, work: Awaitable[Decision | None]) -> Decision | None:
        self._asking = True
        try:
            async with asyncio.timeout(self._milter.links.options.total_s):
                decision = await work
        except (OSError, BadMilter, TimeoutError, ValueError, RuntimeError) as error:
            # uvloop says RuntimeError of a connection that is closed
            reason = str(error) or type(error).__name__
            log.warning(
                "milter.failed",
                milter=self._milter.links.options.address,
                connection=self._peer.connection_id,
                reason=reason,
            )
            self._begun = False
            self._letter_passed = True
            if self._link is not None:
                self._link.abort()
                self._link = None
            decision = self._default(f"it cannot be asked: {reason}")
        self._asking = False  # when it was cancelled, its answer is still to come
        return decision

    def _default(self, reason: str) -> Decision | None:
        rule = self._milter.name
        match self._milter.links.options.default:
            case "accept":
                return None
            case "reject":
                return reject(rule, reason, "refused, for a filter is out of order")
            case "quarantine":
                return quarantine(rule, reason)
            case _:
                return defer(rule, reason, "come again later", status="4.3.0")
