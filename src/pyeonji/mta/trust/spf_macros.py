"""Macros of SPF: `%{ir}.%{v}._spf.%{d2}` (RFC 7208 §7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EXPANDED: Final = 4096
"""Characters of an expansion; more are cut off (ours)."""

_ITEM: Final = re.compile(
    r"%\{(?P<letter>[slodiphcrtv])(?P<digits>[0-9]*)(?P<reverse>r?)"
    r"(?P<delimiters>[.\-+,/_=]*)\}"
    r"|%(?P<special>[%_-])|(?P<literal>[^%]+)",
    re.IGNORECASE,
)
_VISIBLE: Final = re.compile(r"[\x21-\x7e]*")
_VISIBLE_OR_SPACE: Final = re.compile(r"[\x20-\x7e]*")
_SPECIAL: Final = {"%": "%", "_": " ", "-": "%20"}
_ONLY_EXPLAINING: Final = frozenset("crt")  # RFC 7208 §7.2

# domain-end: "." toplabel [ "." ]
_TOP_LABEL: Final = re.compile(
    r"\.(?:[0-9a-z]*[a-z][0-9a-z]*|[0-9a-z]+-[0-9a-z-]*[0-9a-z])\.?\Z", re.IGNORECASE
)


class SpfSyntaxError(Exception):
    """A record is not as RFC 7208 §12 has it; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Macro:
    """One `%{…}`."""

    letter: str  # lower case
    keep: int  # right-hand parts to use; 0: all
    reverse: bool
    delimiters: str
    escape: bool  # an upper-case letter: URL-escaped


@dataclass(frozen=True, slots=True)
class MacroString:
    """Text with macros, as read."""

    parts: tuple[str | Macro, ...]

    def uses(self, letter: str) -> bool:
        """Whether it has a macro of that letter."""
        return any(isinstance(p, Macro) and p.letter == letter for p in self.parts)

    def expand(self, values: Mapping[str, str]) -> str:
        """Put in the values of the letters that are used."""
        pieces = []
        room = MAX_EXPANDED
        for part in self.parts:
            piece = part if isinstance(part, str) else _value(part, values)
            pieces.append(piece[:room])
            room -= len(pieces[-1])
            if not room:
                break
        return "".join(pieces)


def read_domain_spec(text: str) -> MacroString:
    """Read a domain-spec. Raises SpfSyntaxError."""
    if not _VISIBLE.fullmatch(text):
        raise SpfSyntaxError(f"{_shown(text)} has a character that may not be there")
    parts, ends_in_macro = _read(text, explaining=False)
    last = parts[-1] if parts else ""
    if not ends_in_macro and not (isinstance(last, str) and _TOP_LABEL.search(last)):
        raise SpfSyntaxError(f"{_shown(text)} is no domain")
    return MacroString(parts)


def read_macro_string(text: str) -> MacroString:
    """Read the value of an unknown modifier. Raises SpfSyntaxError."""
    if not _VISIBLE.fullmatch(text):
        raise SpfSyntaxError(f"{_shown(text)} has a character that may not be there")
    return MacroString(_read(text, explaining=False)[0])


def read_explanation(text: str) -> MacroString:
    """Read an explain-string. Raises SpfSyntaxError."""
    if not _VISIBLE_OR_SPACE.fullmatch(text):
        raise SpfSyntaxError("the explanation has a character that may not be there")
    return MacroString(_read(text, explaining=True)[0])


def _read(text: str, *, explaining: bool) -> tuple[tuple[str | Macro, ...], bool]:
    """The parts, and whether the last one was written with "%"."""
    parts: list[str | Macro] = []
    at = 0
    special = False
    while at < len(text):
        match = _ITEM.match(text, at)
        if match is None:  # RFC 7208 §7.3
            raise SpfSyntaxError(f"{_shown(text)} has a bad macro")
        at = match.end()
        special = match["literal"] is None
        if match["literal"] is not None:
            parts.append(match["literal"])
        elif match["special"] is not None:
            parts.append(_SPECIAL[match["special"]])
        else:
            parts.append(_macro(match, explaining=explaining))
    return tuple(parts), special


def _macro(match: re.Match[str], *, explaining: bool) -> Macro:
    letter = match["letter"].lower()
    if letter in _ONLY_EXPLAINING and not explaining:
        raise SpfSyntaxError(f"%{{{letter}}} is for explanations only")
    digits = match["digits"].lstrip("0")
    if match["digits"] and not digits:
        raise SpfSyntaxError(f"{match[0]} keeps nothing")
    return Macro(
        letter,
        keep=int(digits[:4] or "0"),  # nothing has 1,000 parts
        reverse=bool(match["reverse"]),
        delimiters=match["delimiters"],
        escape=match["letter"].isupper(),
    )


def _value(macro: Macro, values: Mapping[str, str]) -> str:
    """RFC 7208 §7.3: split, reverse, keep the right-hand parts, join by dots."""
    value = values[macro.letter]
    if macro.delimiters or macro.reverse or macro.keep:
        parts = re.split(f"[{re.escape(macro.delimiters or '.')}]", value)
        if macro.reverse:
            parts.reverse()
        value = ".".join(parts[-macro.keep :])
    return quote(value, safe="") if macro.escape else value


def _shown(text: str) -> str:
    """A piece of a record for a reason: short, printable."""
    short = text if len(text) <= 60 else f"{text[:57]}..."
    return ascii(short)
