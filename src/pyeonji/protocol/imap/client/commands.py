"""Commands as values: what to write, with the right quoting, and nothing else.

Each function checks its arguments and gives a `Command` for
`ClientMachine.send`. Text that must not be read as syntax is quoted, or is a
literal where it is long or not ASCII; CR, LF and NUL are refused everywhere.

Mailbox names are str (written in modified UTF-7), or bytes as the server
itself wrote them. Messages are named by numbers, or by a sequence set as text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pyeonji.protocol.imap import names
from pyeonji.protocol.imap.client.errors import UnsafeArgument
from pyeonji.protocol.imap.dates import date_time
from pyeonji.protocol.imap.sequences import runs, write_ranges

MAX_QUOTED: Final = 1000
"""Octets of a quoted string that we write; longer ones become literals."""

MAX_COMMAND: Final = 60_000
"""Octets of a command line that we write (servers take about 64 KB)."""

MAX_KEY_DEPTH: Final = 50
"""Search keys within search keys."""

_UNSAFE: Final = re.compile(rb"[\r\n\0]")
_QUOTED: Final = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_SPECIAL: Final = re.compile(rb'(["\\])')
_SET: Final = re.compile(r"(?:\*|[0-9]+|\$)(?:[:,](?:\*|[0-9]+))*")
_ATOM: Final = re.compile(r"[^\x00-\x20(){%*\"\\\]\x7f-\U0010ffff]+")
_FLAG: Final = re.compile(r"\\?[^\x00-\x20(){%*\"\\\]\x7f-\U0010ffff]+")
_ITEM: Final = re.compile(
    r"[A-Z0-9.-]+(?:\[[A-Z0-9. ]*(?:\([!-'+-~ ]*\))?\])?(?:<[0-9]+\.[0-9]+>)?",
    re.IGNORECASE,
)

_MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun",
    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Literal:
    """Octets announced by their number."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Upload:
    """A literal whose octets the caller gives later, in chunks."""

    size_octets: int


