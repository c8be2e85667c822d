"""The server's side of SASL: exchanges that ask what they must know.

`begin` starts one; `steps` says how a door conducts it. In short::

    exchange = begin("SCRAM-SHA-256", nonce=secrets.token_bytes(18),
                     hostname="mx.example.test", now=int(time()),
                     initial=event.initial, pretend_key=server_secret)
    try:
        step = next(exchange)
        while not isinstance(step, Challenge):
            step = exchange.send(await answer(step))     # from the directory
    except StopIteration as end:
        end.value        # Succeeded or Failed
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyeonji.protocol.sasl.steps import Exchange


def begin(
    mechanism: str,
    *,
    nonce: bytes,
    hostname: str,
    now: int,
    initial: bytes | None = None,
    pretend_key: bytes = b"",
) -> Exchange:
    """Start an exchange of one of `MECHANISMS`.

    Args:
        mechanism: its name, upper case.
        nonce: 16 octets of chance or more; a new one each time.
        hostname: ours, for challenges.
        now: Unix seconds, for CRAM-MD5's challenge.
        initial: the client's initial response, when the protocol carried one;
            the exchange then doesn't ask for it with an empty challenge.
        pretend_key: a secret of this server, always the same, from which salts
            for unknown users are made when ScramKeysNeeded is answered None.

    Raises:
        UnknownMechanism: not in `MECHANISMS`.
    """
    raise NotImplementedError
