"""What was found about this host, judged. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from pyeonji.base.dns import DnsStatus
from pyeonji.serve.doctor.findings import note, problem, warning, well

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyeonji.serve.doctor.facts import (
        AddressAsked,
        CertificateSeen,
        DiskSeen,
        HostAsked,
        QueueSeen,
    )
    from pyeonji.serve.doctor.findings import Finding

DAY_S: Final = 86400.0
EXPIRES_SOON_S: Final = 14 * DAY_S
SKEW_NOTED_S: Final = 30.0
SKEW_WRONG_S: Final = 300.0
DISK_LOW: Final = 0.10  # of the whole
DISK_OUT: Final = 0.02
OLD_LETTER_S: Final = 1 * DAY_S
MANY_LETTERS: Final = 10_000
SHOWN_PATHS: Final = 3


def check_host(asked: HostAsked) -> list[Finding]:
    """All findings about this host."""
    found = [*_name(asked)]
    for address in asked.addresses:
        found += _address(address, asked.hostname)
    found += _doors(asked)
    found += _outbound(asked)
    if asked.certificate is not None:
        found += _certificate(asked.certificate, asked.now)
    if asked.disk is not None:
        found += _disk(asked.disk)
    if asked.queue is not None:
        found += _queue(asked.queue)
    for module, count in asked.hanging.items():
        found.append(warning("hook.hangs", module, count=count))
    found += _clock(asked)
    return found


def _name(asked: HostAsked) -> Iterator[Finding]:
    """The name in HELO: RFC 5321 §4.1.1.1, and what receivers make of it."""
    name = asked.hostname
    if "." not in name or name.endswith((".local", ".localdomain", ".lan")):
        yield problem("helo.short", name)
        return
    answers = list(asked.hostname_answers.values())
    if any(each.status is DnsStatus.FOUND for each in answers):
        canonical = next(a.canonical_name for a in answers if a.records)
        if canonical and canonical.lower() != name:
            yield warning("helo.alias", name, target=canonical)  # RFC 5321 §2.3.5
        else:
            yield well("helo", name)
    elif answers and all(each.status is DnsStatus.FAILED for each in answers):
        yield warning("dns.failed", name, kind="A")
    else:
        yield problem("helo.unknown", name)
    if not asked.addresses:
        yield warning("address.none", name)


def _address(asked: AddressAsked, hostname: str) -> Iterator[Finding]:
    address = asked.address
    if not ip_address(address).is_global:
        yield note("address.private", address)
    yield from _reverse(asked, hostname)
    for blocklist, answer in asked.listed.items():
        codes = answer.records
        if answer.status is DnsStatus.FAILED:
            yield note("blocklist.failed", address, blocklist=blocklist)
        elif any(code.startswith("127.255.255.") for code in codes):
            # it doesn't answer questions that come through a public resolver
            yield note("blocklist.refused", address, blocklist=blocklist)
        elif any(code.startswith("127.") for code in codes):
            yield problem(
                "blocklist.listed",
                address,
                blocklist=blocklist,
                codes=" ".join(codes),
            )
        else:
            yield well("blocklist", address, blocklist=blocklist)


def _reverse(asked: AddressAsked, hostname: str) -> Iterator[Finding]:
    """A PTR whose name leads back to the address."""
    address = asked.address
    if asked.reverse.status is DnsStatus.FAILED:
        yield warning("dns.failed", address, kind="PTR")
        return
    if not asked.forward:
        yield problem("reverse.missing", address, hostname=hostname)
        return
    confirmed = [
        name for name, there in asked.forward.items() if _among(address, there)
    ]
    if hostname in confirmed:
        yield well("reverse", address, names=hostname)
    elif confirmed:
        shown = ", ".join(confirmed)
        yield warning("reverse.other", address, names=shown, hostname=hostname)
    else:
        shown = ", ".join(asked.forward)
        yield problem("reverse.unconfirmed", address, names=shown, hostname=hostname)


def _among(address: str, there: tuple[str, ...]) -> bool:
    wanted = ip_address(address)
    return any(ip_address(each) == wanted for each in there)


def _doors(asked: HostAsked) -> Iterator[Finding]:
    for door in asked.doors:
        if door.error:
            yield problem("door.closed", door.name, at=door.at, reason=door.error)
        else:
            yield well("door", door.name, at=door.at)


def _outbound(asked: HostAsked) -> Iterator[Finding]:
    """Many providers close port 25 to the outside until they are asked."""
    if asked.outbound is None:
        return
    if asked.outbound:
        reason = asked.outbound
        yield problem("outbound.closed", asked.outbound_at, reason=reason)
    else:
        yield well("outbound", asked.outbound_at)


def _certificate(seen: CertificateSeen, now: float) -> Iterator[Finding]:
    if seen.error:
        yield problem("certificate.unreadable", seen.file, reason=seen.error)
        return
    sound = [*_validity(seen, now), *_vouched(seen)]
    yield from sound or [well("certificate", seen.file)]
    if seen.key_readable:
        yield problem("certificate.key", seen.file)
    if seen.shown_digest and seen.shown_digest != seen.file_digest:
        yield warning("certificate.stale", seen.file)


def _validity(seen: CertificateSeen, now: float) -> Iterator[Finding]:
    days = int((seen.not_after - now) // DAY_S)
    if now < seen.not_before:
        yield problem("certificate.future", seen.file)
    elif days < 0:
        yield problem("certificate.expired", seen.file, days=-days)
    elif seen.not_after - now < EXPIRES_SOON_S:
        yield warning("certificate.expires", seen.file, days=days)


def _vouched(seen: CertificateSeen) -> Iterator[Finding]:
    if seen.self_signed:
        yield warning("certificate.self_signed", seen.file)
    elif seen.chain_error:
        yield problem("certificate.chain", seen.file, reason=seen.chain_error)
    missing = [name for name in seen.needed if not _covers(seen.names, name)]
    if missing:
        yield warning("certificate.names", seen.file, names=", ".join(missing))


def _covers(names: tuple[str, ...], wanted: str) -> bool:
    """A "*" stands for one whole label at the left."""
    parent = wanted.partition(".")[2]
    return wanted in names or (bool(parent) and f"*.{parent}" in names)


def _disk(seen: DiskSeen) -> Iterator[Finding]:
    if seen.total_octets:
        yield _room("disk", seen.folder, seen.free_octets, seen.total_octets)
    if seen.total_inodes:
        yield _room("inodes", seen.folder, seen.free_inodes, seen.total_inodes)
    if seen.loose:
        yield problem("data.loose", seen.folder, paths=_some(seen.loose))
    if seen.foreign:
        shown = _some(seen.foreign)
        yield problem("data.foreign", seen.folder, paths=shown, user=seen.user)
    if not seen.loose and not seen.foreign:
        yield well("data", seen.folder)


def _room(code: str, folder: str, free: int, total: int) -> Finding:
    part = free / total
    percent = f"{100 * part:.0f}"
    if part < DISK_OUT:
        return problem(f"{code}.out", folder, percent=percent)
    if part < DISK_LOW:
        return warning(f"{code}.low", folder, percent=percent)
    return well(code, folder, percent=percent)


def _some(paths: tuple[str, ...]) -> str:
    shown = ", ".join(paths[:SHOWN_PATHS])
    more = len(paths) - SHOWN_PATHS
    return f"{shown}, … +{more}" if more > 0 else shown


def _queue(seen: QueueSeen) -> Iterator[Finding]:
    subject = "queue"
    if seen.held:
        yield note("queue.held", subject, count=seen.held)
    if seen.oldest_s > OLD_LETTER_S:
        hours = int(seen.oldest_s // 3600)
        yield warning("queue.old", subject, hours=hours)
    if seen.letters > MANY_LETTERS:
        yield warning("queue.long", subject, count=seen.letters)
    elif seen.oldest_s <= OLD_LETTER_S:
        yield well("queue", subject, count=seen.letters)


def _clock(asked: HostAsked) -> Iterator[Finding]:
    if asked.clock is not None:
        seconds = f"{asked.clock.error_s:.1f}"
        if asked.clock.kept and asked.clock.error_s <= SKEW_NOTED_S:
            yield well("clock.kept", "clock", seconds=seconds)
        else:
            yield warning("clock.alone", "clock")
    elif asked.clock_source:
        yield from _skew(asked)


def _skew(asked: HostAsked) -> Iterator[Finding]:
    if asked.skew_s is None:
        yield note("clock.unknown", "clock", source=asked.clock_source)
        return
    seconds = f"{abs(asked.skew_s):.0f}"
    if abs(asked.skew_s) > SKEW_WRONG_S:
        yield problem("clock.wrong", "clock", seconds=seconds)
    elif abs(asked.skew_s) > SKEW_NOTED_S:
        yield warning("clock.wrong", "clock", seconds=seconds)
    else:
        yield well("clock", "clock", seconds=seconds)
