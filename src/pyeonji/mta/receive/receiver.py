"""What all SMTP doors of a process share, made once by `serve`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from pyeonji.base.networks import within
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.receive.door import Door
from pyeonji.mta.receive.judging import Judge
from pyeonji.mta.submit.policy import Submitter
from pyeonji.protocol.smtp.options import ALL_OFFERS
from pyeonji.protocol.smtp.options import Options as MachineOptions
from pyeonji.protocol.smtp.words import Offer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.base.clock import Clock
    from pyeonji.base.ids import LetterId
    from pyeonji.base.networks import Network
    from pyeonji.message.prepare import Prepared
    from pyeonji.mta.forward.forwarding import Forwarding
    from pyeonji.mta.needs import Expand, HasRoom, IsLocal
    from pyeonji.mta.options import Options
    from pyeonji.mta.queue.runner import Runner
    from pyeonji.mta.receive.checking import Checker
    from pyeonji.mta.signing.signer import Signer
    from pyeonji.net.connection import Connection
    from pyeonji.storage.authentication import Authenticator
    from pyeonji.storage.directory import Directory
    from pyeonji.storage.queue import NewLetter, Queue, QueuedLetter, QueueOffice
    from pyeonji.storage.suppressions import Suppressions

_STRANGERS: Final = ALL_OFFERS
"""What port 25 offers: everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorKind:
    """How a listener's doors differ from another's.

    `submission`: nothing goes before AUTH (RFC 6409 §4.3).
    `plaintext_auth`: AUTH is offered without TLS.
    `xclient`: clients that may say for whom they speak; `xclient_login`: and
    who has logged in there.
    """

    submission: bool = False
    plaintext_auth: bool = False
    xclient: tuple[Network, ...] = ()
    xclient_login: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Makes doors.

    `take` hands an accepted letter to the runner, with what was prepared from
    it (None when it has no recipient here); it must not wait. `runner` turns
    roles; None: TURN is not offered. `policy` judges strangers, `checker` looks
    at what they bring.
    """

    options: Options
    directory: Directory
    queue: Queue
    office: QueueOffice
    authenticator: Authenticator
    expand: Expand
    is_local: IsLocal
    clock: Clock
    next_id: Callable[[], LetterId]
    take: Callable[[QueuedLetter, Prepared | None], None]
    runner: Runner | None = None
    taken: Callable[[NewLetter], None] | None = None  # told of each letter
    policy: Judge | None = None  # None: as it is without configuration
    forwarding: Forwarding | None = None  # None: letters go on as they are
    signer: Signer | None = None  # None: what is submitted is not signed
    checker: Checker | None = None  # None: nothing is checked
    suppressions: Suppressions | None = None  # None: all may be written to
    has_room: HasRoom | None = None  # None: a full mailbox is found at delivery
    judge: Judge = field(init=False)
    submitter: Submitter = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows from the rest."""
        judge = self.policy
        if judge is None:
            bare = PolicyOptions(hostname=self.options.hostname)
            judge = Judge(bare, clock=self.clock)
        object.__setattr__(self, "judge", judge)
        object.__setattr__(
            self,
            "submitter",
            Submitter(
                hostname=self.options.hostname,
                expand=self.expand,
                is_local=self.is_local,
                routes=self.options.routes,
            ),
        )

    def door(self, connection: Connection, kind: DoorKind) -> Door:
        """A door for a new connection."""
        connection.set_timeout(self.options.timeouts.server)
        return Door(self, connection, self.machine_options(connection, kind))

    def machine_options(self, connection: Connection, kind: DoorKind) -> MachineOptions:
        """What the machine of a connection offers."""
        can_start_tls = connection.can_start_tls or connection.tls is not None
        offers = _STRANGERS
        if not can_start_tls:
            offers -= {Offer.STARTTLS}
        if self.runner is None:
            offers -= {Offer.ATRN}
        if kind.submission:
            offers -= {Offer.ETRN, Offer.ATRN}  # RFC 6409 §7
        options = MachineOptions(
            hostname=self.options.hostname,
            max_message_octets=self.options.max_message_octets,
            max_recipients=self.options.max_recipients,
            offers=offers,
            mechanisms=self.authenticator.mechanisms(
                connection.tls, plaintext=kind.plaintext_auth
            ),
            plaintext_auth=kind.plaintext_auth,
            xclient=bool(kind.xclient)
            and within(connection.peer_address, kind.xclient),
            xclient_login=kind.xclient_login,
        )
        if not kind.submission:  # RFC 4865 §4.2: FUTURERELEASE is for submission
            return options
        longest = self.options.max_hold
        return replace(
            options,
            auth_required=True,
            offers=offers | {Offer.FUTURERELEASE},
            max_hold_s=int(longest),
            max_hold_until=self.clock.time() + longest,
        )

    def after_tls(
        self, connection: Connection, options: MachineOptions
    ) -> MachineOptions:
        """The same with the mechanisms that TLS has made possible."""
        mechanisms = self.authenticator.mechanisms(
            connection.tls, plaintext=options.plaintext_auth
        )
        return replace(options, mechanisms=mechanisms)
