"""What a server said, cut into responses, as our client and imaplib cut it."""

from __future__ import annotations

import re
from typing import Any, Final

from pyeonji.protocol.imap.client.responses import read_untagged

LITERAL: Final = re.compile(rb"~?\{([0-9]+)\+?\}\r\n\Z")


def responses(heard: bytes) -> list[list[bytes]]:
    """What was heard, as text, literal, text …; all of it must be whole."""
    found: list[list[bytes]] = []
    pieces: list[bytes] = []
    at = 0
    while at < len(heard):
        end = heard.index(b"\r\n", at) + 2
        line = heard[at:end]
        literal = LITERAL.search(line)
        text_only = not pieces and re.match(rb"\* (?:OK|NO|BAD|BYE) |[^*]", line)
        if literal is None or text_only:
            found.append([*pieces, line[:-2]])
            pieces, at = [], end
            continue
        size = int(literal[1])
        assert end + size <= len(heard), heard
        pieces += [line[: literal.start()], heard[end : end + size]]
        at = end + size
    assert not pieces, heard
    return found


def tags_of(heard: bytes) -> list[bytes]:
    """The tags of what was heard; untagged responses must be well formed."""
    tags = []
    for pieces in responses(heard):
        first = pieces[0]
        if first.startswith(b"* "):
            read_untagged([first[2:], *pieces[1:]])
        elif not first.startswith(b"+"):
            assert re.match(rb"[^ ]+ (?:OK|NO|BAD) ", first), first
            tags.append(first.split(b" ", 1)[0])
    return tags


def untagged(heard: bytes, word: bytes) -> list[list[bytes]]:
    """The responses that begin with a word, without `* `."""
    found = []
    for pieces in responses(heard):
        first = pieces[0]
        if (first + b" ").startswith(b"* %b " % word):
            found.append([first[2:], *pieces[1:]])
    return found


def read(heard: bytes, word: bytes) -> list[Any]:
    """The same, as our client reads them."""
    return [read_untagged([*pieces]) for pieces in untagged(heard, word)]


def as_imaplib(heard: bytes, word: bytes) -> list[list[bytes | tuple[bytes, bytes]]]:
    """The same without their word, as imaplib gives them: (text, literal) and text."""
    found: list[list[bytes | tuple[bytes, bytes]]] = []
    for pieces in untagged(heard, word):
        pieces[0] = pieces[0][len(word) + 1 :]
        records: list[bytes | tuple[bytes, bytes]] = [
            (b"%b{%d}" % (pieces[at], len(pieces[at + 1])), pieces[at + 1])
            for at in range(0, len(pieces) - 1, 2)
        ]
        records.append(pieces[-1])
        found.append(records)
    return found
