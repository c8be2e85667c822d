"""`pyeonji dkim`: the keys that sign for our domains."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pyeonji.base.clock import SystemClock
from pyeonji.mta.publish.records import Record, ascii_name
from pyeonji.mta.publish.zone import zone
from pyeonji.mta.signing.keys import (
    KEY_TYPES,
    MAX_KEYS,
    OVERLAP_S,
    KeyRefused,
    Sealing,
    make_keys,
    retirement,
    rotation,
)
from pyeonji.mta.trust.keys import read_record
from pyeonji.mta.trust.tags import BadTags
from pyeonji.net.dns import Resolver
from pyeonji.serve.commands.context import Context, print_json, print_table
from pyeonji.storage.directory import KeyState
from pyeonji.storage.errors import NoSuchDomain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyeonji.serve.publishing import Asker
    from pyeonji.storage.directory import DkimKey
    from pyeonji.storage.embedded import Store

app = typer.Typer(help="Keys that sign for our domains.", no_args_is_help=True)

Domain = Annotated[str, typer.Argument(help="A domain of ours, e.g. example.org.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

SAYS: Final = {
    KeyState.WAITING: "waiting (publish it, then rotate)",
    KeyState.ACTIVE: "active (signs)",
    KeyState.RETIRING: "retiring (leave it published)",
}


@app.command("generate", epilog="Example: `pyeonji dkim generate example.org`")
def generate(
    context: typer.Context,
    domain: Domain,
    type_: Annotated[
        str, typer.Option("--type", help="rsa, ed25519 or both.")
    ] = "both",
    selector: Annotated[
        str, typer.Option(help="The name, for a single key; else one is made.")
    ] = "",
    *,
    json: Json = False,
) -> None:
    """Make keys. They sign at once if nothing of their kind does, else they wait."""
    types = KEY_TYPES if type_ == "both" else (type_,)
    if not set(types) <= set(KEY_TYPES):
        raise KeyRefused("a key is rsa or ed25519")
    if selector and len(types) > 1:
        raise KeyRefused("a selector is for one key: say --type")
    if selector and not _is_selector(selector):
        raise KeyRefused(f"{selector} cannot be a selector")

    async def work(store: Store) -> list[DkimKey]:
        return await new_keys(store, domain, types, selector=selector)

    kept: Context = context.obj
    _show(kept.run(work), json=json, records=True)


@app.command("list", epilog="Example: `pyeonji dkim list`")
def list_(
    context: typer.Context,
    domain: Annotated[str | None, typer.Argument(help="Only of this one.")] = None,
    *,
    json: Json = False,
) -> None:
    """Show the keys and what they do."""

    async def work(store: Store) -> list[DkimKey]:
        names = (
            [domain] if domain else [d.name for d in await store.directory.domains()]
        )
        return [key for name in names for key in await _keys(store, name)]

    kept: Context = context.obj
    _show(kept.run(work), json=json)


@app.command("rotate", epilog="Example: `pyeonji dkim rotate example.org`")
def rotate(
    context: typer.Context,
    domain: Domain,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Do not look whether DNS has the keys.")
    ] = False,
    json: Json = False,
) -> None:
    """Change to new keys, in two steps.

    The first time: makes keys and shows the records to publish. The second
    time: when DNS has them, lets them sign, and the old ones retire.
    """
    kept: Context = context.obj

    async def work(store: Store) -> list[DkimKey]:
        keys = await _keys(store, domain)
        waiting = [key for key in keys if key.state is KeyState.WAITING]
        if not waiting:
            return await new_keys(store, domain, KEY_TYPES)
        if not force:
            resolver = Resolver(kept.configuration.dns_servers)
            await _check_published(resolver, waiting)
        now = SystemClock().time()
        await store.directory.change_dkim_keys(domain, rotation(keys), now)
        return list(await _keys(store, domain))

    _show(kept.run(work), json=json, records=True)


@app.command("retire", epilog="Example: `pyeonji dkim retire example.org`")
def retire(
    context: typer.Context,
    domain: Domain,
    selectors: Annotated[
        list[str] | None,
        typer.Argument(help="These keys; else those that have retired long enough."),
    ] = None,
    *,
    json: Json = False,
) -> None:
    """Forget keys that no letter needs any more; their records may go, too."""

    async def work(store: Store) -> list[DkimKey]:
        keys = await _keys(store, domain)
        now = SystemClock().time()
        states = retirement(keys, now, selectors or ())
        await store.directory.change_dkim_keys(domain, states, now)
        return [key for key in keys if key.selector in states]

    kept: Context = context.obj
    changed = kept.run(work)
    if json:
        print_json([_facts(key) for key in changed])
        return
    for key in changed:
        if key.state is KeyState.ACTIVE:
            print(f"{_name(key)} signs no more; leave its record for a week")
        else:
            print(f"{_name(key)} is forgotten: take its record out of DNS")
    if not changed:
        print(f"no key has been retiring for {OVERLAP_S / 86400:.0f} days")


@app.command("show-dns", epilog="Example: `pyeonji dkim show-dns example.org`")
def show_dns(context: typer.Context, domain: Domain, *, json: Json = False) -> None:
    """Print the records to publish, as a zone file."""

    async def work(store: Store) -> list[DkimKey]:
        return list(await _keys(store, domain))

    kept: Context = context.obj
    found = records(kept.run(work))
    if json:
        print_json(found)
    else:
        print(zone(found, domain), end="")


# -- for this and other commands


async def new_keys(
    store: Store, domain: str, types: Sequence[str], *, selector: str = ""
) -> list[DkimKey]:
    """Make keys and keep them; those whose kind nobody has sign at once.

    Raises:
        NoSuchDomain, KeyRefused.
        AlreadyExists: the selector is in use.
    """
    keys = await _keys(store, domain)
    if len(keys) + len(types) > MAX_KEYS:
        raise KeyRefused(f"a domain has {MAX_KEYS} keys at most: retire some")
    active = {key.type for key in keys if key.state is KeyState.ACTIVE}
    made: list[DkimKey] = []
    for kind in types:
        made += await asyncio.to_thread(
            make_keys,
            domain,
            types=[kind],
            state=KeyState.WAITING if kind in active else KeyState.ACTIVE,
            taken={key.selector for key in (*keys, *made)},
            now=SystemClock().time(),
            sealing=Sealing(store.sealer.seal, store.sealer.unseal),
            selector=selector,
        )
    await store.directory.add_dkim_keys(made)
    return made


def records(keys: Iterable[DkimKey]) -> list[Record]:
    """What is to be published of keys."""
    return [
        Record(name=_name(key), kind="TXT", data=key.record, purpose="dkim")
        for key in keys
    ]


async def _keys(store: Store, domain: str) -> tuple[DkimKey, ...]:
    if await store.directory.domain(domain) is None:
        raise NoSuchDomain(f"there is no domain {domain} here")
    return await store.directory.dkim_keys(domain)


async def _check_published(asker: Asker, keys: Iterable[DkimKey]) -> None:
    """Raises KeyRefused if DNS lacks the record of one of them."""
    for key in keys:
        answer = await asker.ask(_name(key), "TXT")
        wanted = read_record(key.record).key
        if not any(_has(text, wanted) for text in answer.records):
            raise KeyRefused(
                f"{_name(key)} is not in DNS yet (pyeonji dkim show-dns; --force)"
            )


def _has(text: str, key: bytes) -> bool:
    try:
        return read_record(text).key == key
    except BadTags:
        return False


def _name(key: DkimKey) -> str:
    return f"{ascii_name(key.selector)}._domainkey.{ascii_name(key.domain)}"


def _is_selector(text: str) -> bool:
    labels = text.split(".")
    return len(text) <= 200 and all(
        0 < len(label) <= 63 and label.replace("-", "").isalnum() for label in labels
    )


def _facts(key: DkimKey) -> dict[str, object]:
    return {
        "domain": key.domain,
        "selector": key.selector,
        "type": key.type,
        "state": key.state.value,
        "name": _name(key),
        "record": key.record,
        "created_at": key.created_at,
        "changed_at": key.changed_at,
    }


def _show(keys: list[DkimKey], *, json: bool, records: bool = False) -> None:
    if json:
        print_json([_facts(key) for key in keys])
        return
    print_table(
        ("Domain", "Selector", "Kind", "State", "Since"),
        (
            (
                key.domain,
                key.selector,
                key.type,
                SAYS[key.state],
                f"{datetime.fromtimestamp(key.changed_at, UTC):%Y-%m-%d}",
            )
            for key in keys
        ),
    )
    waiting = [key for key in keys if key.state is KeyState.WAITING]
    if records and waiting:
        print("\nto publish (pyeonji dkim show-dns):")
        for key in waiting:
            print(f"  {_name(key)}")
