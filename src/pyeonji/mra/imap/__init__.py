"""The IMAP door: what a client's commands do to an account's mailboxes.

`door` makes the factory that a listener needs. `session` is what one
connection knows, `selected` its view of the selected mailbox (`uid_map` keeps
the sequence numbers), and each command or short family has a module with its
handler; `handlers` is their table. What happened in a mailbox is learnt in one
way only, by asking storage for the changes since the last look, whoever made
them.
"""

from pyeonji.mra.imap.door import ImapDoor, door
from pyeonji.mra.imap.options import Options

__all__ = ["ImapDoor", "Options", "door"]
