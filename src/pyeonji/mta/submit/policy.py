"""Who may send as whom, and what a letter of theirs looks like (RFC 6409)."""

from __future__ import annotations

import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PyeonjiError
from pyeonji.message.address import mailboxes, parse_addresses
from pyeonji.message.compose.fields import address_list
from pyeonji.message.compose.mailboxes import Mailbox
from pyeonji.message.header import Header
from pyeonji.mta.receive.inspect import Refusal
from pyeonji.mta.submit.rewrite import BadHeader, Completion, complete
from pyeonji.mta.trace import date_time
from pyeonji.storage.names import canonical, canonical_domain

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from pyeonji.mta.needs import Expand, IsLocal
    from pyeonji.storage.directory import Account


_OF_OTHERS: Final = (
    b"to", b"cc", b"bcc", b"reply-to", b"resent-to", b"resent-cc", b"resent-bcc",
)  # fmt: skip
"""Fields whose addresses need not be the account's own."""


class Submitter:
    """Looks at letters that authenticated users hand in."""

    def __init__(
        self,
        *,
        hostname: str,
        expand: Expand,
        is_local: IsLocal,
        token: Callable[[], str] = lambda: secrets.token_hex(12),
        routes: Container[str] = (),
    ) -> None:
        """Nothing is looked up yet.

        Args:
            hostname: ours, for Message-IDs.
            expand: who an address of ours stands for.
            is_local: whether an address is in a domain of ours.
            token: chance, for Message-IDs.
            routes: domains that we know a way to; they may be single labels.
        """
        self._hostname = hostname
        self._expand = expand
        self._is_local = is_local
        self._token = token
        self._routes = routes

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
        refusal = refusal or self._check_domains(fields)
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

    def _check_domains(self, fields: Header) -> Refusal | None:
        """Domains in the header are whole ones (RFC 6409 §4.2).

        LIBERTY: a name without a domain stays: programs of a host write to
        `root` so, and what they mean nobody else needs to know.
        """
        for name in _OF_OTHERS:
            for value in fields.all(name):
                for mailbox in mailboxes(parse_addresses(value)):
                    domain = mailbox.domain_text
                    if domain and not self.is_qualified(domain):
                        word = name.decode().title()
                        return Refusal(
                            554, "5.1.2", f"say the whole domain name in {word}"
                        )
        return None

    def is_qualified(self, domain: str) -> bool:
        """Whether a domain has more than one label, is a literal or has a route."""
        name = canonical_domain(domain)
        return name.startswith("[") or "." in name or name in self._routes

    def _missing(
        self, fields: Header, account: Account, recipients: Sequence[str], now: float
    ) -> Completion:
        value = fields.first(b"from") or b""
        several = (
            value.count(b"@") > 1 and len(list(mailboxes(parse_addresses(value)))) > 1
        )
        return Completion(
            date=date_time(int(now)),
            message_id=f"<{self._token()}@{self._hostname}>",
            author=_author(account.address, account.name),
            sender=account.address if several else "",
            recipients=recipients,
        )


@lru_cache(maxsize=1024)
def _author(address: str, name: str) -> str:
    """What stands behind "From:" for an account."""
    field = address_list("From", [Mailbox(address=address, name=name)])
    return field.decode("utf-8").partition(":")[2].strip()
