"""The engine that needs no server: SQLite files below one folder.

    directory.db            domains, accounts, aliases, credentials
    queue/<worker>.db       letters on their way; queue/<worker>/ the large ones
    accounts/<id>/mail.db   an account's mailboxes; blobs/ its large messages
    run/w<worker>.sock      notices from the other worker processes
    secret.key              seals passwords that must be kept as such

It never says "stable" before a sync has returned, and takes nothing for
granted after a sync has failed. Reads run on the loop; writes run in threads,
together with all others that wait for the same file. Start at `open_store`;
`accountfile` shows how writing works, `mail_schema` what is written.
"""

from pyeonji.storage.embedded.store import Store, open_store

__all__ = ["Store", "open_store"]
