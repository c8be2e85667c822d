"""Who an address stands for, with a real directory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from pyeonji.mda.aliases import Aliases, AliasLoops, Expansion
from pyeonji.mda.deliver import loops
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Alias, Domain
from pyeonji.storage.embedded import open_store

ALIASES = {
    "info@example.test": ("kim@example.test",),
    "team@example.test": ("kim@example.test", "lee@example.test", "out@remote.test"),
    "all@example.test": ("team@example.test", "info@example.test"),
    "loop@example.test": ("pool@example.test",),
    "pool@example.test": ("loop@example.test",),
    "self@example.test": ("self@example.test", "kim@example.test"),
    "nobody@example.test": ("gone@example.test",),
}


@pytest.fixture(scope="module")
def expand(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function that expands one address in a furnished system."""
    data: Path = tmp_path_factory.mktemp("data")
    credentials = make_credentials("pass")

    async def run(address: str, furnish: bool = False) -> Expansion | None:
        store = await open_store(data)
        try:
            directory = store.directory
            if furnish:
                await directory.add_domain(Domain(name="example.test"))
                await directory.add_domain(
                    Domain(name="catch.test", catch_all="kim@example.test")
                )
                await directory.add_domain(Domain(name="empty.test"))
                for name in ("kim", "lee"):
                    await directory.add_account(f"{name}@example.test", credentials)
                await directory.add_account(
                    "off@example.test", credentials, enabled=False
                )
                for alias, targets in ALIASES.items():
                    await directory.add_alias(Alias(address=alias, targets=targets))
            aliases = Aliases(directory, hostname="mail.example.test")
            return await aliases.expand(address)
        finally:
            await store.close()

    asyncio.run(run("x@example.test", furnish=True))
    return lambda address: asyncio.run(run(address))


@pytest.mark.parametrize(
    ("address", "accounts", "remote"),
    [
        ("kim@example.test", ["kim@example.test"], []),
        ("KIM@Example.TEST", ["KIM@Example.TEST"], []),
        ("info@example.test", ["kim@example.test"], []),
        (
            "team@example.test",
            ["kim@example.test", "lee@example.test"],
            ["out@remote.test"],
        ),
        (
            "all@example.test",
            ["kim@example.test", "lee@example.test"],
            ["out@remote.test"],
        ),
        ("kim+work@example.test", ["kim+work@example.test"], []),
        ("info+work@example.test", ["kim@example.test"], []),
        ("self@example.test", ["kim@example.test"], []),
        ("postmaster@example.test", ["postmaster@example.test"], []),
        ("PostMaster@catch.test", ["PostMaster@catch.test"], []),
        ("anybody@catch.test", ["kim@example.test"], []),
        ("postmaster", ["postmaster"], []),
    ],
)
def test_an_address_is_found(
    expand: Any, address: str, accounts: list[str], remote: list[str]
) -> None:
    """Exact, alias, sub-address, postmaster (RFC 5321 §4.5.1), catch-all."""
    found = expand(address)
    assert [each for each, _ in found.accounts] == accounts
    assert list(found.remote) == remote


@pytest.mark.parametrize(
    "address",
    ["x@example.test", "off@example.test", "nobody@example.test", "loop@example.test"],
)
def test_nobody_is_found(expand: Any, address: str) -> None:
    """Unknown, disabled, an alias for nobody, aliases that lead to each other."""
    assert expand(address) is None


def test_a_chain_without_end_is_an_error(tmp_path: Path) -> None:
    async def main() -> None:
        store = await open_store(tmp_path)
        try:
            await store.directory.add_domain(Domain(name="a.test"))
            for n in range(40):
                await store.directory.add_alias(
                    Alias(address=f"n{n}@a.test", targets=(f"n{n + 1}@a.test",))
                )
            with pytest.raises(AliasLoops):
                await Aliases(store.directory, hostname="a.test").expand("n0@a.test")
        finally:
            await store.close()

    asyncio.run(main())


def test_delivered_to_is_looked_for_in_the_header_only() -> None:
    head = b"Subject: x\r\nDELIVERED-TO:  Kim@example.test\r\n"
    assert loops(head + b"\r\nbody", "kim@example.test")
    assert not loops(head + b"\r\nbody", "lee@example.test")
    assert not loops(b"A: b\r\n\r\nDelivered-To: kim@example.test", "kim@example.test")
