"""`pyeonji domain dns`: what to put into DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from pyeonji.mta.publish.zone import zone
from pyeonji.net.dns import Resolver
from pyeonji.serve.certificates import CertificateRefused, named_files
from pyeonji.serve.commands.context import Context, print_json
from pyeonji.serve.commands.domains import Json, Name, app
from pyeonji.serve.publishing import (
    addresses_of,
    domain_records,
    key_digest,
    published_keys,
)
from pyeonji.storage.errors import NoSuchDomain

if TYPE_CHECKING:
    from pyeonji.mta.publish.records import Record
    from pyeonji.storage.embedded import Store


__all__ = ["app"]


@app.command("dns", epilog="Example: `pyeonji domain dns example.org`")
def dns(context: typer.Context, name: Name, *, json: Json = False) -> None:
    """Print every record to publish, as a zone file.

    The addresses of this host are those of `[publish] addresses`, or those that
    its name has now. Change the records when the certificate's key, the MTA-STS
    policy or a DKIM key changes; `pyeonji doctor` says when.
    """
    kept: Context = context.obj

    async def work(store: Store) -> list[Record]:
        domain = await store.directory.domain(name)
        if domain is None:
            raise NoSuchDomain(f"there is no domain {name} here")
        resolver = Resolver(kept.configuration.dns_servers)
        keys = await published_keys(store.directory, domain.name)
        addresses = await addresses_of(kept.configuration, resolver)
        return domain_records(kept.configuration, addresses, domain.name, keys)

    certificate, _ = named_files(kept.configuration)
    if certificate.exists():
        try:
            key_digest(certificate)  # a broken one must not look like none
        except (OSError, ValueError) as error:
            raise CertificateRefused(f"{certificate}: {error}") from error
    found = kept.run(work)
    if json:
        print_json(found)
    else:
        print(zone(found, name), end="")
