"""DNS from a dict, for checks that ask by yielding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pyeonji.base.dns import DnsAnswer, DnsStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyeonji.base.dns import Inquiry, Question

T = TypeVar("T")

SILENT = DnsAnswer(status=DnsStatus.FAILED)
NO_NAME = DnsAnswer(status=DnsStatus.NO_NAME)
NO_DATA = DnsAnswer(status=DnsStatus.NO_DATA)


class Zone:
    """{owner: {type: [text, …] or "TIMEOUT"}}; type "*" is any other type."""

    def __init__(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        self.data = {name.lower(): node for name, node in data.items()}
        self.asked: list[Question] = []

    def answer(self, name: str, kind: str) -> DnsAnswer:
        name = name.lower()
        for _ in range(10):  # CNAMEs
            node = self.data.get(name)
            if node is None:
                return NO_NAME
            if kind in node or "CNAME" not in node:
                break
            name = node["CNAME"][0].lower().rstrip(".")
        else:
            return SILENT
        records = node.get(kind, node.get("*", []))
        if records == "TIMEOUT":
            return SILENT
        if not records:
            return NO_DATA
        return DnsAnswer(status=DnsStatus.FOUND, records=tuple(records))

    def run(self, inquiry: Inquiry[T]) -> T:
        """Answer until it knows."""
        try:
            question = next(inquiry)
            while True:
                self.asked.append(question)
                question = inquiry.send(self.answer(*question))
        except StopIteration as end:
            value: T = end.value
            return value
