"""A DNS that knows a few texts, for what asks by yielding."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pyeonji.base.dns import DnsAnswer, DnsStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pyeonji.base.dns import Inquiry

T = TypeVar("T")


def answered(
    inquiry: Inquiry[T],
    texts: Mapping[str, str | Sequence[str]],
    failing: frozenset[str] = frozenset(),
) -> T:
    """Drive an inquiry; its TXT questions are answered from a dict."""
    try:
        name, kind = next(inquiry)
        while True:
            found = texts.get(name.lower()) if kind == "TXT" else None
            if name.lower() in failing:
                answer = DnsAnswer(status=DnsStatus.FAILED)
            elif found is None:
                answer = DnsAnswer(status=DnsStatus.NO_NAME)
            else:
                records = (found,) if isinstance(found, str) else tuple(found)
                answer = DnsAnswer(status=DnsStatus.FOUND, records=records)
            name, kind = inquiry.send(answer)
    except StopIteration as end:
        value: T = end.value
        return value
