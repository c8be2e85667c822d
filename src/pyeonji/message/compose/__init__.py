"""Writing letters: from characters and files to octets that every server carries.

`compose(Letter(...))` is the way in; `replies` makes answers, forwards and
redirects of letters that came. Chance and time are arguments. What goes out

* is lines of CRLF, folded at 72 columns where white space allows, never over
  998 octets, in ASCII unless an address itself needs UTF-8 (RFC 6532);
* has its fields in the usual order: trace, Date, From, Subject, Sender, To,
  Cc, then others (`field_place`);
* says in us-ascii what us-ascii can say, then in the charset asked for, then
  in UTF-8; in 7 bits unless 8 are asked for;
* cannot be given a second header field through a value: CR, LF and NUL are
  errors, not characters.
"""

from pyeonji.message.compose.entities import (
    Described,
    Entity,
    external_body,
    file_entity,
    message_entity,
    multipart,
    text_entity,
    write_message,
)
from pyeonji.message.compose.errors import (
    BadValue,
    ComposeError,
    EncodingImpossible,
    MissingField,
    NotInCharset,
    UnsafeValue,
)
from pyeonji.message.compose.fields import field_place
from pyeonji.message.compose.letter import (
    Composed,
    File,
    Letter,
    compose,
    new_message_id,
)
from pyeonji.message.compose.mailboxes import Address, Group, Mailbox, wire_address
from pyeonji.message.compose.transfer import Encoding

__all__ = [
    "Address",
    "BadValue",
    "ComposeError",
    "Composed",
    "Described",
    "Encoding",
    "EncodingImpossible",
    "Entity",
    "File",
    "Group",
    "Letter",
    "Mailbox",
    "MissingField",
    "NotInCharset",
    "UnsafeValue",
    "compose",
    "external_body",
    "field_place",
    "file_entity",
    "message_entity",
    "multipart",
    "new_message_id",
    "text_entity",
    "wire_address",
    "write_message",
]