Part = bytes | Literal | Upload
Messages = str | Iterable[int]
Key = str | tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command without its tag; `name` in upper case, e.g. "UID FETCH"."""

    name: str
    parts: tuple[Part, ...] = ()


def _command(name: str, *arguments: Part | Sequence[Part]) -> Command:
    """Join arguments by spaces, texts next to texts."""
    joined: list[Part] = [name.encode()]
    for argument in arguments:
        pieces = (
            [argument] if isinstance(argument, bytes | Literal | Upload) else argument
        )
        _append(joined, b" ")
        for piece in pieces:
            _append(joined, piece)
    if sum(len(p) for p in joined if isinstance(p, bytes)) > MAX_COMMAND:
        raise UnsafeArgument(f"{name} is longer than servers take")
    return Command(name=name, parts=tuple(joined))


def _append(parts: list[Part], part: Part) -> None:
    if isinstance(part, bytes):
        last = parts[-1] if parts else None
        if isinstance(last, bytes):
            parts[-1] = last + part
            return
    parts.append(part)


# -- arguments


def astring(value: str | bytes) -> Part:
    """Any text: quoted, or a literal. Raises UnsafeArgument."""
    octets = value.encode() if isinstance(value, str) else value
    if _UNSAFE.search(octets):
        raise UnsafeArgument("an argument with CR, LF or NUL")
    if len(octets) <= MAX_QUOTED and _QUOTED.fullmatch(octets):
        return b'"' + _SPECIAL.sub(rb"\\\1", octets) + b'"'
    return Literal(octets)


def mailbox(name: str | bytes) -> Part:
    """A mailbox name."""
    return astring(names.encode(name) if isinstance(name, str) else name)


def message_set(messages: Messages) -> bytes:
    """Numbers as a sequence set, or one given as text ("1:*")."""
    if isinstance(messages, str):
        if not _SET.fullmatch(messages):
            raise UnsafeArgument("not a sequence set")
        return messages.encode()
    numbers = sorted(set(messages))
    if not numbers or numbers[0] < 1 or numbers[-1] > 4_294_967_295:
        raise UnsafeArgument("no messages, or numbers that are none of a message")
    return write_ranges(runs(numbers))


def _atom(text: str) -> bytes:
    if not _ATOM.fullmatch(text):
        raise UnsafeArgument(f"not an atom: {text!r}")
    return text.encode()


def _flags(flags: Iterable[str]) -> bytes:
    checked = []
    for flag in flags:
        if not _FLAG.fullmatch(flag):
            raise UnsafeArgument(f"not a flag: {flag!r}")
        checked.append(flag)
    return b"(" + " ".join(checked).encode() + b")"


def _uid(name: str, uid: bool) -> str:  # noqa: FBT001 - the prefix, by its name
    return f"UID {name}" if uid else name


# -- any state


def capability() -> Command:
    """Ask what the server can do."""
    return _command("CAPABILITY")


def noop() -> Command:
    """Ask for news."""
    return _command("NOOP")


def logout() -> Command:
    """End the session."""
    return _command("LOGOUT")


def identify(facts: Mapping[str, str] | None = None) -> Command:
    """Exchange names and versions (RFC 2971)."""
    if not facts:
        return _command("ID", b"NIL")
    parts: list[Part] = [b"("]
    for name, value in facts.items():
        for argument in (name, value):
            _append(parts, b"" if parts == [b"("] else b" ")
            _append(parts, astring(argument))
    _append(parts, b")")
    return _command("ID", parts)


# -- before login


def starttls() -> Command:
    """Ask for TLS; the machine is PAUSED when the server agrees."""
    return _command("STARTTLS")


def login(user: str, password: str) -> Command:
    """Log in by name and password."""
    return _command("LOGIN", astring(user), astring(password))


def authenticate(mechanism: str) -> Command:
    """Begin a SASL exchange; `ClientMachine.send` takes the initial response."""
    return _command("AUTHENTICATE", _atom(mechanism))


# -- mailboxes


def select(name: str | bytes, *, condstore: bool = False) -> Command:
    """Open a mailbox."""
    return _open("SELECT", name, condstore=condstore)


def examine(name: str | bytes, *, condstore: bool = False) -> Command:
    """Open a mailbox to read only."""
    return _open("EXAMINE", name, condstore=condstore)


def _open(verb: str, name: str | bytes, *, condstore: bool) -> Command:
    if condstore:
        return _command(verb, mailbox(name), b"(CONDSTORE)")
    return _command(verb, mailbox(name))


def create(name: str | bytes, *, special_use: str = "") -> Command:
    r"""Make a mailbox; `special_use` as in RFC 6154, e.g. "\Sent"."""
    if special_use:
        return _command(
            "CREATE", mailbox(name), b"(USE " + _flags([special_use]) + b")"
        )
    return _command("CREATE", mailbox(name))


def delete(name: str | bytes) -> Command:
    """Delete a mailbox."""
    return _command("DELETE", mailbox(name))


def rename(name: str | bytes, new_name: str | bytes) -> Command:
    """Rename a mailbox."""
    return _command("RENAME", mailbox(name), mailbox(new_name))


def subscribe(name: str | bytes) -> Command:
    """Subscribe to a mailbox."""
    return _command("SUBSCRIBE", mailbox(name))


def unsubscribe(name: str | bytes) -> Command:
    """Take a subscription off."""
    return _command("UNSUBSCRIBE", mailbox(name))


def list_mailboxes(
    pattern: str = "*", *, reference: str = "", returning: Sequence[str] = ()
) -> Command:
    """List mailboxes; `returning` e.g. "SPECIAL-USE" (RFC 5258, 6154)."""
    arguments: list[Part | Sequence[Part]] = [mailbox(reference), mailbox(pattern)]
    if returning:
        options = b" ".join(_atom(option) for option in returning)
        arguments.append(b"RETURN (" + options + b")")
    return _command("LIST", *arguments)


def list_subscribed(pattern: str = "*", *, reference: str = "") -> Command:
    """List subscriptions."""
    return _command("LSUB", mailbox(reference), mailbox(pattern))


def namespace() -> Command:
    """Ask where mailboxes are (RFC 2342)."""
    return _command("NAMESPACE")


def status(name: str | bytes, items: Sequence[str]) -> Command:
    """Ask for counters of a mailbox, e.g. MESSAGES, UNSEEN, UIDNEXT."""
    wanted = b" ".join(_atom(item) for item in items)
    return _command("STATUS", mailbox(name), b"(" + wanted + b")")


def append(
    name: str | bytes,
    size_octets: int,
    *,
    flags: Iterable[str] = (),
    internal_date: int | None = None,
) -> Command:
    r"""Store a message; its octets follow by `ClientMachine.upload`.

    Args:
        name: the mailbox.
        size_octets: of the message, exactly.
        flags: e.g. `\Seen`.
        internal_date: Unix seconds.
    """
    arguments: list[Part | Sequence[Part]] = [mailbox(name)]
    if listed := list(flags):
        arguments.append(_flags(listed))
    if internal_date is not None:
        arguments.append(b'"' + date_time(internal_date).strip(b'"') + b'"')
    return _command("APPEND", *arguments, Upload(size_octets))


def enable(*capabilities: str) -> Command:
    """Turn extensions on (RFC 5161)."""
    return _command("ENABLE", *(_atom(name) for name in capabilities))


def idle() -> Command:
    """Wait for news (RFC 2177); `ClientMachine.done` ends it."""
    return _command("IDLE")


# -- the selected mailbox


def check() -> Command:
    """Ask for a checkpoint."""
    return _command("CHECK")


def close() -> Command:
    """Expunge and leave the mailbox."""
    return _command("CLOSE")


def unselect() -> Command:
    """Leave the mailbox as it is (RFC 3691)."""
    return _command("UNSELECT")


def expunge(uids: Messages | None = None) -> Command:
    """Remove what is marked; with uids, of those only (RFC 4315)."""
    if uids is None:
        return _command("EXPUNGE")
    return _command("UID EXPUNGE", message_set(uids))


def fetch(messages: Messages, items: Sequence[str], *, uid: bool = True) -> Command:
    """Ask for items, e.g. FLAGS, ENVELOPE, BODY.PEEK[1.2]<0.1000>."""
    for item in items:
        if not _ITEM.fullmatch(item):
            raise UnsafeArgument(f"not a fetch item: {item!r}")
    wanted = b"(" + " ".join(items).encode() + b")"
    return _command(_uid("FETCH", uid), message_set(messages), wanted)


def store(
    messages: Messages,
    change: str,
    flags: Iterable[str],
    *,
    uid: bool = True,
    silent: bool = False,
) -> Command:
    """Change flags; `change` is "+", "-" or "" (these and no others)."""
    if change not in ("+", "-", ""):
        raise UnsafeArgument("not a change of flags")
    item = f"{change}FLAGS{'.SILENT' if silent else ''}".encode()
    return _command(_uid("STORE", uid), message_set(messages), item, _flags(flags))


def copy(messages: Messages, name: str | bytes, *, uid: bool = True) -> Command:
    """Copy messages."""
    return _command(_uid("COPY", uid), message_set(messages), mailbox(name))


def move(messages: Messages, name: str | bytes, *, uid: bool = True) -> Command:
    """Move messages (RFC 6851)."""
    return _command(_uid("MOVE", uid), message_set(messages), mailbox(name))


def move_plan(
    uids: Sequence[int], name: str | bytes, capabilities: Iterable[str]
) -> list[Command]:
    r"""What moves messages on this server, one command after the other is done.

    Without MOVE it is COPY, marking as \Deleted, and UID EXPUNGE; without
    UIDPLUS the marks are left, since EXPUNGE would also remove others' marks.
    """
    known = frozenset(capabilities)
    if "MOVE" in known or "IMAP4REV2" in known:
        return [move(uids, name)]
    plan = [copy(uids, name), store(uids, "+", [r"\Deleted"], silent=True)]
    if "UIDPLUS" in known:
        plan.append(expunge(uids))
    return plan


def search(*keys: Key, uid: bool = True) -> Command:
    """Search; a key is a word, or a tuple of a word and its arguments.

    Arguments are text, int, `datetime.date`, and keys for NOT and OR::

        search("UNSEEN", ("SUBJECT", "안녕"), ("SINCE", date(2024, 5, 1)))
        search(("OR", ("FROM", "kim"), ("NOT", ("LARGER", 1000))))
    """
    written: list[Part] = []
    for key in keys or ("ALL",):
        _append(written, b" " if written else b"")
        _key(key, written, 0)
    if all(not isinstance(p, Literal) or p.octets.isascii() for p in written):
        return _command(_uid("SEARCH", uid), written)
    return _command(_uid("SEARCH", uid), b"CHARSET UTF-8", written)


def _key(key: Key, written: list[Part], depth: int) -> None:
    if depth > MAX_KEY_DEPTH:
        raise UnsafeArgument("search keys nested too deep")
    if isinstance(key, str):
        _append(written, message_set(key) if _SET.fullmatch(key) else _atom(key))
        return
    word, *arguments = key
    name = str(word).upper()
    _append(written, _atom(name))
    for argument in arguments:
        _append(written, b" ")
        if name in ("NOT", "OR") and isinstance(argument, str | tuple):
            _key(argument, written, depth + 1)
        elif isinstance(argument, int):
            _append(written, b"%d" % argument)
        elif isinstance(argument, date):
            month = _MONTHS[argument.month - 1]
            day = f"{argument.day}-{month}-{argument.year:04}"
            _append(written, day.encode())
        elif name in ("UID", "KEYWORD", "UNKEYWORD"):
            text = str(argument)
            _append(written, message_set(text) if name == "UID" else _atom(text))
        else:
            _append(written, astring(str(argument)))
