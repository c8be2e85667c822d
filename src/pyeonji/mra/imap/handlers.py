"""Which handler answers which event: the table of this door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyeonji.mra.imap import (
    acl,
    append,
    batches,
    catenate,
    compress,
    contexts,
    copy,
    fetch,
    general,
    idle,
    listing,
    login,
    mailboxes,
    metadata,
    multisearch,
    notify,
    quota,
    search,
    select,
    sort,
    status,
    store,
    thread,
)
from pyeonji.protocol.imap import commands

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pyeonji.mra.imap.session import Session

    Handler = Callable[[Session, Any], Awaitable[None]]

HANDLERS: Final[dict[type, Handler]] = {
    commands.Capability: general.capability,
    commands.Noop: general.noop,
    commands.Check: general.noop,
    commands.Logout: general.logout,
    commands.Id: general.identify,
    commands.Enable: general.enable,
    commands.Unauthenticate: general.unauthenticate,
    commands.UidBatches: batches.uid_batches,
    commands.Compress: compress.compress,
    commands.Namespace: general.namespace,
    commands.Refused: general.refused,
    commands.StartTls: login.start_tls,
    commands.Login: login.login,
    commands.Authenticate: login.authenticate,
    commands.SaslResponse: login.sasl_response,
    commands.Select: select.select,
    commands.Close: select.close,
    commands.Unselect: select.unselect,
    commands.Expunge: select.expunge,
    commands.Create: mailboxes.create,
    commands.Delete: mailboxes.delete,
    commands.Rename: mailboxes.rename,
    commands.Subscribe: mailboxes.subscribe,
    commands.Status: status.status,
    commands.List: listing.list_mailboxes,
    commands.GetMetadata: metadata.get_metadata,
    commands.SetMetadata: metadata.set_metadata,
    commands.SetAcl: acl.set_acl,
    commands.DeleteAcl: acl.delete_acl,
    commands.GetAcl: acl.get_acl,
    commands.ListRights: acl.list_rights,
    commands.MyRights: acl.my_rights,
    commands.GetQuota: quota.get_quota,
    commands.GetQuotaRoot: quota.get_quota_root,
    commands.SetQuota: quota.set_quota,
    commands.Notify: notify.notify,
    commands.Append: append.append,
    commands.MessageChunk: append.message_chunk,
    commands.AppendEnded: append.append_ended,
    commands.MessageBegun: append.message_begun,
    commands.TextPart: catenate.text_part,
    commands.UrlPart: catenate.url_part,
    commands.Idle: idle.idle,
    commands.IdleEnded: idle.idle_ended,
    commands.Search: search.search,
    commands.Sort: sort.sort,
    commands.Thread: thread.thread,
    commands.MultiSearch: multisearch.multi_search,
    commands.CancelUpdate: contexts.cancel_update,
    commands.Fetch: fetch.fetch,
    commands.Store: store.store,
    commands.Copy: copy.copy,
}
