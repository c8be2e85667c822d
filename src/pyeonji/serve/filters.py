"""Policy and the hooks of one worker, made from its settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyeonji.mta.hooks.milter import Milter
from pyeonji.mta.hooks.milter_link import Links
from pyeonji.mta.hooks.python import PythonHook, load
from pyeonji.mta.hooks.rspamd import Rspamd
from pyeonji.mta.receive.judging import Judge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.base.clock import Clock
    from pyeonji.mta.alarms import Alarms
    from pyeonji.mta.hooks.session import Hook
    from pyeonji.mta.receive.asking import Ask
    from pyeonji.serve.configuration import Configuration
    from pyeonji.storage.habits import HabitStore
    from pyeonji.storage.strangers import Strangers


def make_judge(
    configuration: Configuration,
    clock: Clock,
    ask: Ask,
    python: Sequence[PythonHook] = (),
    strangers: Strangers | None = None,
    alarms: Alarms | None = None,
    habits: HabitStore | None = None,
) -> Judge:
    """Policy of one worker, with the hooks that the operator wants."""
    hooks: list[Hook] = []
    if configuration.rspamd is not None:
        hooks.append(Rspamd(configuration.rspamd))
    hooks += [Milter(Links(each)) for each in configuration.milters]
    hooks += python
    return Judge(
        configuration.policy,
        clock=clock,
        ask=ask,
        hooks=hooks,
        strangers=strangers,
        alarms=alarms,
        habits=habits,
    )


def load_hooks(configuration: Configuration) -> list[PythonHook]:
    """The operator's own Python.

    Raises:
        HookRefused: one of them cannot be used.
    """
    return [PythonHook(each, load(each)) for each in configuration.hooks]
