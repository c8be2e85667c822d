"""A coroutine that is begun now and awaited later, without a task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

T = TypeVar("T")


class Started(Generic[T]):
    """Runs a coroutine up to its first wait at once; `await` gives the result.

    What is done between overlaps with what the coroutine waits for: a letter
    is parsed while its commit is on the way to the disk. Must be awaited.
    """

    __slots__ = ("_awaited", "_ended", "_value", "_work")

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        """Begin.

        Raises:
            Whatever the coroutine raises before its first wait.
        """
        self._work = work
        self._value: T | None = None
        self._awaited: Any = None
        self._ended = False
        try:
            self._awaited = work.send(None)
        except StopIteration as stop:
            self._value = stop.value
            self._ended = True

    def __await__(self) -> Generator[Any, Any, T]:
        """Run the rest."""
        if self._ended:
            return self._value  # type: ignore[return-value]
        awaited = self._awaited
        while True:
            try:
                sent = yield awaited
            except BaseException as error:  # noqa: BLE001 - handed on, cancellation too
                try:
                    awaited = self._work.throw(error)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
            else:
                try:
                    awaited = self._work.send(sent)
                except StopIteration as stop:
                    return stop.value  # type: ignore[no-any-return]
