"""Who may send as whom, and what a letter of theirs looks like (RFC 6409)."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from pyeonji.base.errors import PyeonjiError
from pyeonji.message.address import mailboxes, parse_addresses
from pyeonji.message.compose.fields import address_list
from pyeonji.message.compose.mailboxes import Mailbox
from pyeonji.message.header import Header
from pyeonji.mta.receive.inspect import Refusal
from pyeonji.mta.submit.rewrite import BadHeader, Completion, complete
from pyeonji.mta.trace import date_time
from pyeonji.storage.names import canonical

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyeonji.mta.needs import Expand, IsLocal
    from pyeonji.storage.directory import Account


class Submitter:
    """Looks at letters that authenticated users hand in."""

    def __init__(
        self,
        *,
        hostname: str,
        expand: Expand,
        is_local: IsLocal,
        token: Callable[[], str] = lambda: secrets.token_hex(12),
    ) -> None:
        """Nothing is looked up yet.

        Args:
            hostname: ours, for Message-IDs.
            expand: who an address of ours stands for.
            is_local: whether an address is in a domain of ours.
            token: chance, for Message-IDs.
        """
        self._hostname = hostname
        self._expand = expand
        self._is_local = is_local
        self._token = token

    async def may_send_as(self, account: Account, address: str) -> bool:
        """Whether an account may write under an address.

        Its own, its sub-addresses, and aliases that lead to it; the null
        reverse path, which names nobody; administrators under any.
        """
        if account.administrator or not address:
            return True
        if canonical(address) == account.address:
            return True
        if not await self._is_local(address):
            return False
        try:
            expansion = await self._expand(address)
        except PyeonjiError:
            return False
        return expansion is not None and any(
            member.id == account.id for _, member in expansion.accounts
        )

    async def complete(
        self,
        header: bytes,
        *,
        account: Account,
        recipients: Sequence[str],
        now: float,
    ) -> bytes | Refusal:
        """Check the authors of a letter and make its header complete.

        Args:
            header: the block, with the empty line at its end.
            account: who hands the letter in.
            recipients: of the envelope, as written.
            now: Unix seconds.

        Returns:
            The new header block, or why the letter is not taken.
        """
        fields = Header(header)
        refusal = await self._check_authors(fields, account)
        if refusal is not None:
            return refusal
        try:
            return complete(header, self._missing(fields, account, recipients, now))
        except BadHeader as error:
            return Refusal(550, "5.6.0", f"the letter's header is not right: {error}")

    async def _check_authors(self, fields: Header, account: Account) -> Refusal | None:
        """Sender and From must be names of the account.

        LIBERTY: in a redirected letter From is its author's; the names that
        count are then those of the redirection (RFC 5322 §3.6.6).
        """
        resent = b"resent-from" in fields
        for name in (b"resent-from", b"resent-sender") if resent else (
            b"from",
            b"sender",
        ):  # fmt: skip
            value = fields.first(name)
            if value is None:
                continue
            found = list(mailboxes(parse_addresses(value)))
            word = name.decode().title()
            if not found or not all(m.local and m.domain for m in found):
                return Refusal(550, "5.6.0", f"{word} holds no address")
            for mailbox in found:
                if not await self.may_send_as(account, mailbox.address):
                    return Refusal(
                        550,
                        "5.7.1",
                        f"{account.address} may not send as the address in {word}",
                    )
        return None

    def _missing(
        self, fields: Header, account: Account, recipients: Sequence[str], now: float
    ) -> Completion:
        author = address_list(
            "From", [Mailbox(address=account.address, name=account.name)]
        )
        several = b"from" in fields and (
            len(list(mailboxes(parse_addresses(fields.first(b"from") or b"")))) > 1
        )
        return Completion(
            date=date_time(int(now)),
            message_id=f"<{self._token()}@{self._hostname}>",
            author=author.decode("utf-8").partition(":")[2].strip(),
            sender=account.address if several else "",
            recipients=recipients,
        )
