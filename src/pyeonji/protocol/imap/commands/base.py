"""What every command has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What every command has; `tag` comes back in its tagged response."""

    tag: bytes
