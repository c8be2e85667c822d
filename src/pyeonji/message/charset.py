"""From octets to text, whatever the label says.

The ladder: the declared charset, widened to what senders really mean by it
(EUC-KR is CP949, GB2312 is GB18030, ISO-8859-1 is windows-1252), strictly;
where that fails, or nothing or nonsense was declared: UTF-8 strictly,
ISO-2022-KR or -JP by their escapes, CP949 strictly, and last the declared one
with U+FFFD for what it cannot say. No octet is left out without a sign.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

MAX_LABEL: Final = 60
"""Characters of a charset label; longer ones are no label."""


class Decoded(NamedTuple):
    """Text, and the name of the charset that gave it."""

    text: str
    charset: str


# Name that we report -> codecs tried in turn, strictly. Only these codecs are
# ever called: Python's registry also holds things like zip and rot13.
CHARSETS: Final[dict[str, tuple[str, ...]]] = {
    "us-ascii": ("ascii",),
    "utf-8": ("utf-8-sig",),
    "utf-7": ("utf-7",),
    "utf-16": ("utf-16",),
    "utf-16be": ("utf-16-be",),
    "utf-16le": ("utf-16-le",),
    "utf-32": ("utf-32",),
    "utf-32be": ("utf-32-be",),
    "utf-32le": ("utf-32-le",),
    "cp949": ("cp949",),
    "johab": ("johab",),
    "cp932": ("cp932", "shift_jis_2004"),
    "euc-jp": ("euc_jp", "euc_jis_2004"),
    "gb18030": ("gb18030",),
    "hz-gb-2312": ("hz",),
    "big5": ("cp950", "big5hkscs"),
    "big5-hkscs": ("big5hkscs", "cp950"),
    "koi8-r": ("koi8_r",),
    "koi8-u": ("koi8_u",),
    "koi8-t": ("koi8_t",),
    "tis-620": ("cp874", "iso8859_11"),
    "macintosh": ("mac_roman",),
    "x-mac-cyrillic": ("mac_cyrillic",),
    "x-mac-greek": ("mac_greek",),
    "x-mac-ce": ("mac_latin2",),
    "x-mac-turkish": ("mac_turkish",),
    "ibm437": ("cp437",),
    "ibm850": ("cp850",),
    "ibm852": ("cp852",),
    "ibm855": ("cp855",),
    "ibm857": ("cp857",),
    "ibm858": ("cp858",),
    "ibm862": ("cp862",),
    "ibm864": ("cp864",),
    "ibm866": ("cp866",),
    "ptcp154": ("ptcp154",),
    **{f"windows-{n}": (f"cp{n}",) for n in range(1250, 1259)},
    **{f"iso-8859-{n}": (f"iso8859_{n}",) for n in (*range(2, 9), 10, 13, 14, 15, 16)},
}

# The label squeezed to letters and digits -> name above.
_LABELS: Final[dict[str, str]] = {
    "usascii": "us-ascii",
    "ascii": "us-ascii",
    "ansix341968": "us-ascii",
    "646": "us-ascii",
    "utf8": "utf-8",
    "unicode11utf8": "utf-8",
    "utf8mb4": "utf-8",
    "utf7": "utf-7",
    "unicode11utf7": "utf-7",
    "unicode": "utf-16",
    "ucs2": "utf-16",
    "ksc56011987": "cp949",
    "ksc56011989": "cp949",
    "ksc56011992": "cp949",
    "ksc5601": "cp949",
    "ks56011987": "cp949",
    "ks5601": "cp949",
    "ksx1001": "cp949",
    "ksx10011992": "cp949",
    "korean": "cp949",
    "isoir149": "cp949",
    "euckr": "cp949",
    "uhc": "cp949",
    "cp949": "cp949",
    "949": "cp949",
    "ms949": "cp949",
    "xwindows949": "cp949",
    "windows949": "cp949",
    "xuhc": "cp949",
    "johab": "johab",
    "cp1361": "johab",
    "ms1361": "johab",
    "windows1361": "johab",
    "shiftjis": "cp932",
    "sjis": "cp932",
    "xsjis": "cp932",
    "mskanji": "cp932",
    "cp932": "cp932",
    "ms932": "cp932",
    "windows31j": "cp932",
    "cswindows31j": "cp932",
    "shiftjisx0213": "cp932",
    "eucjp": "euc-jp",
    "xeucjp": "euc-jp",
    "ujis": "euc-jp",
    "gb2312": "gb18030",
    "gb231280": "gb18030",
    "euccn": "gb18030",
    "chinese": "gb18030",
    "gbk": "gb18030",
    "xgbk": "gb18030",
    "cp936": "gb18030",
    "ms936": "gb18030",
    "windows936": "gb18030",
    "gb18030": "gb18030",
    "hz": "hz-gb-2312",
    "hzgb2312": "hz-gb-2312",
    "big5": "big5",
    "cnbig5": "big5",
    "xxbig5": "big5",
    "cp950": "big5",
    "ms950": "big5",
    "windows950": "big5",
    "big5hkscs": "big5-hkscs",
    "koi8": "koi8-r",
    "koi8ru": "koi8-u",
    "iso88591": "windows-1252",
    "latin1": "windows-1252",
    "l1": "windows-1252",
    "ansi": "windows-1252",
    "8859": "windows-1252",
    "latin2": "iso-8859-2",
    "latin5": "windows-1254",
    "latin9": "iso-8859-15",
    "iso88598i": "iso-8859-8",
    "iso88598e": "iso-8859-8",
    "iso88599": "windows-1254",
    "iso885911": "tis-620",
    "windows874": "tis-620",
    "cp874": "tis-620",
    "xmacroman": "macintosh",
    "mac": "macintosh",
    **{f"cp{n}": f"windows-{n}" for n in range(1250, 1259)},
    **{f"xcp{n}": f"windows-{n}" for n in range(1250, 1259)},
    **{f"win{n}": f"windows-{n}" for n in range(1250, 1259)},
    **{f"cp{n}": f"ibm{n}" for n in (437, 850, 852, 855, 857, 858, 862, 864, 866)},
    "iso2022kr": "iso-2022-kr",
    "csiso2022kr": "iso-2022-kr",
    "iso2022jp": "iso-2022-jp",
    "iso2022jp1": "iso-2022-jp",
    "iso2022jp2": "iso-2022-jp",
    "iso2022jp3": "iso-2022-jp",
    "iso2022jp2004": "iso-2022-jp",
    "iso2022jpms": "iso-2022-jp",
    "csiso2022jp": "iso-2022-jp",
    "cp50220": "iso-2022-jp",
    "cp50221": "iso-2022-jp",
    "cp50222": "iso-2022-jp",
}

_SQUEEZE = re.compile(r"[^a-z0-9]+")
_KR_DESIGNATOR: Final = b"\x1b$)C"
_SHIFTED = re.compile(rb"\x0e([^\x0f\r\n]*)\x0f?|\x0f")
_JP_RUN = re.compile(rb"\x1b(\$[@B]|\([BJI]|\$\([A-Z])")
_HIGH: Final = bytes(b | 0x80 if 0x21 <= b <= 0x7E else b for b in range(256))
_JP_CODECS: Final = ("iso2022_jp_2", "iso2022_jp_ext", "iso2022_jp_2004")


@lru_cache(maxsize=512)
def canonical(label: str) -> str | None:
    """The name under which we know a charset, or None (RFC 2978 §2.3)."""
    if len(label) > MAX_LABEL:
        return None
    lowered = label.strip(" \t\"'").lower()
    if lowered in CHARSETS:
        return lowered
    squeezed = _SQUEEZE.sub("", lowered)
    name = _LABELS.get(squeezed) or _SQUEEZED.get(squeezed)
    if name is None and squeezed.startswith("cs"):
        name = _LABELS.get(squeezed[2:]) or _SQUEEZED.get(squeezed[2:])
    return name


_SQUEEZED: Final = {_SQUEEZE.sub("", name): name for name in CHARSETS}


def decode_text(octets: bytes, declared: str | None) -> Decoded:
    """Decode by the ladder; takes any octets and any label, never raises.

    Args:
        octets: what the transfer encoding gave.
        declared: the label as it stands in the message, None or "" without.
    """
    name = canonical(declared) if declared else None
    if name is not None and not (name in {"us-ascii", "utf-8"} and _shifts(octets)):
        text = _strict(octets, name)
        if text is not None:
            return Decoded(text, name)
    guessed = _guess(octets)
    if guessed is not None:
        return guessed
    return _with_replacement(octets, name)


def decode_undeclared(octets: bytes) -> str:
    """Text of octets that carry no label (raw 8-bit header fields)."""
    if octets.isascii() and not _shifts(octets):
        return octets.decode("ascii")
    return decode_text(octets, None).text


def _shifts(octets: bytes) -> bool:
    # one octet is found much faster than two
    if b"\x1b" in octets and b"\x1b$" in octets:
        return True
    return b"\x0e" in octets and octets.isascii()


def _guess(octets: bytes) -> Decoded | None:
    """The ladder below the declared charset."""
    if octets.isascii():
        if b"\x0e" in octets or _KR_DESIGNATOR in octets:
            text = _decode_iso_2022_kr(octets)
            return Decoded(text, "iso-2022-kr") if text is not None else None
        if b"\x1b$" in octets:
            text = _decode_iso_2022_jp(octets)
            if text is not None:
                return Decoded(text, "iso-2022-jp")
        return Decoded(octets.decode("ascii"), "us-ascii")
    for name in ("utf-8", "cp949"):
        text = _strict(octets, name)
        if text is not None:
            return Decoded(text, name)
    return None


def _with_replacement(octets: bytes, name: str | None) -> Decoded:
    if name is None or name == "us-ascii":
        return Decoded(octets.decode("cp1252", "replace"), "windows-1252")
    if name == "iso-2022-kr":
        shifted = _SHIFTED.sub(_raise_shifted, octets.replace(_KR_DESIGNATOR, b""))
        return Decoded(shifted.decode("cp949", "replace"), name)
    if name == "iso-2022-jp":
        return Decoded(octets.decode("iso2022_jp_ext", "replace"), name)
    text = octets.decode(CHARSETS[name][0], "replace")
    if name == "utf-7":
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Decoded(text, name)


def _strict(octets: bytes, name: str) -> str | None:
    if name == "iso-2022-kr":
        return _decode_iso_2022_kr(octets)
    if name == "iso-2022-jp":
        return _decode_iso_2022_jp(octets)
    if name == "windows-1252":
        return octets.decode("cp1252") if _is_1252(octets) else octets.decode("latin-1")
    for codec in CHARSETS[name]:
        try:
            text = octets.decode(codec)
            if codec == "utf-7":
                text.encode()  # it lets half a surrogate pair through
        except UnicodeError:
            continue
        return text
    return None


_NOT_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


def _is_1252(octets: bytes) -> bool:
    return octets.isascii() or _NOT_1252.search(octets) is None


def _raise_shifted(match: re.Match[bytes]) -> bytes:
    return (match[1] or b"").translate(_HIGH)


def _decode_iso_2022_kr(octets: bytes) -> str | None:
    """KS X 1001 between SO and SI (RFC 1557).

    Also without the designator, as in header fields, and with 8-bit Korean
    text in between, as found in the wild.
    """
    shifted = _SHIFTED.sub(_raise_shifted, octets.replace(_KR_DESIGNATOR, b""))
    try:
        return shifted.decode("cp949")
    except UnicodeDecodeError:
        return None


def _decode_iso_2022_jp(octets: bytes) -> str | None:
    """Japanese by escapes (RFC 1468, RFC 1554), vendor rows of CP50221 included."""
    for codec in _JP_CODECS:
        try:
            return octets.decode(codec)
        except UnicodeDecodeError:
            continue
    return _decode_cp50221(octets)


def _decode_cp50221(octets: bytes) -> str | None:
    pieces: list[bytes] = []
    mode = b"(B"
    for index, piece in enumerate(_JP_RUN.split(octets)):
        if index % 2:
            mode = piece
        elif mode in {b"$@", b"$B"}:
            pieces.append(_jis_to_cp932(piece))
        elif mode == b"(I":
            pieces.append(piece.translate(_HIGH))
        else:
            pieces.append(piece)
    try:
        return b"".join(pieces).decode("cp932")
    except UnicodeDecodeError:
        return None


def _jis_to_cp932(pairs: bytes) -> bytes:
    """JIS X 0208 code points as CP932 octets (arithmetic of the Shift_JIS layout)."""
    out = bytearray()
    for high, low in zip(pairs[::2], pairs[1::2], strict=False):
        row = (high - 0x21) // 2 + (0x81 if high < 0x5F else 0xC1)
        odd = low + (0x1F if low < 0x60 else 0x20)
        cell = odd if high % 2 else low + 0x7E
        out += bytes((row & 0xFF, cell & 0xFF))
    if len(pairs) % 2:
        out.append(pairs[-1])
    return bytes(out)
