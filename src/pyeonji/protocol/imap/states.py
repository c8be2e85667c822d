"""The four states of a connection, and how it moves (RFC 3501 §3)."""

from __future__ import annotations

from enum import Enum
from typing import Final


class State(Enum):
    """Where a connection stands."""

    NOT_AUTHENTICATED = "not authenticated"
    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    LOGOUT = "logout"


class Step(Enum):
    """What moves it; said by the session when it has happened."""

    AUTHENTICATED = "authenticated"
    SELECTED = "selected"
    UNSELECTED = "unselected"
    LOGGED_OUT = "logged out"
    UNAUTHENTICATED = "unauthenticated"  # RFC 8437 §5


ANY: Final = frozenset({State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED})
BEFORE_LOGIN: Final = frozenset({State.NOT_AUTHENTICATED})
AFTER_LOGIN: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
WITH_MAILBOX: Final = frozenset({State.SELECTED})

NEXT: Final[dict[tuple[State, Step], State]] = {
    (State.NOT_AUTHENTICATED, Step.AUTHENTICATED): State.AUTHENTICATED,
    (State.AUTHENTICATED, Step.SELECTED): State.SELECTED,
    (State.SELECTED, Step.SELECTED): State.SELECTED,
    (State.AUTHENTICATED, Step.UNSELECTED): State.AUTHENTICATED,
    (State.SELECTED, Step.UNSELECTED): State.AUTHENTICATED,
    (State.AUTHENTICATED, Step.UNAUTHENTICATED): State.NOT_AUTHENTICATED,
    (State.SELECTED, Step.UNAUTHENTICATED): State.NOT_AUTHENTICATED,
    (State.NOT_AUTHENTICATED, Step.LOGGED_OUT): State.LOGOUT,
    (State.AUTHENTICATED, Step.LOGGED_OUT): State.LOGOUT,
    (State.SELECTED, Step.LOGGED_OUT): State.LOGOUT,
    (State.LOGOUT, Step.LOGGED_OUT): State.LOGOUT,
}
