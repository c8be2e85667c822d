"""The POP3 door (RFC 1939): the INBOX of an account as a maildrop.

`door` makes doors for a listener. A session holds the maildrop's lock from
login on, reads nothing but uids and sizes before it is asked for a message,
and removes what was marked when QUIT comes, and only then.
"""

from pyeonji.mra.pop3.door import Options, Pop3Door, door

__all__ = ["Options", "Pop3Door", "door"]
