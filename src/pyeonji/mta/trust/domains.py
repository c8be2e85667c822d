"""Domain names as DNS and the checks want them: A-labels, lower case."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import dns.exception
import dns.name

MAX_NAME: Final = 253
"""Characters of a name without its final dot (RFC 1035 §2.3.4)."""

MAX_LABEL: Final = 63


def ascii_domain(name: str) -> str:
    """A domain in lower case with A-labels and without a final dot; never fails.

    A name that has no A-labels comes back as "": nothing can be asked of it.
    """
    name = name.removesuffix(".").lower()
    if name.isascii():
        return name
    return _a_labels(name) if len(name) <= MAX_NAME else ""


@lru_cache(maxsize=1024)
def _a_labels(name: str) -> str:
    try:
        made = dns.name.from_text(name, idna_codec=dns.name.IDNA_2008_UTS_46)
    except (dns.exception.DNSException, UnicodeError):
        return ""
    return made.to_text(omit_final_dot=True).lower()


def can_be_asked(name: str) -> bool:
    """Whether DNS can be asked for a name: lengths of it and of its labels.

    What stands in the labels is free, but for what has a meaning of its own
    when names are written down (a backslash) and what no name of a mail domain
    has (controls, anything beyond ASCII).
    """
    return len(name) <= MAX_NAME and _can_be_asked(name)


@lru_cache(maxsize=8192)
def _can_be_asked(name: str) -> bool:
    return (
        name.isascii()
        and name.isprintable()
        and "\\" not in name
        and all(0 < len(label) <= MAX_LABEL for label in name.split("."))
    )


def is_within(name: str, domain: str) -> bool:
    """Whether a name is a domain or lies below it; both as of `ascii_domain`."""
    return name == domain or name.endswith(f".{domain}")
