"""POP3 without input or output (RFC 1939, 2449, 2595, 5034, 3206, 6856).

`ServerMachine` reads commands strictly, refuses what its table of states does
not allow, and answers by itself whatever needs no maildrop (CAPA, NOOP, USER,
LANG, UTF8). What remains becomes an event: a login, or a question about the
maildrop. `ClientMachine` is the other side: it writes commands, also many at
once, and turns replies into events, message bodies in chunks.

Neither knows what a maildrop is made of. Start at `state` (what may happen
when), then `server` or `client`.
"""

from pyeonji.protocol.pop3.client import ClientMachine
from pyeonji.protocol.pop3.server import Offer, ServerMachine
from pyeonji.protocol.pop3.state import State, Verb
from pyeonji.protocol.pop3.texts import Text

__all__ = ["ClientMachine", "Offer", "ServerMachine", "State", "Text", "Verb"]
