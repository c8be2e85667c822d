"""The canonical forms that signatures are made over (RFC 6376 §3.4).

A body is hashed while it passes, in pieces cut anywhere: `BodyHashes` is told
what to hash and then each piece. Only CRLF ends a line here; a bare CR or LF is
an octet like any other, as it is for SMTP.

Header fields are found as `message.header` finds them, so that what was signed
is what people are shown.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from pyeonji.base.limits import MAX_HEADER_FIELDS
from pyeonji.message.header import FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_AT_ONCE: Final = 1 << 16
"""Line ends put out at once, and octets canonicalised at once."""

MAX_BODY_HASHES: Final = 8
"""Different hashes of one body that are computed (ours); more are not."""

_LINE_ENDS_REVERSED: Final = re.compile(rb"(?:\n\r)*+")
_WSP_RUN: Final = re.compile(rb"[ \t]+")


class Form(StrEnum):
    """How much a letter may change on its way (RFC 6376 §3.4)."""

    SIMPLE = "simple"
    RELAXED = "relaxed"

    __hash__ = str.__hash__  # that of enumerations is written in Python


class HeaderField:
    """A field as it stands: its name in lower case, and all its octets.

    `octets` are name, colon and folded value without the CRLF at the end.
    """

    __slots__ = ("_relaxed", "name", "octets")

    def __init__(self, name: bytes, octets: bytes) -> None:
        """Take both as they are."""
        self.name = name
        self.octets = octets
        self._relaxed: bytes | None = None

    @property
    def value(self) -> bytes:
        """What stands behind the colon, folded."""
        return self.octets.partition(b":")[2]

    @property
    def relaxed(self) -> bytes:
        """In relaxed form; made once, since many signatures may ask for it."""
        if self._relaxed is None:
            value = self.value.replace(b"\r\n", b"").replace(b"\n", b"")
            value = _WSP_RUN.sub(b" ", value).strip(b" ")
            self._relaxed = self.name + b":" + value
        return self._relaxed


def header_fields(header: bytes) -> list[HeaderField]:
    """The fields of a header block, top first, MAX_HEADER_FIELDS at most.

    Lines that are no fields are left out.
    """
    found = []
    for match in FIELD.finditer(header):
        name = match[1]
        if name is None:
            if not match[0].strip(b"\r\n"):  # the empty line: the header is over
                break
            continue
        octets = match[0]
        if octets.endswith(b"\n"):
            octets = octets[:-1].removesuffix(b"\r")
        found.append(HeaderField(name.lower(), octets))
        if len(found) >= MAX_HEADER_FIELDS:
            break
    return found


def canonical_field(field: HeaderField, form: Form) -> bytes:
    """A field as it is hashed, without the CRLF at its end (RFC 6376 §3.4.1)."""
    return field.octets if form is Form.SIMPLE else field.relaxed


@dataclass(frozen=True, slots=True)
class BodyKey:
    """What is hashed of a body: in which form, and how much of it.

    `length` is the number of canonical octets (the l= tag), None for all.
    SHA-256 is the only algorithm (RFC 8301 §3.1).
    """

    form: Form
    length: int | None = None


@dataclass(frozen=True, slots=True)
class BodyDigest:
    """A hash of a body; `octets` is the canonical length of the whole body."""

    digest: bytes
    octets: int


class _Hash(Protocol):
    def update(self, octets: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Sink:
    """Hashes of one canonical form: of all of it, and of its beginnings."""

    def __init__(self, lengths: Iterable[int | None]) -> None:
        self.octets = 0
        self.hashes: list[tuple[int | None, _Hash]] = [
            (length, hashlib.sha256()) for length in lengths
        ]

    def put(self, octets: bytes) -> None:
        """Hash what follows."""
        for length, digest in self.hashes:
            if length is None:
                digest.update(octets)
            elif length > self.octets:
                digest.update(octets[: length - self.octets])
        self.octets += len(octets)


class _Canonicaliser:
    """Makes the canonical body of octets that come in pieces.

    What cannot be decided yet is kept: line ends that may be the last ones as
    their number, and at most a space and a CR of the line's end.
    """

    def __init__(self, form: Form, sink: _Sink) -> None:
        self._relaxed = form is Form.RELAXED
        self._sink = sink
        self._held = b""
        self._line_ends = 0

    def update(self, octets: bytes) -> None:
        """Take the next piece."""
        octets = self._held + octets
        keep = 0
        if self._relaxed:
            octets = _relaxed(octets)
            if octets.endswith(b"\r"):
                keep = 2 if octets.endswith(b" \r") else 1
            elif octets.endswith(b" "):
                keep = 1
        elif octets.endswith(b"\r"):
            keep = 1
        if keep:
            self._held, octets = octets[-keep:], octets[:-keep]
        else:
            self._held = b""
        self._emit(octets)

    def _emit(self, octets: bytes) -> None:
        """Put out all but the line ends at the end, which may be the last."""
        if not octets:
            return
        count = 0
        if octets.endswith(b"\r\n"):
            tail = octets[len(octets.rstrip(b"\r\n")) :]
            ends = _LINE_ENDS_REVERSED.match(tail[::-1])
            count = ends.end() if ends else 0
        content = octets[: len(octets) - count]
        if content:
            self._flush()
            self._sink.put(content)
        self._line_ends += count // 2

    def _flush(self) -> None:
        """Line ends that were not the last."""
        while self._line_ends:
            count = min(self._line_ends, _AT_ONCE)
            self._sink.put(b"\r\n" * count)
            self._line_ends -= count

    def finish(self) -> None:
        """The body is over: lines at its end that are empty do not count."""
        held = self._held
        if self._relaxed:  # white space at the end of the last line
            held = held.removesuffix(b" ")
        if held:
            self._flush()
            self._sink.put(held)
        # RFC 6376 §3.4.3, §3.4.4: an empty body is CRLF in the simple form
        # and nothing in the relaxed one
        if self._sink.octets or not self._relaxed:
            self._sink.put(b"\r\n")


def _relaxed(octets: bytes) -> bytes:
    """White space of lines as RFC 6376 §3.4.4 wants it; all but the lines' ends."""
    octets = octets.replace(b"\t", b" ")
    while b"  " in octets:  # halves the longest run each time
        octets = octets.replace(b"  ", b" ")
    return octets.replace(b" \r\n", b"\r\n")


