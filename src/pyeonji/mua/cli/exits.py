"""Exit codes of `pyeonji mail`, as sysexits(3) numbers them.

0   done
1   nothing found (search without a result)
2   the command line makes no sense
65  the data is wrong: an address, a header, a charset, an encoding
66  an input file, letter, folder or part does not exist
69  the server cannot be reached, or TLS fails
74  an output file cannot be written
75  the server says: try later
76  the server broke the protocol
77  the server does not take name and secret, or refuses
78  something is not configured
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from pyeonji.base.errors import PyeonjiError, TemporaryError
from pyeonji.message.compose import ComposeError
from pyeonji.mua.agent.errors import (
    AgentError,
    LoginRefused,
    NotConfigured,
    NotFound,
    NothingRead,
    ServerRefused,
    TryLater,
)
from pyeonji.net.errors import NoSuchName, TlsFailed, Unreachable


class Exit(IntEnum):
    """How a command ended."""

    OK = 0
    NOTHING = 1
    USAGE = 2
    DATA = 65
    NO_INPUT = 66
    UNAVAILABLE = 69
    CANNOT_WRITE = 74
    TRY_LATER = 75
    PROTOCOL = 76
    REFUSED = 77
    NOT_CONFIGURED = 78


_OF_ERROR: Final[tuple[tuple[type[PyeonjiError], Exit], ...]] = (
    (ComposeError, Exit.DATA),
    (NotConfigured, Exit.NOT_CONFIGURED),
    (LoginRefused, Exit.REFUSED),
    (ServerRefused, Exit.REFUSED),
    (NotFound, Exit.NO_INPUT),
    (NothingRead, Exit.NO_INPUT),
    (AgentError, Exit.DATA),
    (TlsFailed, Exit.UNAVAILABLE),
    (Unreachable, Exit.UNAVAILABLE),
    (NoSuchName, Exit.UNAVAILABLE),
    (TryLater, Exit.TRY_LATER),
    (TemporaryError, Exit.TRY_LATER),
    (PyeonjiError, Exit.PROTOCOL),
)


def exit_of(error: PyeonjiError) -> Exit:
    """The exit code for an error."""
    return next(code for kind, code in _OF_ERROR if isinstance(error, kind))
