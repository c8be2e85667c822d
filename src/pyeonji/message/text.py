"""What of a message can be searched and shown as text."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, Final

from selectolax.lexbor import LexborHTMLParser

from pyeonji.message.charset import decode_text
from pyeonji.message.encoding import decode
from pyeonji.message.scan import scan

if TYPE_CHECKING:
    from pyeonji.message.charset import Decoded
    from pyeonji.message.scan import Octets, Part

PREVIEW_CHARACTERS: Final = 200
"""Length of a preview (RFC 8970 §3.3 asks for that)."""

MAX_PREVIEW_OCTETS: Final = 2048
"""Octets of a plain text part that a preview looks at, as encoded."""

MAX_PREVIEW_HTML_OCTETS: Final = 65536
"""The same of an HTML part: style sheets stand before the text."""

MAX_SEARCH_OCTETS: Final = 16 * 1024 * 1024
"""Octets of text parts of one message that search looks at, as encoded."""

MAX_HTML_CHARACTERS: Final = 4 * 1024 * 1024
"""Longer documents lose their tags without being parsed."""

MAX_HTML_DEPTH: Final = 2000
"""The same for deeper nesting: parsing takes time by the square of the depth."""

HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml"})
_DEPTH_STEP: Final = 4096
# what begins a new line or cell; all else stands inside a line, and perhaps
# inside a word
_BLOCK = re.compile(
    r"<(?=/?(?:address|article|aside|blockquote|body|br|caption|center|dd|details"
    r"|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|head|header|hr|html"
    r"|img|input|legend|li|main|nav|ol|option|p|pre|section|select|summary|table"
    r"|tbody|td|textarea|tfoot|th|thead|title|tr|ul)\b)",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[^<>]*+>?")
_INVISIBLE_HTML = re.compile(
    r"<(script|style|head|template|title)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchText:
    """The texts of a message, decoded and not yet normalised."""

    headers: list[tuple[str, str]]
    body: str  # all text parts, embedded messages' headers and texts, file names
    attachments: list[str]  # file names


def normalise(text: str) -> str:
    """Bring a text to the form in which texts are compared: NFKC, casefolded."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def storable(text: str) -> str:
    """A text that can be written as UTF-8; half surrogates become "?"."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def field_text(name: str, decoded: str) -> str:
    """A header field as it is searched: name and value on one line, normalised."""
    return f"{name.lower()}:{normalise(one_line(decoded))}"


def one_line(text: str) -> str:
    """A text without line ends, as header fields are compared."""
    return text.replace("\r", "").replace("\n", " ")


def part_octets(octets: Octets, part: Part, limit: int | None = None) -> bytes:
    """The decoded octets of a part; of no more than `limit` encoded ones."""
    end = part.body_end
    if limit is not None:
        end = min(end, part.body_start + limit)
    return decode(bytes(octets[part.body_start : end]), part.encoding)


def part_text(octets: Octets, part: Part) -> Decoded:
    """The text of a text part, with line ends as they are, and its charset."""
    return decode_text(part_octets(octets, part), part.charset)


def html_text(html: str) -> str:
    """The text of an HTML document that a reader would see."""
    if len(html) > MAX_HTML_CHARACTERS or _is_deep(html):
        bare = _INVISIBLE_HTML.sub(" ", html)
        return unescape(_TAG.sub("", _BLOCK.sub(" <", bare)))
    tree = LexborHTMLParser(_BLOCK.sub(" <", html))
    tree.strip_tags(["script", "style", "head", "template"], recursive=True)
    body = tree.body or tree.root
    return body.text(separator="") if body is not None else ""


def _is_deep(html: str) -> bool:
    """Whether tags may be nested deeper than a parser stands, by counting them."""
    depth = 0
    for start in range(0, len(html), _DEPTH_STEP):
        end = start + _DEPTH_STEP
        depth += html.count("<", start, end) - 2 * html.count("</", start, end)
        if depth > MAX_HTML_DEPTH:
            return True
        depth = max(depth, 0)
    return False


def searchable(octets: Octets, root: Part | None = None) -> SearchText:
    """All texts of a message, for the search index; takes any octets.

    Args:
        octets: the message.
        root: its structure, if it has been scanned already.
    """
    if root is None:
        root = scan(octets)
    bodies: list[str] = []
    names: list[str] = []
    left = MAX_SEARCH_OCTETS
    for part in root.walk():
        if name := part.file_name:
            names.append(name)
        if part.message is not None:
            fields = part.message.header.fields
            bodies += [f"{field.name}: {field.decoded}" for field in fields]
        elif part.read_type.startswith("text/") and left > 0:
            content = part_octets(octets, part, left)
            left -= part.size_octets
            text = decode_text(content, part.charset).text
            if part.type in HTML_TYPES:
                # lines end where the window does, not where the document's do
                text = " ".join(html_text(text).split())
            bodies.append(text)
    headers = [(f.name, f.decoded) for f in root.header.fields]
    return SearchText(
        headers=headers, body="\n".join(bodies + names), attachments=names
    )


def preview(octets: Octets, root: Part) -> str:
    """The beginning of the message's text on one line, "" where there is none."""
    part = _preview_part(root)
    if part is None:
        return ""
    html = part.type in HTML_TYPES
    limit = MAX_PREVIEW_HTML_OCTETS if html else MAX_PREVIEW_OCTETS
    content = part_octets(octets, part, limit)
    if part.size_octets > limit:
        content = _cut_between_lines(content)
    text = decode_text(content, part.charset).text
    if html:
        text = html_text(text)
    return _first_characters(text)


def _first_characters(text: str) -> str:
    """PREVIEW_CHARACTERS on one line; most texts need not be read far for that."""
    line = " ".join(text[: 2 * PREVIEW_CHARACTERS].split())
    if len(line) < PREVIEW_CHARACTERS and len(text) > 2 * PREVIEW_CHARACTERS:
        line = " ".join(text[: 50 * PREVIEW_CHARACTERS].split())
    return line[:PREVIEW_CHARACTERS].replace("\0", "").strip()


def _cut_between_lines(content: bytes) -> bytes:
    """Leave out a last line that may end inside a character."""
    end = content.rfind(b"\n")
    return content[: end + 1] if end > 0 else content


def _preview_part(root: Part) -> Part | None:
    """The first plain text that is no attachment, else the first HTML."""
    if root.read_type == "text/plain":
        return root
    html: Part | None = None
    for part in root.walk():
        if part.read_type not in {"text/plain", "text/html"} or part.is_attachment:
            continue
        if part.type == "text/plain" and part.size_octets:
            return part
        html = html or (part if part.type == "text/html" else None)
    return html
