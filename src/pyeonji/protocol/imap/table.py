"""Which command may come in which state, and how its arguments are read.

A new command is a value in `commands`, a parse function and a row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.imap import (
    commands,
    parse_fetch,
    parse_list,
    parse_mailbox,
    parse_notify,
    parse_search,
    parse_session,
    parse_sharing,
    parse_sort,
    parse_sync,
)
from pyeonji.protocol.imap.states import AFTER_LOGIN, ANY, BEFORE_LOGIN, WITH_MAILBOX
from pyeonji.protocol.imap.tokens import BadSyntax

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyeonji.protocol.imap.commands import Command
    from pyeonji.protocol.imap.states import State
    from pyeonji.protocol.imap.tokens import Arguments

    Parse = Callable[[bytes, Arguments], Command]


@dataclass(frozen=True, slots=True)
class Rule:
    """A command's states, and the reader of what follows its name."""

    states: frozenset[State]
    parse: Parse


def _bare(make: type[Command]) -> Parse:
    def parse(tag: bytes, arguments: Arguments) -> Command:
        arguments.end()
        return make(tag=tag)

    return parse


def _streams(tag: bytes, arguments: Arguments) -> Command:  # noqa: ARG001 - a Parse
    """APPEND and its kin are read by `parse_append`, a line at a time."""
    raise BadSyntax("expected a message")


COMMANDS: Final[dict[bytes, Rule]] = {
    b"CAPABILITY": Rule(ANY, _bare(commands.Capability)),
    b"NOOP": Rule(ANY, _bare(commands.Noop)),
    b"LOGOUT": Rule(ANY, _bare(commands.Logout)),
    b"ID": Rule(ANY, parse_mailbox.parse_id),
    b"STARTTLS": Rule(BEFORE_LOGIN, _bare(commands.StartTls)),
    b"AUTHENTICATE": Rule(BEFORE_LOGIN, parse_mailbox.parse_authenticate),
    b"LOGIN": Rule(BEFORE_LOGIN, parse_mailbox.parse_login),
    b"COMPRESS": Rule(AFTER_LOGIN, parse_session.parse_compress),
    b"ENABLE": Rule(AFTER_LOGIN, parse_mailbox.parse_enable),
    b"SELECT": Rule(AFTER_LOGIN, parse_mailbox.parse_select),
    b"EXAMINE": Rule(AFTER_LOGIN, parse_mailbox.parse_examine),
    b"CREATE": Rule(AFTER_LOGIN, parse_mailbox.parse_create),
    b"DELETE": Rule(AFTER_LOGIN, parse_mailbox.parse_delete),
    b"RENAME": Rule(AFTER_LOGIN, parse_mailbox.parse_rename),
    b"SUBSCRIBE": Rule(AFTER_LOGIN, parse_mailbox.parse_subscribe),
    b"UNSUBSCRIBE": Rule(AFTER_LOGIN, parse_mailbox.parse_unsubscribe),
    b"LIST": Rule(AFTER_LOGIN, parse_list.parse_list),
    b"LSUB": Rule(AFTER_LOGIN, parse_list.parse_lsub),
    b"NAMESPACE": Rule(AFTER_LOGIN, _bare(commands.Namespace)),
    b"GETMETADATA": Rule(AFTER_LOGIN, parse_sharing.parse_get_metadata),
    b"SETMETADATA": Rule(AFTER_LOGIN, parse_sharing.parse_set_metadata),
    b"SETACL": Rule(AFTER_LOGIN, parse_sharing.parse_set_acl),
    b"DELETEACL": Rule(AFTER_LOGIN, parse_sharing.parse_delete_acl),
    b"GETACL": Rule(AFTER_LOGIN, parse_sharing.parse_get_acl),
    b"LISTRIGHTS": Rule(AFTER_LOGIN, parse_sharing.parse_list_rights),
    b"MYRIGHTS": Rule(AFTER_LOGIN, parse_sharing.parse_my_rights),
    b"GETQUOTA": Rule(AFTER_LOGIN, parse_sharing.parse_get_quota),
    b"GETQUOTAROOT": Rule(AFTER_LOGIN, parse_sharing.parse_get_quota_root),
    b"SETQUOTA": Rule(AFTER_LOGIN, parse_sharing.parse_set_quota),
    b"NOTIFY": Rule(AFTER_LOGIN, parse_notify.parse_notify),
    b"STATUS": Rule(AFTER_LOGIN, parse_mailbox.parse_status),
    b"APPEND": Rule(AFTER_LOGIN, _streams),
    b"REPLACE": Rule(WITH_MAILBOX, _streams),
    b"UID REPLACE": Rule(WITH_MAILBOX, _streams),
    b"IDLE": Rule(AFTER_LOGIN, _bare(commands.Idle)),
    b"UNAUTHENTICATE": Rule(AFTER_LOGIN, _bare(commands.Unauthenticate)),
    b"UIDBATCHES": Rule(WITH_MAILBOX, parse_sync.parse_uid_batches),
    b"CHECK": Rule(WITH_MAILBOX, _bare(commands.Check)),
    b"CLOSE": Rule(WITH_MAILBOX, _bare(commands.Close)),
    b"UNSELECT": Rule(WITH_MAILBOX, _bare(commands.Unselect)),
    b"EXPUNGE": Rule(WITH_MAILBOX, parse_fetch.parse_expunge),
    b"SEARCH": Rule(WITH_MAILBOX, parse_search.parse_search),
    b"SORT": Rule(WITH_MAILBOX, parse_sort.parse_sort),
    b"THREAD": Rule(WITH_MAILBOX, parse_sort.parse_thread),
    b"ESEARCH": Rule(AFTER_LOGIN, parse_sort.parse_esearch),
    b"CANCELUPDATE": Rule(WITH_MAILBOX, parse_sort.parse_cancel_update),
    b"FETCH": Rule(WITH_MAILBOX, parse_fetch.parse_fetch),
    b"STORE": Rule(WITH_MAILBOX, parse_fetch.parse_store),
    b"COPY": Rule(WITH_MAILBOX, parse_fetch.parse_copy),
    b"MOVE": Rule(WITH_MAILBOX, parse_fetch.parse_move),
    b"UID EXPUNGE": Rule(WITH_MAILBOX, parse_fetch.parse_uid_expunge),
    b"UID SEARCH": Rule(WITH_MAILBOX, parse_search.parse_uid_search),
    b"UID SORT": Rule(WITH_MAILBOX, parse_sort.parse_uid_sort),
    b"UID THREAD": Rule(WITH_MAILBOX, parse_sort.parse_uid_thread),
    b"UID FETCH": Rule(WITH_MAILBOX, parse_fetch.parse_uid_fetch),
    b"UID STORE": Rule(WITH_MAILBOX, parse_fetch.parse_uid_store),
    b"UID COPY": Rule(WITH_MAILBOX, parse_fetch.parse_uid_copy),
    b"UID MOVE": Rule(WITH_MAILBOX, parse_fetch.parse_uid_move),
}
