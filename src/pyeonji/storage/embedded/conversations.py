"""Which thread a message belongs to, found when it arrives.

Messages are of one thread when one refers to the other, or both to a third,
by Message-ID, References or In-Reply-To (as RFC 5256 §3 REFERENCES links them);
never because their subjects are alike. A thread is named by the message that
began it here. What a message was told to belong to never changes (RFC 8474 §5.2):
a late message that refers to two threads goes into the older one and leaves the
other as it is.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from msgspec import json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.storage.embedded.sqlite import Database

MAX_REFERENCES: Final = 50
"""References of a message that are looked at: the first, and the last ones."""


def hash_of(message_id: str) -> int:
    """63 bits that stand for a message id."""
    octets = message_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(octets, digest_size=8).digest(), "big") >> 1


def hashes_of(message_id: str, references: str) -> list[int]:
    """Of a message's own id and those it refers to."""
    ids = references.split()
    if len(ids) > MAX_REFERENCES:
        ids = [ids[0], *ids[1 - MAX_REFERENCES :]]
    if message_id:
        ids.append(message_id)
    return [hash_of(one) for one in ids]


class Conversations:
    """Threads for the messages of one job; `write` keeps what was learnt."""

    def __init__(self, connection: Database) -> None:
        self._connection = connection
        self._known: dict[int, int] = {}  # hash: thread
        self._learnt: dict[int, int] = {}

    def assign(self, messages: Sequence[tuple[int, str, str]]) -> list[int]:
        """The thread of each (number, Message-ID, references joined by a space)."""
        hashes = [hashes_of(own, references) for _, own, references in messages]
        self._look_up({one for each in hashes for one in each})
        return [
            self._thread(message[0], each)
            for message, each in zip(messages, hashes, strict=True)
        ]

    def _look_up(self, hashes: set[int]) -> None:
        wanted = json.encode(list(hashes - self._known.keys())).decode()
        self._known |= dict(
            self._connection.execute(
                "SELECT t.hash, t.thread FROM json_each(?) w"
                " CROSS JOIN thread_ids t ON t.hash = w.value",
                (wanted,),
            ).fetchall()
        )

    def _thread(self, number: int, hashes: list[int]) -> int:
        known = self._known
        thread = min((known[one] for one in hashes if one in known), default=number)
        for one in hashes:
            if one not in known:
                known[one] = self._learnt[one] = thread
        return thread

    def write(self) -> None:
        """Keep the ids that were not known before."""
        if self._learnt:
            self._connection.executemany(
                "INSERT OR IGNORE INTO thread_ids VALUES (?, ?)", self._learnt.items()
            )
            self._learnt = {}


def forget_threads(connection: Database, threads: Sequence[int]) -> None:
    """Forget the ids of those threads that have no message any more."""
    connection.executemany(
        "DELETE FROM thread_ids WHERE thread = ?1"
        " AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.thread = ?1)",
        [(thread,) for thread in threads],
    )
