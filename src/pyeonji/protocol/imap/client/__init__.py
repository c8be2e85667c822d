"""An IMAP client without input or output (RFC 3501 and extensions).

`commands` makes commands, `ClientMachine` sends them and turns what the server
says into typed events (`responses`), `envelope` and `structure` are what list
and reader of messages need. What a server says is read tolerantly where
servers are known to differ, and never beyond a limit; what we write is strict,
so that no argument can become a command.
"""

from pyeonji.protocol.imap.client import commands
from pyeonji.protocol.imap.client.commands import Command
from pyeonji.protocol.imap.client.envelope import Address, Envelope
from pyeonji.protocol.imap.client.errors import (
    LocalProtocolError,
    RemoteProtocolError,
    UnsafeArgument,
)
from pyeonji.protocol.imap.client.machine import (
    Challenged,
    ClientMachine,
    Event,
    IdleStarted,
    LiteralBegan,
    LiteralChunk,
    LiteralEnded,
    State,
    UploadWanted,
)
from pyeonji.protocol.imap.client.responses import (
    Capabilities,
    Condition,
    Counted,
    Enabled,
    Exists,
    Expunged,
    Fetched,
    Flags,
    Found,
    Greeted,
    Identified,
    Listed,
    Namespace,
    Namespaces,
    Recent,
    Summed,
    Tagged,
    Thread,
    Threaded,
    Told,
    Unknown,
    Vanished,
    mailbox_name,
    numbers_of,
)
from pyeonji.protocol.imap.client.structure import Part
from pyeonji.protocol.imap.client.values import Streamed

__all__ = [
    "Address",
    "Capabilities",
    "Challenged",
    "ClientMachine",
    "Command",
    "Condition",
    "Counted",
    "Enabled",
    "Envelope",
    "Event",
    "Exists",
    "Expunged",
    "Fetched",
    "Flags",
    "Found",
    "Greeted",
    "Identified",
    "IdleStarted",
    "Listed",
    "LiteralBegan",
    "LiteralChunk",
    "LiteralEnded",
    "LocalProtocolError",
    "Namespace",
    "Namespaces",
    "Part",
    "Recent",
    "RemoteProtocolError",
    "State",
    "Streamed",
    "Summed",
    "Tagged",
    "Thread",
    "Threaded",
    "Told",
    "Unknown",
    "UnsafeArgument",
    "UploadWanted",
    "Vanished",
    "commands",
    "mailbox_name",
    "numbers_of",
]
