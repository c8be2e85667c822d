"""What was found, as values: the checks know nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pyeonji.base.dns import DnsAnswer, Question
    from pyeonji.mta.publish.records import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainAsked:
    """A domain of ours: what it should publish, and how each question went."""

    name: str
    expected: tuple[Record, ...]
    answers: Mapping[Question, DnsAnswer]
    addresses: tuple[str, ...]  # of this host
    sts_expected: str = ""  # our policy
    sts_served: str | None = None  # what came over HTTPS; None: nothing did
    sts_error: str = ""
    spf: Mapping[str, str] = field(default_factory=dict)
    """Our addresses -> why SPF doesn't pass for them, "" where it does."""
    unread_reports: tuple[str, ...] = ()  # report addresses that nobody here has
    has_postmaster: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressAsked:
    """A public address of this host."""

    address: str
    reverse: DnsAnswer
    forward: Mapping[str, tuple[str, ...]]  # name of the PTR -> its addresses
    listed: Mapping[str, DnsAnswer]  # blocklist -> its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorTried:
    """A listener of ours, called at an address."""

    name: str
    at: str
    error: str = ""  # "" it answered


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateSeen:
    """The certificate that we serve with. Times are Unix seconds."""

    file: str
    error: str = ""
    names: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()  # names that others will check
    not_before: float = 0.0
    not_after: float = 0.0
    self_signed: bool = False
    chain_error: str = ""  # why the system's roots don't vouch for it
    key_readable: bool = False  # by others than its owner
    shown_digest: str = ""  # of the certificate that the running server shows
    file_digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSeen:
    """The file system below the data folder, and the folder itself."""

    folder: str
    free_octets: int = 0
    total_octets: int = 0
    free_inodes: int = 0
    total_inodes: int = 0  # 0: the file system has no fixed number
    loose: tuple[str, ...] = ()  # paths that others may read
    foreign: tuple[str, ...] = ()  # paths that the server's user does not own
    user: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSeen:
    """Letters on their way."""

    letters: int = 0
    held: int = 0
    oldest_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockKept:
    """What the kernel knows of the clock."""

    kept: bool  # by a time service
    error_s: float  # at most


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAsked:
    """This host. Times are Unix seconds."""

    hostname: str
    now: float
    addresses: tuple[AddressAsked, ...] = ()
    hostname_answers: Mapping[str, DnsAnswer] = field(default_factory=dict)  # A, AAAA
    doors: tuple[DoorTried, ...] = ()
    certificate: CertificateSeen | None = None
    disk: DiskSeen | None = None
    queue: QueueSeen | None = None
    hanging: Mapping[str, int] = field(default_factory=dict)  # functions of hooks
    outbound: str | None = None  # why port 25 of others isn't reached; None: not tried
    outbound_at: str = ""
    skew_s: float | None = None  # our clock minus the world's; None: not known
    clock_source: str = ""  # who was asked: a URL, "kernel", or "" nobody
    clock: ClockKept | None = None  # None: the kernel was not asked, or won't say
