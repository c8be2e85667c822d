"""What a POP3 server says to people, in the languages it speaks (RFC 6856 §3)."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Text(Enum):
    """A sentence of the server, named for what it says."""

    READY = "ready"
    NAME_TAKEN = "name taken"
    WELCOME = "welcome"
    BAD_CREDENTIALS = "bad credentials"
    LOGIN_REFUSED = "login refused"
    TOO_MANY_LOGINS = "too many logins"
    MAILDROP_BUSY = "maildrop busy"
    AUTH_CANCELLED = "auth cancelled"
    AUTH_MALFORMED = "auth malformed"
    NO_SUCH_MECHANISM = "no such mechanism"
    MECHANISMS = "mechanisms"
    TLS_FIRST = "tls first"
    BEGIN_TLS = "begin tls"
    NO_TLS = "no tls"
    CAPABILITIES = "capabilities"
    UTF8_ON = "utf8 on"
    LANGUAGES = "languages"
    LANGUAGE_CHANGED = "language changed"
    NO_SUCH_LANGUAGE = "no such language"
    LISTING = "listing"
    MESSAGE = "message"
    NO_SUCH_MESSAGE = "no such message"
    MESSAGE_GONE = "message gone"
    NEEDS_UTF8 = "needs utf8"
    MARKED = "marked"
    UNMARKED = "unmarked"
    DONE = "done"
    BYE = "bye"
    NOT_REMOVED = "not removed"
    NOT_NOW = "not now"
    UNKNOWN = "unknown"
    SYNTAX = "syntax"
    LINE_TOO_LONG = "line too long"
    TOO_MANY_ERRORS = "too many errors"
    TOO_SOON = "too soon"
    TRY_LATER = "try later"


DEFAULT_LANGUAGE: Final = "en"

LANGUAGES: Final[dict[str, str]] = {"en": "English", "ko": "한국어"}
"""Language tags and what the languages call themselves."""

_ENGLISH: Final[dict[Text, str]] = {
    Text.READY: "Pyeonji POP3 ready",
    Text.NAME_TAKEN: "now the password",
    Text.WELCOME: "the maildrop is yours",
    Text.BAD_CREDENTIALS: "wrong name or password",
    Text.LOGIN_REFUSED: "this account may not log in",
    Text.TOO_MANY_LOGINS: "too many attempts, wait a while",
    Text.MAILDROP_BUSY: "another session has this maildrop",
    Text.AUTH_CANCELLED: "authentication cancelled",
    Text.AUTH_MALFORMED: "the response makes no sense",
    Text.NO_SUCH_MECHANISM: "no such mechanism",
    Text.MECHANISMS: "mechanisms follow",
    Text.TLS_FIRST: "not without TLS; use STLS first",
    Text.BEGIN_TLS: "begin TLS now",
    Text.NO_TLS: "TLS cannot be started",
    Text.CAPABILITIES: "capabilities follow",
    Text.UTF8_ON: "UTF-8 mode is on",
    Text.LANGUAGES: "languages follow",
    Text.LANGUAGE_CHANGED: "language changed",
    Text.NO_SUCH_LANGUAGE: "no such language",
    Text.LISTING: "listing follows",
    Text.MESSAGE: "message follows",
    Text.NO_SUCH_MESSAGE: "no such message",
    Text.MESSAGE_GONE: "the message was removed by another session",
    Text.NEEDS_UTF8: "the message has UTF-8 headers; use UTF8 first",
    Text.MARKED: "marked for removal",
    Text.UNMARKED: "no message is marked any more",
    Text.DONE: "done",
    Text.BYE: "bye",
    Text.NOT_REMOVED: "messages could not be removed",
    Text.NOT_NOW: "not now",
    Text.UNKNOWN: "unknown command",
    Text.SYNTAX: "bad argument",
    Text.LINE_TOO_LONG: "line too long",
    Text.TOO_MANY_ERRORS: "too many errors, bye",
    Text.TOO_SOON: "logged in too recently, wait a while",
    Text.TRY_LATER: "something failed here, try later",
}

_KOREAN: Final[dict[Text, str]] = {
    Text.READY: "편지 POP3 준비됨",
    Text.NAME_TAKEN: "이제 비밀번호를 보내세요",
    Text.WELCOME: "편지함을 열었습니다",
    Text.BAD_CREDENTIALS: "이름이나 비밀번호가 틀립니다",
    Text.LOGIN_REFUSED: "이 계정은 로그인할 수 없습니다",
    Text.TOO_MANY_LOGINS: "시도가 너무 많습니다. 잠시 기다리세요",
    Text.MAILDROP_BUSY: "다른 연결이 이 편지함을 쓰고 있습니다",
    Text.AUTH_CANCELLED: "인증을 취소했습니다",
    Text.AUTH_MALFORMED: "응답을 이해할 수 없습니다",
    Text.NO_SUCH_MECHANISM: "그런 인증 방식은 없습니다",
    Text.MECHANISMS: "인증 방식 목록입니다",
    Text.TLS_FIRST: "TLS 없이는 안 됩니다. 먼저 STLS를 쓰세요",
    Text.BEGIN_TLS: "TLS를 시작하세요",
    Text.NO_TLS: "TLS를 시작할 수 없습니다",
    Text.CAPABILITIES: "기능 목록입니다",
    Text.UTF8_ON: "UTF-8 방식을 켰습니다",
    Text.LANGUAGES: "언어 목록입니다",
    Text.LANGUAGE_CHANGED: "언어를 바꾸었습니다",
    Text.NO_SUCH_LANGUAGE: "그런 언어는 없습니다",
    Text.LISTING: "목록입니다",
    Text.MESSAGE: "편지를 보냅니다",
    Text.NO_SUCH_MESSAGE: "그런 편지는 없습니다",
    Text.MESSAGE_GONE: "다른 연결이 편지를 지웠습니다",
    Text.NEEDS_UTF8: "머리글에 UTF-8이 있는 편지입니다. 먼저 UTF8을 쓰세요",
    Text.MARKED: "지울 편지로 표시했습니다",
    Text.UNMARKED: "지울 표시를 모두 없앴습니다",
    Text.DONE: "되었습니다",
    Text.BYE: "안녕히 가세요",
    Text.NOT_REMOVED: "편지를 지우지 못했습니다",
    Text.NOT_NOW: "지금은 안 됩니다",
    Text.UNKNOWN: "모르는 명령입니다",
    Text.SYNTAX: "인수가 잘못되었습니다",
    Text.LINE_TOO_LONG: "줄이 너무 깁니다",
    Text.TOO_MANY_ERRORS: "오류가 너무 많습니다. 끊습니다",
    Text.TOO_SOON: "너무 자주 로그인합니다. 잠시 기다리세요",
    Text.TRY_LATER: "서버에 문제가 있습니다. 나중에 다시 해 보세요",
}

WORDS: Final[dict[str, dict[Text, bytes]]] = {
    "en": {text: words.encode() for text, words in _ENGLISH.items()},
    "ko": {text: words.encode() for text, words in _KOREAN.items()},
}
"""Every text in every language, ready for the wire (RFC 6856 §3.2: UTF-8)."""


def choose_language(language_range: str) -> str | None:
    """The tag that a basic language range asks for, or None (RFC 4647 §3.4).

    `ko-KR` gets `ko` where there is nothing closer; `*` gets the default.
    """
    if language_range == "*":
        return DEFAULT_LANGUAGE
    wanted = language_range.lower()
    while wanted:
        if wanted in LANGUAGES:
            return wanted
        wanted = wanted.rpartition("-")[0]
    return None