class BodyHashes:
    """Hashes a body in all the ways that are asked for, in one pass."""

    def __init__(self, keys: Iterable[BodyKey]) -> None:
        """Nothing has come yet.

        Args:
            keys: what to hash; after MAX_BODY_HASHES different ones the rest
                is left out.
        """
        wanted = list(dict.fromkeys(keys))[:MAX_BODY_HASHES]
        by_form: dict[Form, list[int | None]] = {}
        for key in wanted:
            by_form.setdefault(key.form, []).append(key.length)
        self._sinks = {form: _Sink(lengths) for form, lengths in by_form.items()}
        self._canonicalisers = [
            _Canonicaliser(form, sink) for form, sink in self._sinks.items()
        ]
        self._done: dict[BodyKey, BodyDigest] | None = None

    def update(self, octets: bytes) -> None:
        """Take the next piece of the body; where it is cut does not matter."""
        for canonicaliser in self._canonicalisers:
            for start in range(0, len(octets), _AT_ONCE):
                canonicaliser.update(octets[start : start + _AT_ONCE])

    def finish(self) -> Mapping[BodyKey, BodyDigest]:
        """The body is over: its hashes. May be called again."""
        if self._done is None:
            for canonicaliser in self._canonicalisers:
                canonicaliser.finish()
            self._done = {
                BodyKey(form, length): BodyDigest(digest.digest(), sink.octets)
                for form, sink in self._sinks.items()
                for length, digest in sink.hashes
            }
        return self._done


def body_hash(body: bytes, form: Form, length: int | None = None) -> bytes:
    """SHA-256 of one body that is at hand whole."""
    key = BodyKey(form, length)
    hashes = BodyHashes([key])
    hashes.update(body)
    return hashes.finish()[key].digest


def signed_header(
    fields: Sequence[HeaderField],
    names: Sequence[bytes],
    signature: HeaderField,
    form: Form,
) -> bytes:
    """What the signature of a header is made over (RFC 6376 §3.7, §5.4.2).

    Args:
        fields: of the letter, top first.
        names: in lower case, as h= lists them: each takes the lowest field of
            its name that was not yet taken; one too many takes nothing.
        signature: the signature's own field with an empty b= tag; it comes
            last, without CRLF at its end.
        form: of the header.
    """
    waiting: dict[bytes, list[HeaderField]] = {name: [] for name in names}
    for field in fields:
        if field.name in waiting:
            waiting[field.name].append(field)
    signed = [
        canonical_field(waiting[name].pop(), form) for name in names if waiting[name]
    ]
    signed.append(canonical_field(signature, form))
    return b"\r\n".join(signed)
