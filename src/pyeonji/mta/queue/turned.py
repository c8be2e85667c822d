"""Roles turned: what waits for domains goes down a connection that a client made.

See RFC 2645 §5.2. While it lasts, letters for these domains come into its line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from pyeonji.mta.queue.destination import Destination
from pyeonji.mta.queue.plan import Fate, Outcome
from pyeonji.mta.relay.calling import CallFailed, session_over
from pyeonji.net.errors import Unreachable
from pyeonji.storage.names import canonical_domain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.mta.queue.remote import RemoteDeliveries
    from pyeonji.mta.relay.session import Session, Stream

MAX_TURNED: Final = 200
"""Letters sent in one TURN; the client may ask again."""

TURN_PATIENCE_S: Final = 2.0

log = structlog.get_logger("pyeonji.mta.queue")


async def turn(remote: RemoteDeliveries, domains: Sequence[str], stream: Stream) -> int:
    """Send what waits for domains down a connection; how many letters went."""
    runner = remote.runner
    names = [canonical_domain(name) for name in domains]
    line = Destination(f"turn {' '.join(names)}", 1)
    line.turned = True
    for name in names:
        remote.turned[name] = line
    session: Session | None = None
    try:
        session = await session_over(stream, runner.options)
        await remote.make_due(names)
        runner.wake()
        while session.usable and session.letters < MAX_TURNED:
            job = await line.next_job(TURN_PATIENCE_S)
            if job is None:
                break
            if await remote.begin(job):
                await remote.send(job, session)
    except (CallFailed, Unreachable) as error:
        log.info("turn.failed", domains=names, reason=str(error))
    finally:
        for name in names:
            if remote.turned.get(name) is line:
                del remote.turned[name]
        for job in line.give_up():
            outcomes = [
                Outcome(index=i, fate=Fate.LATER, status="4.4.2", reply="turn ended")
                for i in job.indexes
            ]
            await remote.end(job, outcomes)
        if session is not None:
            await session.quit()
    return session.letters if session is not None else 0
