"""BODYSTRUCTURE as a tree of parts (RFC 3501 §7.4.2)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pyeonji.base.limits import MAX_PARAMETERS
from pyeonji.message.parameters import decode_parameters
from pyeonji.message.words import decode_words
from pyeonji.protocol.imap.client.envelope import Envelope, read_envelope
from pyeonji.protocol.imap.client.values import number, string, text, texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.message.parameters import RawParameters

MAX_LEVELS: Final = 150
"""Parts within parts that are read; deeper ones are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a message; `path` is what BODY[…] calls it ("" is the whole).

    A message that is no multipart is one part with path "1". Parameters are
    decoded (RFC 2231); octets and lines are of the encoded content.
    """

    path: str
    type: str  # lower case, as are subtype, encoding and disposition
    subtype: str
    parameters: dict[str, str] = field(default_factory=dict)
    content_id: bytes | None = None
    description: bytes | None = None
    encoding: str = ""
    octets: int = 0
    lines: int | None = None
    md5: bytes | None = None
    envelope: Envelope | None = None  # of message/rfc822
    children: tuple[Part, ...] = ()
    disposition: str = ""
    disposition_parameters: dict[str, str] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    location: str = ""

    @property
    def media_type(self) -> str:
        """Type and subtype, e.g. "text/plain"."""
        return f"{self.type}/{self.subtype}"

    @property
    def filename(self) -> str:
        """The name an attachment should have; "" if it says none."""
        name = self.disposition_parameters.get("filename")
        return name or self.parameters.get("name", "")

    @property
    def description_text(self) -> str:
        """The description, decoded."""
        return decode_words(self.description) if self.description else ""

    def walk(self) -> Iterator[Part]:
        """This part and all below it, in the order they stand."""
        waiting = [self]
        while waiting:
            part = waiting.pop()
            yield part
            waiting.extend(reversed(part.children))


def read_structure(value: object) -> Part | None:
    """The tree from a BODYSTRUCTURE or BODY item; None where there is none."""
    if not isinstance(value, list) or not value:
        return None
    if isinstance(value[0], list):
        return _multipart(value, "", 0)
    return _leaf(value, "1", 0)


def _below(path: str, index: int) -> str:
    return f"{path}.{index}" if path else str(index)


def _part(value: list[object], path: str, level: int) -> Part:
    if value and isinstance(value[0], list):
        return _multipart(value, path, level)
    return _leaf(value, path, level)


def _multipart(value: list[object], path: str, level: int) -> Part:
    count = 0
    while count < len(value) and isinstance(value[count], list):
        count += 1
    children: tuple[Part, ...] = ()
    if level < MAX_LEVELS:
        children = tuple(
            _part(child, _below(path, index), level + 1)
            for index, child in enumerate(value[:count], 1)
            if isinstance(child, list)
        )
    rest = _Fields(value[count:])
    subtype = text(rest.next()).lower()
    parameters = _parameters(rest.next())
    disposition, disposition_parameters = _disposition(rest.next())
    return Part(
        path=path,
        type="multipart",
        subtype=subtype,
        parameters=parameters,
        children=children,
        disposition=disposition,
        disposition_parameters=disposition_parameters,
        languages=texts(rest.next()),
        location=text(rest.next()),
    )


def _leaf(value: list[object], path: str, level: int) -> Part:
    rest = _Fields(value)
    kind, subtype = text(rest.next()).lower(), text(rest.next()).lower()
    parameters = _parameters(rest.next())
    content_id, description = string(rest.next()), string(rest.next())
    encoding, octets = text(rest.next()).lower(), number(rest.next()) or 0
    envelope, lines = None, None
    children: tuple[Part, ...] = ()
    # QUIRK: some servers give message/rfc822 without its envelope and body
    if kind == "message" and isinstance(rest.peek(), list):
        envelope = read_envelope(rest.next())
        children = _embedded(rest.next(), path, level)
        lines = number(rest.next())
    elif kind == "text" or (kind == "message" and number(rest.peek()) is not None):
        lines = number(rest.next())
    md5 = string(rest.next())
    disposition, disposition_parameters = _disposition(rest.next())
    return Part(
        path=path,
        type=kind,
        subtype=subtype,
        parameters=parameters,
        content_id=content_id,
        description=description,
        encoding=encoding,
        octets=octets,
        lines=lines,
        md5=md5,
        envelope=envelope,
        children=children,
        disposition=disposition,
        disposition_parameters=disposition_parameters,
        languages=texts(rest.next()),
        location=text(rest.next()),
    )


def _embedded(value: object, path: str, level: int) -> tuple[Part, ...]:
    """The body of a message within a message.

    A multipart there has the path of the message itself, its parts are
    numbered below it; a single part is number 1 (RFC 3501 §6.4.5).
    """
    if not isinstance(value, list) or not value or level >= MAX_LEVELS:
        return ()
    if isinstance(value[0], list):
        return (_multipart(value, path, level + 1),)
    return (_leaf(value, _below(path, 1), level + 1),)


class _Fields:
    """Values one after another; None past the end."""

    __slots__ = ("_at", "_values")

    def __init__(self, values: list[object]) -> None:
        self._values = values
        self._at = 0

    def peek(self) -> object:
        return self._values[self._at] if self._at < len(self._values) else None

    def next(self) -> object:
        value = self.peek()
        self._at += 1
        return value


def _parameters(value: object) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    flat = [string(v) or b"" for v in value[: 2 * MAX_PARAMETERS]]
    raw: RawParameters = tuple(
        (name.lower(), content)
        for name, content in zip(flat[::2], flat[1::2], strict=False)
    )
    return decode_parameters(raw)


def _disposition(value: object) -> tuple[str, dict[str, str]]:
    if isinstance(value, list):
        parameters = _parameters(value[1]) if len(value) > 1 else {}
        return (text(value[0]).lower() if value else ""), parameters
    return text(value).lower(), {}  # QUIRK: a bare string instead of a list
