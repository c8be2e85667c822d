"""The commands of a client, each parsed whole.

Mailbox names are decoded `str`; flags, atoms and header field names stay the
octets that were sent. `by_uid` is set where UID came before the command.
"""

from __future__ import annotations

from pyeonji.protocol.imap.commands.append import (
    ASKED,
    Append,
    AppendEnded,
    MessageBegun,
    MessageChunk,
    MessageForm,
    Replaced,
    TextPart,
    UrlPart,
)
from pyeonji.protocol.imap.commands.base import (
    Command,
)
from pyeonji.protocol.imap.commands.mailboxes import (
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
    Binary,
    Check,
    Close,
    Copy,
    Expunge,
    Fetch,
    FetchItem,
    Section,
    SectionText,
    Simple,
    Store,
    StoreMode,
    Unselect,
)
from pyeonji.protocol.imap.commands.notify import (
    EventGroup,
    Notify,
    Watched,
)
from pyeonji.protocol.imap.commands.others import (
    IdleEnded,
    Refused,
    SaslResponse,
)
from pyeonji.protocol.imap.commands.searching import (
    Algorithm,
    CancelUpdate,
    MultiSearch,
    ReturnOption,
    Returns,
    Search,
    Sort,
    SortCriterion,
    SortKey,
    Source,
    SourceKind,
    Thread,
)
from pyeonji.protocol.imap.commands.session import (
    Authenticate,
    Capability,
    Compress,
    Id,
    Login,
    Logout,
    Noop,
    StartTls,
)
from pyeonji.protocol.imap.commands.sharing import (
    DeleteAcl,
    GetAcl,
    GetMetadata,
    GetQuota,
    GetQuotaRoot,
    ListRights,
    MyRights,
    SetAcl,
    SetMetadata,
    SetQuota,
)
from pyeonji.protocol.imap.commands.sync import (
    Resync,
    UidBatches,
    Unauthenticate,
)

Event = (
    Command
    | MessageBegun
    | TextPart
    | UrlPart
    | MessageChunk
    | AppendEnded
    | IdleEnded
    | SaslResponse
    | Refused
)

__all__ = [
    "ASKED",
    "Algorithm",
    "Append",
    "AppendEnded",
    "Authenticate",
    "Binary",
    "CancelUpdate",
    "Capability",
    "Check",
    "Close",
    "Command",
    "Compress",
    "Copy",
    "Create",
    "Delete",
    "DeleteAcl",
    "Enable",
    "Event",
    "EventGroup",
    "Expunge",
    "Fetch",
    "FetchItem",
    "GetAcl",
    "GetMetadata",
    "GetQuota",
    "GetQuotaRoot",
    "Id",
    "Idle",
    "IdleEnded",
    "List",
    "ListRights",
    "Login",
    "Logout",
    "MessageBegun",
    "MessageChunk",
    "MessageForm",
    "MultiSearch",
    "MyRights",
    "Namespace",
    "Noop",
    "Notify",
    "Refused",
    "Rename",
    "Replaced",
    "Resync",
    "ReturnOption",
    "Returns",
    "SaslResponse",
    "Search",
    "Section",
    "SectionText",
    "Select",
    "SetAcl",
    "SetMetadata",
    "SetQuota",
    "Simple",
    "Sort",
    "SortCriterion",
    "SortKey",
    "Source",
    "SourceKind",
    "StartTls",
    "Status",
    "StatusItem",
    "Store",
    "StoreMode",
    "Subscribe",
    "TextPart",
    "Thread",
    "UidBatches",
    "Unauthenticate",
    "Unselect",
    "UrlPart",
    "Watched",
]
