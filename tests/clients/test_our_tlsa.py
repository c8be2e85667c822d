"""The TLSA record that we publish, as Postfix judges it (posttls-finger).

It asks the resolver of /etc/resolv.conf, so it gets a file of its own there, in
a mount namespace of its own.
"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.clients.internet import SIGNED, Names, address
from tests.clients.postfix import program
from tests.running import DOMAIN, HOST, Server

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("right", [True, False])
def test_postfix_knows_us_by_it(server: Server, tmp_path: Path, *, right: bool) -> None:
    """`domain dns` says what to publish; with another digest we are nobody."""
    assert os.geteuid() == 0, "only root has mount namespaces"
    published = server.run("domain", "dns", DOMAIN).decode()
    found = re.search(r"TLSA\s+(3 1 1) ([0-9a-fA-F]{64})", published)
    assert found, published
    digest = found[2] if right else found[2][::-1]
    port, host = server.port("smtp"), f"mail.{SIGNED}"
    lines = f"{host}. A {HOST}\n_{port}._tcp.{host}. TLSA {found[1]} {digest}\n"
    resolver = tmp_path / "resolv.conf"
    resolver.write_text(f"nameserver {address(53)}\noptions trust-ad\n")
    with Names(lines, usual=address(53)):
        done = subprocess.run(
            [
                program("unshare"),
                "--mount",
                "sh",
                "-c",
                f'mount --bind "{resolver}" /etc/resolv.conf && exec "$@"',
                "sh",
                program("posttls-finger"),
                *("-c", "-L", "summary", "-l", "dane", f"[{host}]:{port}"),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    told = done.stdout + done.stderr
    assert ("Verified TLS connection established" in told) is right, told
