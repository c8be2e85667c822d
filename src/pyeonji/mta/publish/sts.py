"""The MTA-STS policy that we serve for a domain (RFC 8461 §3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mta.publish.records import ascii_name

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/.well-known/mta-sts.txt"
"""Where it is, on the host mta-sts.<domain> (RFC 8461 §3.3)."""


def policy(mode: str, hosts: Sequence[str], max_age_s: float) -> str:
    """The text of a policy, lines ended by CRLF.

    Args:
        mode: "enforce", "testing" or "none".
        hosts: the names of the domain's MX hosts.
        max_age_s: how long senders may keep it, at most a year.

    Raises:
        BadName: a host that is no name.
    """
    lines = ["version: STSv1", f"mode: {mode}"]
    if mode != "none":
        lines += [f"mx: {ascii_name(host)}" for host in hosts]
    lines.append(f"max_age: {int(max_age_s)}")
    return "".join(f"{line}\r\n" for line in lines)
