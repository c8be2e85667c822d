"""Addresses as an operator types them."""

from __future__ import annotations

from pyeonji.base.errors import PermanentError
from pyeonji.protocol.smtp.paths import mailbox


class NoAddress(PermanentError):
    """What was typed can't be an address; nothing was changed."""


def whole_address(text: str) -> str:
    """The address, local part and domain, as SMTP could say it.

    Raises:
        NoAddress: no letter could ever be sent to that.
    """
    try:
        found = mailbox(text.encode(), utf8=True)
    except UnicodeEncodeError:  # octets of the command line that are no text
        found = None
    if found is None or text.startswith("@"):
        raise NoAddress(f"{text!r} is no address such as kim@example.org")
    return found
