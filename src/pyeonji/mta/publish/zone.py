"""Records as a zone file (RFC 1035 §5) that name servers read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mta.publish.records import TEXT_OCTETS, TTL_S, ascii_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.publish.records import Record


def zone(records: Sequence[Record], domain: str) -> str:
    """A zone file's lines for the domain, without SOA and NS.

    Records of other zones (this host's, when it stands elsewhere) follow as
    comments: a name server refuses what is not below the origin.
    """
    origin = ascii_name(domain)
    inside = [each for each in records if is_below(each.name, origin)]
    outside = [each for each in records if not is_below(each.name, origin)]
    lines = [f"$ORIGIN {origin}.", f"$TTL {TTL_S}"]
    lines += [_line(each) for each in inside]
    if outside:
        lines += ["", "; to be published in other zones:"]
        lines += [f"; {_line(each)}" for each in outside]
    return "\n".join(lines) + "\n"


def is_below(name: str, origin: str) -> bool:
    """Whether a name is the origin or below it."""
    return name == origin or name.endswith(f".{origin}")


def presentation(record: Record) -> str:
    """The data as a zone file has it; a TXT in strings of at most 255 octets."""
    if record.kind != "TXT":
        return record.data
    octets = record.data.encode()
    pieces = [
        octets[at : at + TEXT_OCTETS] for at in range(0, len(octets), TEXT_OCTETS)
    ]
    return " ".join(_quoted(piece) for piece in pieces) or '""'


def _quoted(octets: bytes) -> str:
    r"""A character string: `\"`, `\\`, `\DDD` (RFC 1035 §5.1)."""
    shown = []
    for octet in octets:
        if octet in b'"\\':
            shown.append("\\" + chr(octet))
        elif 32 <= octet < 127:
            shown.append(chr(octet))
        else:
            shown.append(f"\\{octet:03d}")
    return '"' + "".join(shown) + '"'


def _line(record: Record) -> str:
    text = f"{record.name}. IN {record.kind} {presentation(record)}"
    return f"{text} ; {record.why}" if record.why else text
