"""Where letters rest: directory, queue, mailboxes, blobs, change notices.

Stations meet only through what this package keeps. Its vocabulary is its own:
ids, uids, flags and plain query values go in and out, never a wire type of a
protocol. `embedded` is the engine that needs no server (SQLite files below one
folder); a distributed one can stand behind the same Protocols, so everything
here is `async`, though the embedded engine answers small reads at once.

The rule of every write: when an awaited call that says "stable" returns, the
thing is on stable storage and the peer may be told so. `deliver` is the one
exception: it returns when the letter can be seen, and `sync` makes it stable.

Start at `mailboxes` (what a mailbox is), `queue` (a letter on its way) and
`directory` (who exists).
"""
