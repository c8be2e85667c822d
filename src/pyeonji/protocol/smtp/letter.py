"""What the server machine knows of the letter that is coming."""

from __future__ import annotations

from pyeonji.protocol.smtp.words import BodyType


class Letter:
    """The letter that is coming."""

    __slots__ = (
        "chunk_left",
        "chunk_size",
        "flowing",
        "kept",
        "kept_octets",
        "last",
        "reason",
        "refusal",
        "size",
        "stray",
        "type",
    )

    def __init__(self) -> None:
        self.type = BodyType.SEVEN_BIT
        self.size = 0  # octets given to the door or thrown away
        self.flowing = False  # a BodyChunk has been given
        self.refusal: bytes | None = None
        self.reason = ""
        self.chunk_left: int | None = None  # of the present BDAT
        self.chunk_size = 0
        self.last = False
        self.stray: bytes | None = None  # reply to a BDAT out of order
        self.kept: list[bytes] = []
        self.kept_octets = 0

    def refuse(self, octets: bytes, reason: str) -> None:
        """Remember the first reason for which the letter is refused."""
        if self.refusal is None:
            self.refusal, self.reason = octets, reason

    def keep(self, octets: bytes) -> None:
        """Hold octets back."""
        self.kept.append(octets)
        self.kept_octets += len(octets)

    def take_kept(self) -> bytes:
        """All that was held back."""
        octets = b"".join(self.kept)
        self.kept.clear()
        self.kept_octets = 0
        return octets
