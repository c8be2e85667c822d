"""Questions to DNS and their answers, as plain texts.

The records come in presentation form without the owner ("10 mx.a." for MX, the
joined strings for TXT), so that what decides by them can be tested with a dict.
What must ask while it decides is an `Inquiry`: a generator that yields a
question and is sent the answer; who drives it does the asking.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

T = TypeVar("T")

Question = tuple[str, str]
"""A name and a record type, as ("a.example", "MX")."""


class DnsStatus(Enum):
    """How a question was answered."""

    FOUND = "found"
    NO_DATA = "no data"  # the name exists, without such records
    NO_NAME = "no such name"  # NXDOMAIN
    FAILED = "failed"  # no answer, or a server failure: ask again later


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsAnswer:
    """An answer; `records` only when FOUND.

    `authentic`: a resolver that the operator calls validating said so (AD bit);
    false of any other. `canonical_name` follows CNAMEs, in lower case.
    """

    status: DnsStatus
    records: tuple[str, ...] = ()
    canonical_name: str = ""
    authentic: bool = False


Inquiry = Generator[Question, DnsAnswer, T]
"""Yields questions, is sent answers, returns what it was asked for."""
