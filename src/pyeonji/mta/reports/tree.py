"""XML of strangers as a small tree: no DTD, no entities, everything bounded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.parsers import expat

from pyeonji.base.errors import PermanentError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ELEMENTS: Final = 500_000
"""A report of 50,000 rows has about 400,000."""

MAX_DEPTH: Final = 32
MAX_TEXT: Final = 4096
"""Characters of one element's text that are kept."""


class NotReadable(PermanentError):
    """It is not what it says it is; the message says why."""


@dataclass(slots=True)
class Element:
    """An element: its local name, its own text, its children. No attributes."""

    name: str
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def child(self, name: str) -> Element | None:
        """The first child of that name."""
        return next((each for each in self.children if each.name == name), None)

    def all(self, name: str) -> Iterator[Element]:
        """All children of that name."""
        return (each for each in self.children if each.name == name)

    def value(self, *path: str) -> str:
        """The text at a path of first children; "" where there is none."""
        at: Element | None = self
        for name in path:
            at = at.child(name) if at is not None else None
        return at.text.strip() if at is not None else ""


def parse_xml(octets: bytes) -> Element:
    """The root element; namespaces are taken off, names are as written.

    Raises:
        NotReadable: not well-formed, with a DTD, too deep or too long.
    """
    builder = _Builder()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    # a document type would bring entities, and with them expansion and files
    parser.StartDoctypeDeclHandler = builder.refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(octets, True)  # noqa: FBT003 - expat takes no names
    except expat.ExpatError as error:
        raise NotReadable(f"not XML: {error}") from error
    except (LookupError, ValueError, UnicodeError) as error:
        raise NotReadable(f"not XML in a known charset: {error}") from error
    if builder.root is None:
        raise NotReadable("not XML: it is empty")
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._elements = 0

    def start(self, name: str, _: dict[str, str]) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS or len(self._open) >= MAX_DEPTH:
            raise NotReadable("more elements, or deeper, than a report may have")
        element = Element(name.rpartition(":")[2])
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def end(self, _: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        if self._open:
            element = self._open[-1]
            room = MAX_TEXT - len(element.text)
            if room > 0:
                element.text += text[:room]

    def refuse(self, *_: object) -> None:
        raise NotReadable("it has a document type, which reports never need")
