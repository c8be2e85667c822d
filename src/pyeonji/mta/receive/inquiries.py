"""VRFY, EXPN and ETRN: who is here, and is there mail for us?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.base.errors import PermanentError
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.names import canonical_domain, domain_of

if TYPE_CHECKING:
    from pyeonji.mta.receive.door import Door
    from pyeonji.storage.directory import Account

MAX_LISTED: Final = 1000
"""Members of an alias that EXPN shows."""


async def verify(door: Door, text: str) -> None:
    """VRFY (RFC 5321 §3.5.3): true answers for our own users only.

    Strangers hear 252 whoever they ask for: it neither confirms nor denies.
    """
    if door.account is None:
        door.smtp.reply(252, "2.0.0", "cannot verify, but will try to deliver")
        return
    address = _address(text, door.account)
    try:
        if not await door.receiver.is_local(address):
            door.smtp.reply(252, "2.0.0", "not ours, but will try to deliver")
            return
        expansion = await door.receiver.expand(address)
    except StorageUnavailable:
        door.smtp.reply(451, "4.3.0", "directory unavailable, try again later")
        return
    except PermanentError as error:
        door.smtp.reply(550, "5.4.6", str(error))
        return
    if expansion is None:
        door.smtp.reply(550, "5.1.1", "no such user here")
        return
    name = ""
    if len(expansion.accounts) == 1 and not expansion.alias:
        name = expansion.accounts[0][1].name
    door.smtp.reply(250, "2.1.5", f"{_phrase(name)}<{address}>")


async def expand(door: Door, text: str) -> None:
    """EXPN (RFC 5321 §3.5.1): members of an alias, for our own users only."""
    if door.account is None:
        door.smtp.reply(550, "5.7.2", "only for authenticated users")
        return
    directory = door.receiver.directory
    address = _address(text, door.account)
    try:
        alias = await directory.alias(address)
        account = None if alias else await directory.account_at(address)
    except StorageUnavailable:
        door.smtp.reply(451, "4.3.0", "directory unavailable, try again later")
        return
    if alias is not None:
        members = alias.targets[:MAX_LISTED]
        door.smtp.reply(250, "2.1.5", *(f"<{member}>" for member in members))
    elif account is not None:
        door.smtp.reply(250, "2.1.5", f"{_phrase(account.name)}<{account.address}>")
    else:
        door.smtp.reply(550, "5.1.1", "no such list here")


async def start_queue(door: Door, node: str) -> None:
    """ETRN (RFC 1985 §5): try again now what waits for a domain."""
    domain = canonical_domain(node.lstrip("@"))
    if node.startswith("#"):
        door.smtp.reply(458, "4.5.0", f"there is no queue {node}")
        return
    if door.account is None or not may_ask_for(door.account, domain):
        door.smtp.reply(459, "4.7.1", f"node {node} not allowed")
        return
    try:
        count = await _retry(door, domain, below=node.startswith("@"))
    except StorageUnavailable:
        door.smtp.reply(458, "4.3.0", f"unable to queue messages for node {node}")
        return
    if door.receiver.runner is not None:
        door.receiver.runner.wake()
    if count == 0:
        door.smtp.reply(251, "2.0.0", f"no messages waiting for node {node}")
    else:
        door.smtp.reply(
            253, "2.0.0", f"{count} pending messages for node {node} started"
        )


async def _retry(door: Door, domain: str, *, below: bool) -> int:
    office = door.receiver.office
    domains = {domain}
    if below:
        names = [one.domain for one in await office.domains()]
        domains.update(name for name in names if name.endswith(f".{domain}"))
    return sum([await office.retry_domain(name) for name in sorted(domains)])


def may_ask_for(account: Account, domain: str) -> bool:
    """Whether an account may have a domain's mail sent (ETRN, TURN)."""
    if account.administrator:
        return True
    mine = [canonical_domain(name) for name in account.turn_domains]
    return any(domain == name or domain.endswith(f".{name}") for name in mine)


def _address(text: str, account: Account) -> str:
    """What VRFY and EXPN were given: an address, or a name in the asker's domain."""
    address = text.strip()
    if address.endswith(">") and "<" in address:
        address = address[address.rindex("<") + 1 : -1]
    return address if "@" in address else f"{address}@{domain_of(account.address)}"


def _phrase(name: str) -> str:
    """A display name for a reply: ASCII on one line, or nothing."""
    plain = " ".join(name.split())
    return f"{plain} " if plain and plain.isascii() and plain.isprintable() else ""
