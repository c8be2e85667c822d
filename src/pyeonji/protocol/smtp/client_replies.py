"""Replies of a server that is not trusted (RFC 5321 §4.2, RFC 3463)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from pyeonji.base.errors import PermanentError
from pyeonji.protocol.lines import LineReader
from pyeonji.protocol.machine import NEED_DATA, Status
from pyeonji.protocol.smtp.limits import (
    MAX_PEER_LINE_OCTETS,
    MAX_PEER_LINES,
    MAX_PEER_SESSION_OCTETS,
)
from pyeonji.protocol.smtp.outcomes import Verdict

_LINE: Final = re.compile(rb"([2-5][0-9]{2})([ -]?)(.*)", re.DOTALL)
_PROGRESS: Final = re.compile(rb"050[ -]")  # sendmail's VERB; no reply
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class PeerReply:
    """What a server said; text without codes, controls replaced by "?"."""

    code: int
    enhanced: str  # "2.1.5", or "" where none stood or it contradicts the code
    lines: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """What it means for what was asked."""
        if self.code < 400:
            return Verdict.DONE
        return Verdict.LATER if self.code < 500 else Verdict.NEVER

    @property
    def text(self) -> str:
        """All of it in one line, as for `last_reply` and Diagnostic-Code."""
        status = f"{self.enhanced} " if self.enhanced else ""
        return f"{self.code} {status}{' '.join(self.lines)}".rstrip()


class BrokenReply(PermanentError):
    """The server's reply breaks the grammar or a limit; end the conversation."""


class ReplyReader:
    """Octets of a server in, whole replies out."""

    def __init__(self) -> None:
        self._input = LineReader()
        self._lines: list[bytes] = []
        self._code = b""
        self._total = 0

    def feed(self, data: bytes) -> None:
        """Add octets from the server."""
        self._total += len(data)
        self._input.feed(data)

    def __len__(self) -> int:
        """Octets that wait, of a reply begun or of replies not yet read."""
        return len(self._input) + len(self._lines)

    def clear(self) -> bytes:
        """Give back the octets that wait."""
        return self._input.clear()

    def next_reply(self) -> PeerReply | Literal[Status.NEED_DATA]:
        """The next whole reply. Raises BrokenReply."""
        while True:
            if self._total > MAX_PEER_SESSION_OCTETS:
                raise BrokenReply("the server has said too much")
            line = self._input.next_line(MAX_PEER_LINE_OCTETS)
            if line is NEED_DATA:
                return NEED_DATA
            if line is None:
                raise BrokenReply("reply line too long")
            if (reply := self._add(line)) is not None:
                return reply

    def _add(self, line: bytes) -> PeerReply | None:
        if _PROGRESS.match(line):
            return None
        match = _LINE.fullmatch(line)
        if match is None or (not match[2] and match[3]):
            raise BrokenReply("a line without a reply code")
        if self._lines and match[1] != self._code:
            raise BrokenReply("codes of one reply differ")
        self._code = match[1]
        self._lines.append(match[3])
        if len(self._lines) > MAX_PEER_LINES:
            raise BrokenReply("reply of too many lines")
        if match[2] == b"-":
            return None
        lines, self._lines = self._lines, []
        return _made(int(match[1]), lines)


def _made(code: int, lines: list[bytes]) -> PeerReply:
    texts = [_CONTROLS.sub("?", line.decode("utf-8", "replace")) for line in lines]
    match = _ENHANCED.match(texts[0])
    if match is None or match[1][0] != str(code)[0]:
        return PeerReply(code, "", tuple(texts))
    status = match[1]
    plain = (
        text[len(status) :].lstrip() if text.startswith(status) else text
        for text in texts
    )
    return PeerReply(code, status, tuple(plain))
