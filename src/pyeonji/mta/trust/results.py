"""Authentication-Results: written, read, and taken away where forged (RFC 8601).

Whoever reads such a field believes it by its authserv-id alone. So what comes
from outside and bears ours goes (`without_claims`), before ours is put on top.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.message.header import FIELD
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

MAX_VALUE: Final = 64 * 1024
"""Octets of a field that are read."""

MAX_RESULTS: Final = 100
"""Results of a field that are read."""

MAX_TEXT: Final = 300
"""Characters of one value or comment that are written."""

_LINE: Final = 78  # RFC 5322 §2.1.1

# RFC 2045 §5.1, and what an address or a domain may be without quotes
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]+")
_ADDRESS: Final = re.compile(
    r"[!#$%&'*+\-./0-9=?A-Z^_`a-z{|}~]*@[0-9A-Za-z_](?:[0-9A-Za-z_.\-]*[0-9A-Za-z_])?"
)
_UNSHOWABLE: Final = re.compile(r"[^\x20-\x7e]+")
_COMMENT_SPECIAL: Final = re.compile(r"([()\\])")
_ESCAPED: Final = r"\\\1"
_QUOTED_SPECIAL: Final = re.compile(r'(["\\])')

_OUTSIDE: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|\(|[^"(]++', re.DOTALL)
_INSIDE: Final = re.compile(rb"\\.|[()\\]|[^()\\]++", re.DOTALL)
_WORD: Final = re.compile(rb"[^\s;()<>\"\\,=]+")
_VALUE: Final = r'"(?:[^"\\]|\\.)*"|[^\s;"]+'
_METHOD: Final = re.compile(
    r"\s*([A-Za-z0-9_\-]+)\s*(?:/\s*([0-9]+)\s*)?=\s*([A-Za-z0-9_\-]+)"
)
# possessive, and only where a word begins: linear, whatever stands there
_PROPERTY: Final = re.compile(
    r"(?<![A-Za-z0-9_.\-])(?:(reason)|([A-Za-z0-9_\-]++)\s*+\.\s*+([A-Za-z0-9_.\-]++))"
    rf"\s*+=\s*+({_VALUE})",
    re.IGNORECASE,
)
_ID: Final = re.compile(rf"\s*({_VALUE})(?:\s+([0-9]+))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """What one method found: `spf=pass (comment) smtp.mailfrom=a@b.test`.

    `properties` are (ptype, property, value), as ("header", "d", "b.test").
    """

    method: str
    result: str
    comment: str = ""
    reason: str = ""
    properties: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthenticationResults:
    """A field as read; `version` 1 is the only one there is."""

    authserv_id: str
    results: tuple[MethodResult, ...] = ()
    version: int = 1


def payload(authserv_id: str, results: Iterable[MethodResult]) -> bytes:
    """What stands after the colon, folded, without CRLF at its end.

    Octets that may not stand there become "?"; long texts are cut.
    """
    lines = [[_value(authserv_id)]]
    lines += [list(_words(result)) for result in results]
    if len(lines) == 1:
        lines.append(["none"])
    folded: list[str] = []
    for number, words in enumerate(lines):
        line = ""
        for word in words:
            if line and len(line) + len(word) + 2 > _LINE:
                folded.append(line)
                line = ""
            line += f" {word}" if line else word
        folded.append(line + (";" if number < len(lines) - 1 else ""))
    return "\r\n\t".join(folded).encode("ascii")


def field(authserv_id: str, results: Iterable[MethodResult]) -> bytes:
    """The whole field, CRLF at its end."""
    return b"Authentication-Results: " + payload(authserv_id, results) + b"\r\n"


def _words(result: MethodResult) -> Iterator[str]:
    """The pieces between which the field may be folded."""
    yield f"{result.method}={result.result}"
    if result.comment:
        words = _COMMENT_SPECIAL.sub(_ESCAPED, _shown(result.comment)).split()
        yield from f"({' '.join(words)})".split(" ")
    if result.reason:
        yield f"reason={_value(result.reason)}"
    for ptype, name, value in result.properties:
        shown = _shown(value)
        plain = shown if _ADDRESS.fullmatch(shown) else _value(value)
        yield f"{ptype}.{name}={plain}"


def _shown(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        text = _UNSHOWABLE.sub("?", text)
    return text[:MAX_TEXT]


def _value(text: str) -> str:
    """A token, or else a quoted string (RFC 8601 §2.2)."""
    text = _shown(text)
    if _TOKEN.fullmatch(text):
        return text
    return '"' + _QUOTED_SPECIAL.sub(_ESCAPED, text) + '"'


# -- reading


def read_results(value: bytes) -> AuthenticationResults | None:
    """Read what stands after the colon; takes any octets.

    What cannot be read in it is left out; without an authserv-id: None.
    """
    parts = _split(value[:MAX_VALUE])
    match = _ID.fullmatch(parts[0])
    if match is None:
        return None
    results = (_result(part) for part in parts[1 : MAX_RESULTS + 1])
    return AuthenticationResults(
        authserv_id=_plain(match[1]),
        version=int((match[2] or "1")[:4]),
        results=tuple(result for result in results if result is not None),
    )


def _result(part: str) -> MethodResult | None:
    match = _METHOD.match(part)
    if match is None or match[2] not in {None, "1"}:  # RFC 8601 §2.6
        return None
    reason = ""
    properties = []
    for found in _PROPERTY.finditer(part, match.end()):
        if found[1]:
            reason = _plain(found[4])
        else:
            properties.append((found[2].lower(), found[3].lower(), _plain(found[4])))
    return MethodResult(
        method=match[1].lower(),
        result=match[3].lower(),
        reason=reason,
        properties=tuple(properties),
    )


def _split(value: bytes) -> list[str]:
    """The parts between semicolons, comments taken out."""
    parts = [bytearray()]
    at = depth = 0
    while at < len(value):
        match = (_INSIDE if depth else _OUTSIDE).match(value, at)
        if match is None:  # the two take any octet
            break
        piece, at = match[0], match.end()
        if piece == b"(":
            depth += 1
            parts[-1] += b" "
        elif depth:
            depth -= piece == b")"
        elif piece[:1] == b'"':
            parts[-1] += piece
        else:
            first, *more = piece.split(b";")
            parts[-1] += first
            parts += [bytearray(each) for each in more]
    return [part.decode("utf-8", "replace") for part in parts]


def _plain(value: str) -> str:
    """Without quotes."""
    if value.startswith('"'):
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    return value


# -- taking away


def without_claims(header: bytes, ours: Container[str]) -> tuple[bytes, int]:
    """A header block without the fields that claim to be ours (RFC 8601 §5).

    Fields of a version that nobody knows go, too, and those without an
    authserv-id: a lenient reader could find ours in them.

    Args:
        header: the block, as it came from outside.
        ours: authserv-ids in lower case, U-labels.

    Returns:
        The block, the same object where nothing went; how many went.
    """
    if b"authentication-results" not in header.lower():
        return header, 0
    kept: list[bytes] = []
    gone = 0
    for match in FIELD.finditer(header):
        name = match[1]
        if (
            name is not None
            and name.lower() == b"authentication-results"
            and _claims(match[2], ours)
        ):
            gone += 1
        else:
            kept.append(match[0])
    return (b"".join(kept), gone) if gone else (header, 0)


def _claims(value: bytes, ours: Container[str]) -> bool:
    found = read_results(value)
    if found is None or found.version != 1 or _canonical(found.authserv_id) in ours:
        return True
    # who reads comments otherwise than we do must not find it, either
    words = _WORD.findall(value[:MAX_VALUE].partition(b";")[0])
    return any(_canonical(word.decode("utf-8", "replace")) in ours for word in words)


def _canonical(authserv_id: str) -> str:
    """RFC 8601 §5: compared as U-labels; a substructure after "/" is left out."""
    return canonical_domain(authserv_id[:MAX_TEXT].partition("/")[0])
