"""The commands of a client, each parsed whole.

Mailbox names are decoded `str`; flags, atoms and header field names stay the
octets that were sent. `by_uid` is set where UID came before the command.
"""

from __future__ import annotations

from pyeonji.protocol.imap.commands.base import (
    Command,
)
from pyeonji.protocol.imap.commands.mailboxes import (
    Append,
    Create,
    Delete,
    Enable,
    Idle,
    List,
    Namespace,
    Rename,
    Select,
    Status,
    StatusItem,
    Subscribe,
)
from pyeonji.protocol.imap.commands.messages import (
    Check,
    Close,
    Copy,
    Expunge,
    Fetch,
    FetchItem,
    Search,
    Section,
    SectionText,
    Simple,
    Store,
    StoreMode,
    Unselect,
)
from pyeonji.protocol.imap.commands.others import (
    AppendEnded,
    IdleEnded,
    MessageChunk,
    Refused,
    SaslResponse,
)
from pyeonji.protocol.imap.commands.session import (
    Authenticate,
    Capability,
    Id,
    Login,
    Logout,
    Noop,
    StartTls,
)

Event = Command | MessageChunk | AppendEnded | IdleEnded | SaslResponse | Refused

__all__ = [
    "Append",
    "AppendEnded",
    "Authenticate",
    "Capability",
    "Check",
    "Close",
    "Command",
    "Copy",
    "Create",
    "Delete",
    "Enable",
    "Event",
    "Expunge",
    "Fetch",
    "FetchItem",
    "Id",
    "Idle",
    "IdleEnded",
    "List",
    "Login",
    "Logout",
    "MessageChunk",
    "Namespace",
    "Noop",
    "Refused",
    "Rename",
    "SaslResponse",
    "Search",
    "Section",
    "SectionText",
    "Select",
    "Simple",
    "StartTls",
    "Status",
    "StatusItem",
    "Store",
    "StoreMode",
    "Subscribe",
    "Unselect",
]
