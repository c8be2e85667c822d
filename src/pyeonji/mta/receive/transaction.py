"""What one mail transaction has come to: sender, recipients, pieces of a letter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.storage.names import canonical
from pyeonji.storage.queue import Recipient

if TYPE_CHECKING:
    from pyeonji.mta.needs import Expansion
    from pyeonji.protocol.smtp.events import MailAsked, RecipientAsked
    from pyeonji.storage.content import Spool


class Transaction:
    """From MAIL to the end of the letter.

    Recipients are final ones, each once: two addresses that lead to the same
    mailbox bring the letter there once.
    """

    __slots__ = (
        "asked", "head", "header", "local", "mail", "recipients", "searched", "spool",
    )  # fmt: skip

    def __init__(self, mail: MailAsked) -> None:
        self.mail = mail
        self.asked: list[str] = []  # RCPT as written, in order
        self.recipients: dict[str, Recipient] = {}
        self.local: set[str] = set()  # those that are ours, canonical
        self.spool: Spool | None = None  # of a large letter
        self.head = bytearray()  # its beginning, until the header's end is there
        self.searched = 0
        self.header: bytes | None = None  # once it is whole

    def add_remote(self, asked: RecipientAsked) -> None:
        """Somebody in another domain."""
        self._add(asked.path, asked)
        self.asked.append(asked.path)

    def add_local(self, asked: RecipientAsked, address: str) -> None:
        """Somebody here, at his final address."""
        self.local.add(self._add(address, asked))
        self.asked.append(asked.path)

    def add_expanded(self, asked: RecipientAsked, expansion: Expansion) -> None:
        """All that an address of ours stands for."""
        for address, _ in expansion.accounts:
            self.local.add(self._add(address, asked))
        for address in expansion.remote:
            self._add(address, asked)
        self.asked.append(asked.path)

    def _add(self, address: str, asked: RecipientAsked) -> str:
        key = canonical(address)
        if key not in self.recipients:
            self.recipients[key] = Recipient(
                address=address,
                original=asked.orcpt,  # nothing without ORCPT (RFC 3461 §6.3)
                notify=asked.notify,
            )
        return key

    def abort(self) -> None:
        """Throw the pieces away."""
        if self.spool is not None:
            self.spool.abort()
            self.spool = None
