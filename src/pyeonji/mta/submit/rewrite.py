"""The header of a submitted letter, made complete (RFC 6409 §8, RFC 5322 §3.6).

Pure: octets in, octets out. Only what comes in through submission is touched;
why, says docs/decisions/0006-submission-rewrites.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.message.header import FIELD

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMOVED: Final = frozenset({b"bcc", b"resent-bcc", b"return-path"})
"""Bcc never leaves the sender's side (RFC 5322 §3.6.3); Return-Path is the
final delivery's (RFC 5321 §4.4)."""


_ONCE_CHECKED: Final = (b"from", b"sender", b"date")
"""Those of them that we refuse twice: readers would differ about the author."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What is put into a header that lacks it."""

    date: str  # RFC 5322 date-time
    message_id: str  # "<...>"
    author: str  # mailbox for From, ready for the wire
    sender: str  # mailbox for Sender where several authors wrote, or ""
    recipients: Sequence[str]  # of the envelope


class BadHeader(Exception):
    """A header that cannot be made right; the text says why, for the client."""


def complete(header: bytes, missing: Completion) -> bytes:
    """Take out Bcc and Return-Path, add what RFC 5322 §3.6 asks for.

    Args:
        header: the block with the empty line at its end; if it holds no field
            at all, it is taken for the beginning of the body.
        missing: values for what is not there.

    Returns:
        The new block, an empty line at its end.

    Raises:
        BadHeader: a field that may stand once stands twice.
    """
    kept: list[bytes] = []
    names: dict[bytes, int] = {}
    end = 0
    for match in FIELD.finditer(header):
        name = match[1]
        if name is None:
            break
        end = match.end()
        key = name.lower()
        names[key] = names.get(key, 0) + 1
        if key not in _REMOVED:
            field = match[0].rstrip(b"\r\n")
            kept.append(field + b"\r\n")  # a bare LF ended it for us: say so clearly
    for key in _ONCE_CHECKED:
        if names.get(key, 0) > 1:
            raise BadHeader(f"{names[key]} {key.decode().capitalize()} fields")
    rest = header[end:]
    if not rest.startswith(b"\r\n"):
        rest = b"\r\n" + rest  # what is no field begins the body
    added = "".join(f"{name}: {value}\r\n" for name, value in _added(names, missing))
    return added.encode() + b"".join(kept) + rest


def _added(names: dict[bytes, int], missing: Completion) -> list[tuple[str, str]]:
    """Fields to add, in the order that headers customarily have."""
    fields = []
    if b"date" not in names:
        fields.append(("Date", missing.date))
    if b"from" not in names:
        fields.append(("From", missing.author))
    if b"sender" not in names and missing.sender and b"from" in names:
        fields.append(("Sender", missing.sender))
    if b"to" not in names and b"cc" not in names:
        fields.append(_addressee(missing.recipients, blind=b"bcc" in names))
    if b"message-id" not in names:
        fields.append(("Message-ID", missing.message_id))
    return fields


def _addressee(recipients: Sequence[str], *, blind: bool) -> tuple[str, str]:
    """Say for whom it is where neither To nor Cc does.

    A single recipient may be told his own address; several would learn of each
    other, and who was in Bcc is nobody's business (RFC 5321 §7.2).
    """
    if len(recipients) == 1 and not blind:
        return "Apparently-To", f"<{recipients[0]}>"
    return "To", "undisclosed-recipients:;"
