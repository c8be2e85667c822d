"""What a sealer of an ARC chain found when the letter came to him (RFC 8617 §4.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mta.trust.domains import ascii_domain, is_within
from pyeonji.mta.trust.results import read_results

if TYPE_CHECKING:
    from pyeonji.mta.trust.results import MethodResult


def vouches_for(payload: bytes, author_domain: str) -> bool:
    """Whether results say that the author's domain spoke for a letter.

    DMARC that passed for it, or DKIM or SPF that passed for a domain that is
    it, above it or below it; takes any octets.

    Args:
        payload: as of Authentication-Results, "id; dkim=pass …".
        author_domain: A-labels, lower case.
    """
    found = read_results(payload) if author_domain else None
    return found is not None and any(
        _speaks(result, author_domain)
        for result in found.results
        if result.result == "pass"
    )


def _speaks(result: MethodResult, author_domain: str) -> bool:
    said = {f"{ptype}.{name}": value for ptype, name, value in result.properties}
    match result.method:
        case "dmarc":
            domain = said.get("header.from", author_domain)
            return _bare(domain) == author_domain
        case "dkim":
            domain = said.get("header.d") or said.get("header.i", "")
        case "spf":
            domain = said.get("smtp.mailfrom", "")
        case _:
            return False
    domain = _bare(domain)
    return "." in domain and (
        is_within(author_domain, domain) or is_within(domain, author_domain)
    )


def _bare(value: str) -> str:
    return ascii_domain(value.rpartition("@")[2])
