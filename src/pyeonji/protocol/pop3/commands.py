"""POP3 commands as events, and how a line becomes one (RFC 1939 §3)."""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.pop3.state import Verb

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_DIGITS: Final = 10
"""Digits of a message number or a count of lines; more is a syntax error."""

_DIGEST: Final = re.compile(rb"[0-9a-fA-F]{32}")
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")
_MECHANISM: Final = re.compile(rb"[A-Za-z0-9_-]{1,20}")  # RFC 4422 §3.1
_LANGUAGE: Final = re.compile(rb"\*|[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8}){0,8}")


class BadArgument(ValueError):
    """A command's argument is not what its grammar says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAsked:
    """PASS, after USER: a name and a password."""

    name: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApopAsked:
    """APOP: the digest of banner timestamp and secret (RFC 1939 §7)."""

    name: str
    digest: str  # 32 lower-case hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthAsked:
    """AUTH: begin a SASL exchange (RFC 5034 §4).

    `initial_response` is decoded; b"" is an empty one, None is none.
    """

    mechanism: str  # upper case; one of those offered
    initial_response: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthAnswered:
    """The client's answer to a challenge, decoded."""

    octets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthCancelled:
    """The client gave up the exchange by `*`, or sent no base64; say -ERR."""

    malformed: bool


@dataclass(frozen=True, slots=True)
class StlsAsked:
    """STLS: call `start_tls`, then change over, then `tls_started`."""


@dataclass(frozen=True, slots=True)
class StatAsked:
    """STAT: how many messages, how many octets."""


@dataclass(frozen=True, slots=True)
class ListAsked:
    """LIST: sizes, of one message or of all."""

    number: int | None


@dataclass(frozen=True, slots=True)
class UidlAsked:
    """UIDL: unique ids, of one message or of all."""

    number: int | None


@dataclass(frozen=True, slots=True)
class RetrAsked:
    """RETR: a message."""

    number: int


@dataclass(frozen=True, slots=True)
class TopAsked:
    """TOP: the header of a message and so many lines of its body."""

    number: int
    lines: int


@dataclass(frozen=True, slots=True)
class DeleAsked:
    """DELE: mark a message as deleted."""

    number: int


@dataclass(frozen=True, slots=True)
class RsetAsked:
    """RSET: take all marks away."""


@dataclass(frozen=True, slots=True)
class QuitAsked:
    """QUIT after login: remove what is marked, then say how it went."""


@dataclass(frozen=True, slots=True)
class UserGiven:
    """USER, which the machine answers itself."""

    name: str


@dataclass(frozen=True, slots=True)
class PassGiven:
    """PASS, which the machine joins with its USER."""

    password: str


@dataclass(frozen=True, slots=True)
class LangGiven:
    """LANG, which the machine answers itself."""

    language_range: str | None


@dataclass(frozen=True, slots=True)
class MechanismsAsked:
    """AUTH alone, which the machine answers with the list of mechanisms."""


@dataclass(frozen=True, slots=True)
class Plain:
    """A command without arguments that the machine answers itself."""


Event = (
    LoginAsked
    | ApopAsked
    | AuthAsked
    | AuthAnswered
    | AuthCancelled
    | StlsAsked
    | StatAsked
    | ListAsked
    | UidlAsked
    | RetrAsked
    | TopAsked
    | DeleAsked
    | RsetAsked
    | QuitAsked
)
"""What `ServerMachine.next_event` gives."""

Command = Event | UserGiven | PassGiven | LangGiven | MechanismsAsked | Plain


def decode_base64(text: bytes) -> bytes:
    """Decode a SASL message strictly (RFC 4648 §4). Raises BadArgument."""
    try:
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except binascii.Error as error:
        raise BadArgument("not base64") from error


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > MAX_DIGITS:
        raise BadArgument("not a number")
    return int(text)


def _text(argument: bytes) -> str:
    """A name or password: UTF-8 without controls (RFC 6856 §2.2)."""
    try:
        text = argument.decode()
    except UnicodeDecodeError as error:
        raise BadArgument("not UTF-8") from error
    if not text or _CONTROLS.search(text):
        raise BadArgument("empty or with controls")
    return text


def _nothing(result: Command) -> Callable[[bytes], Command]:
    def parse(argument: bytes) -> Command:
        if argument:
            raise BadArgument("an argument where none belongs")
        return result

    return parse


def _user(argument: bytes) -> Command:
    return UserGiven(_text(argument.strip(b" ")))


def _pass(argument: bytes) -> Command:
    # RFC 1939 §7: spaces belong to the password
    return PassGiven(_text(argument))


def _apop(argument: bytes) -> Command:
    name, _, digest = argument.rpartition(b" ")
    if not _DIGEST.fullmatch(digest):
        raise BadArgument("not a digest")
    return ApopAsked(name=_text(name), digest=digest.decode().lower())


def _auth(argument: bytes) -> Command:
    if not argument:
        return MechanismsAsked()
    mechanism, space, initial = argument.partition(b" ")
    if not _MECHANISM.fullmatch(mechanism) or (space and not initial):
        raise BadArgument("not a mechanism")
    response = None
    if initial:  # RFC 5034 §4: "=" is an empty initial response
        response = b"" if initial == b"=" else decode_base64(initial)
    return AuthAsked(mechanism=mechanism.decode().upper(), initial_response=response)


def _lang(argument: bytes) -> Command:
    if argument and not _LANGUAGE.fullmatch(argument):
        raise BadArgument("not a language range")
    return LangGiven(argument.decode() or None)


def _list(argument: bytes) -> Command:
    return ListAsked(_number(argument) if argument else None)


def _uidl(argument: bytes) -> Command:
    return UidlAsked(_number(argument) if argument else None)


def _retr(argument: bytes) -> Command:
    return RetrAsked(_number(argument))


def _dele(argument: bytes) -> Command:
    return DeleAsked(_number(argument))


def _top(argument: bytes) -> Command:
    number, _, lines = argument.partition(b" ")
    return TopAsked(_number(number), _number(lines))


PARSE: Final[dict[bytes, tuple[Verb, Callable[[bytes], Command]]]] = {
    verb.value: (verb, parse)
    for verb, parse in {
        Verb.USER: _user,
        Verb.PASS: _pass,
        Verb.APOP: _apop,
        Verb.AUTH: _auth,
        Verb.CAPA: _nothing(Plain()),
        Verb.STLS: _nothing(StlsAsked()),
        Verb.UTF8: _nothing(Plain()),
        Verb.LANG: _lang,
        Verb.QUIT: _nothing(QuitAsked()),
        Verb.STAT: _nothing(StatAsked()),
        Verb.LIST: _list,
        Verb.UIDL: _uidl,
        Verb.RETR: _retr,
        Verb.TOP: _top,
        Verb.DELE: _dele,
        Verb.NOOP: _nothing(Plain()),
        Verb.RSET: _nothing(RsetAsked()),
    }.items()
}
"""Keyword in upper case: its verb, and what reads its argument."""
