"""What can go wrong for somebody who uses mail.

PermanentError
AgentError
NotConfigured     no server, address or secret is known for what was asked
LoginRefused      the server does not take the name and secret
ServerRefused     the server says no; its words are in the error
NotFound          no such letter, folder or part
NothingRead       an input file cannot be read
TemporaryError
TryLater            the server says: not now
"""

from __future__ import annotations

from pyeonji.base.errors import PermanentError, TemporaryError


class AgentError(PermanentError):
    """A wish that cannot be met as it stands."""


class NotConfigured(AgentError):
    """Something has to be said in the profile or on the command line."""


class LoginRefused(AgentError):
    """Name or secret is wrong, or no way of saying it is safe enough."""


class ServerRefused(AgentError):
    """The server says no, and will say so again."""


class NotFound(AgentError):
    """No such letter, folder or part."""


class NothingRead(AgentError):
    """A file that is to be sent or inspected cannot be read."""


class TryLater(TemporaryError):
    """The server cannot just now."""
