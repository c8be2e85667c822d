"""What can go wrong in an IMAP client's machine.

PyeonjiError
  RemoteProtocolError    the server broke the rules, or a limit of ours
  UnsafeArgument         an argument that cannot be written safely
  LocalProtocolError     the caller did what the session does not allow
"""

from __future__ import annotations

from pyeonji.base.errors import PyeonjiError


class RemoteProtocolError(PyeonjiError):
    """The server said what no client can follow; the session is over."""


class UnsafeArgument(PyeonjiError):
    """An argument with CR, LF or NUL, or none of its grammar; nothing was sent."""


class LocalProtocolError(PyeonjiError):
    """A call that the state of the session does not allow."""
