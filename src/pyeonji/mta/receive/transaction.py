"""What one mail transaction has come to: sender, recipients, pieces of a letter."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyeonji.storage.names import canonical
from pyeonji.storage.queue import NO_WISHES, Recipient

if TYPE_CHECKING:
    from pyeonji.mta.needs import Expansion
    from pyeonji.mta.policy.decision import Decision
    from pyeonji.mta.receive.checking import Check
    from pyeonji.mta.trust.arc import ArcVerdict
    from pyeonji.mta.trust.signed import SignedLetter
    from pyeonji.protocol.smtp.events import MailAsked, RecipientAsked
    from pyeonji.storage.content import Spool
    from pyeonji.storage.queue import Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """One RCPT that was answered 250, and what it comes to.

    Without an expansion it is somebody here at the final address `local`.
    """

    asked: RecipientAsked
    expansion: Expansion | None = None
    local: str = ""


class Transaction:
    """From MAIL to the end of the letter.

    Recipients are final ones, each once: two addresses that lead to the same
    mailbox bring the letter there once.
    """

    __slots__ = (
        "arc", "asked", "check", "decisions", "head", "header", "local", "mail",
        "recipients", "searched", "signed", "spool", "taken", "wishes",
    )  # fmt: skip

    def __init__(self, mail: MailAsked, wishes: Wishes = NO_WISHES) -> None:
        self.mail = mail
        self.wishes = wishes
        self.decisions: list[Decision] = []  # that let it in, with a reason
        self.taken: list[Taken] = []
        self.asked: list[str] = []  # RCPT as written, in order
        self.recipients: dict[str, Recipient] = {}
        self.local: set[str] = set()  # those that are ours, canonical
        self.spool: Spool | None = None  # of a large letter
        self.head = bytearray()  # its beginning, until the header's end is there
        self.searched = 0
        self.header: bytes | None = None  # once it is whole
        self.arc: ArcVerdict | None = None  # what came of its chain
        self.signed: SignedLetter | None = None  # hashed as it passes
        self.check: Check | None = None  # of a stranger's letter, once it began

    def take(self, taken: Taken) -> None:
        """One more RCPT."""
        self.taken.append(taken)
        asked, expansion = taken.asked, taken.expansion
        if expansion is None:
            self.add_local(asked, taken.local)
        elif expansion.remote and not expansion.alias:  # it stands for itself
            self.add_remote(asked)
        else:
            self.add_expanded(asked, expansion)

    def retake(self, all_taken: list[Taken]) -> None:
        """These RCPTs instead of those before."""
        self.taken, self.asked, self.recipients = [], [], {}
        self.local = set()
        for taken in all_taken:
            self.take(taken)

    def final_recipients(self) -> tuple[Recipient, ...]:
        """As they are to be kept."""
        recipients = tuple(self.recipients.values())
        if not self.wishes.not_before:
            return recipients
        begin = self.wishes.not_before
        return tuple(replace(one, next_attempt=begin) for one in recipients)

    def add_remote(self, asked: RecipientAsked) -> None:
        """Somebody in another domain."""
        self._add(asked.path, asked)
        self.asked.append(asked.path)

    def add_local(self, asked: RecipientAsked, address: str) -> None:
        """Somebody here, at his final address."""
        self.local.add(self._add(address, asked))
        self.asked.append(asked.path)

    def add_expanded(self, asked: RecipientAsked, expansion: Expansion) -> None:
        """All that an address of ours stands for.

        Success is told once, of the address that was asked for and not of each
        that it stands for (RFC 3461 §5.2.7.3 (c)).
        """
        notify = asked.notify
        several = len(expansion.accounts) + len(expansion.remote) > 1
        if several and "SUCCESS" in notify:
            notify = _without_success(notify)
            self.recipients[f"expanded {canonical(asked.path)}"] = Recipient(
                address=asked.path,
                original=asked.orcpt,
                notify="SUCCESS",
                expanded=True,
            )
        for address, _ in expansion.accounts:
            self.local.add(self._add(address, asked, notify))
        for address in expansion.remote:
            self._add(address, asked, notify)
        self.asked.append(asked.path)

    def _add(
        self, address: str, asked: RecipientAsked, notify: str | None = None
    ) -> str:
        key = canonical(address)
        known = self.recipients.get(key)
        direct = asked.path == address
        # who is asked for himself, too, is reported under his own name
        if known is None or (direct and known.accepted):
            self.recipients[key] = Recipient(
                address=address,
                original=asked.orcpt,  # nothing without ORCPT (RFC 3461 §6.3)
                notify=asked.notify if notify is None else notify,
                accepted="" if direct else asked.path,
            )
        return key

    @property
    def forwarded(self) -> list[Recipient]:
        """Those elsewhere to whom an alias of ours leads."""
        return [
            recipient
            for key, recipient in self.recipients.items()
            if recipient.accepted and not recipient.expanded and key not in self.local
        ]

    @property
    def leaves(self) -> bool:
        """Whether somebody elsewhere is to have the letter."""
        return len(self.recipients) > len(self.local)

    def abort(self) -> None:
        """Throw the pieces away."""
        if self.spool is not None:
            self.spool.abort()
            self.spool = None


def _without_success(notify: str) -> str:
    """A NOTIFY that asks for the rest; for nothing where that was all."""
    return ",".join(w for w in notify.split(",") if w != "SUCCESS") or "NEVER"
