"""From characters to octets: which charset a text is written in.

us-ascii where it suffices (RFC 2046 §4.1.2), else the charset that was asked
for, else UTF-8.
"""

from __future__ import annotations

import codecs
from typing import Final

from pyeonji.message.compose.errors import BadValue, NotInCharset

MAX_CHARSET_NAME: Final = 40  # RFC 2978 §2.3

_MIME_NAMES: Final = {
    "ascii": "us-ascii",
    "utf-8": "UTF-8",
    "euc_kr": "EUC-KR",
    "cp949": "ks_c_5601-1987",  # what mail calls it; IANA knows no cp949
    "iso2022_kr": "ISO-2022-KR",
    "iso2022_jp": "ISO-2022-JP",
    "shift_jis": "Shift_JIS",
    "euc_jp": "EUC-JP",
    "gb2312": "GB2312",
    "gbk": "GBK",
    "gb18030": "GB18030",
    "big5": "Big5",
    "koi8-r": "KOI8-R",
    "koi8-u": "KOI8-U",
    **{f"iso8859-{n}": f"ISO-8859-{n}" for n in range(1, 17)},
    **{f"cp125{n}": f"windows-125{n}" for n in range(9)},
}
"""Python's name of a codec → the preferred MIME name."""

_CODECS: Final = {label: codec for codec, label in _MIME_NAMES.items()}

_STATEFUL: Final = frozenset({"iso2022_kr", "iso2022_jp"})


def mime_charset(name: str) -> str:
    """The preferred MIME name of a charset that can be written.

    Raises:
        BadValue: unknown, or not one that text in mail may use: in text, CR
            and LF must stand for themselves (RFC 2046 §4.1.1), so UTF-16 is not.
    """
    try:
        codec = codecs.lookup(name) if len(name) <= MAX_CHARSET_NAME else None
    except (LookupError, ValueError):  # a NUL in the name is a ValueError
        codec = None
    known = _MIME_NAMES.get(codec.name) if codec is not None else None
    if known is None:
        raise BadValue("charset", f"{name[:MAX_CHARSET_NAME]!r} cannot be written")
    return known


def is_stateful(charset: str) -> bool:
    """Whether octets of the charset depend on escape sequences before them."""
    return _CODECS[charset] in _STATEFUL


def encode_text(text: str, charset: str) -> bytes:
    """Write a text in exactly this charset.

    Args:
        text: any characters.
        charset: a MIME name, as `mime_charset` gives it.

    Raises:
        NotInCharset: names the first character that has no code.
    """
    try:
        octets = text.encode(_CODECS[charset])
    except UnicodeEncodeError as error:
        raise NotInCharset(charset, text[error.start]) from error
    if charset == "EUC-KR":
        _refuse_composed_syllables(text, octets)
    return octets


def _refuse_composed_syllables(text: str, octets: bytes) -> None:
    """Refuse syllables outside KS X 1001's 2,350.

    The codec writes them as four letters of eight octets (KS X 1001, annex 3),
    which nearly no mail program reads.
    """
    if octets == text.encode("cp949"):
        return
    for character in text:
        if len(character.encode("euc_kr")) > 2:
            raise NotInCharset("EUC-KR", character)


def choose_charset(text: str, asked: str = "") -> tuple[str, bytes]:
    """Pick the charset for a text: us-ascii, the asked one, else UTF-8.

    Returns:
        The MIME name and the octets.

    Raises:
        BadValue: the asked charset is unknown.
        NotInCharset: not even UTF-8 has it (a lone surrogate).
    """
    wanted = mime_charset(asked) if asked else "UTF-8"
    if text.isascii():
        return "us-ascii", text.encode("ascii")
    try:
        return wanted, encode_text(text, wanted)
    except NotInCharset:
        return "UTF-8", encode_text(text, "UTF-8")
