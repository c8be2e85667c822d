"""Commands whose modules are imported when they are typed: each start pays its own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_group

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Command:
    """Where a command stands: a function, or a `typer.Typer` with commands below it."""

    at: str
    """MODULE:NAME."""

    example: str = ""
    panel: str | None = None
    """Under which heading --help has it."""


class CommandSet(TyperGroup):
    """Commands of one level; `known` says which there are, in the order of --help."""

    known: ClassVar[Mapping[str, Command]] = {}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - its interface
        """Their names."""
        return list(self.known)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - its interface
        """The command of that name, made now; None: there is none."""
        if cmd_name in self.known and cmd_name not in self.commands:
            self.commands[cmd_name] = _made(cmd_name, self.known[cmd_name])
        return self.commands.get(cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the words name; a similar one is proposed for none."""
        if args[0] not in self.known:
            for name in self.known:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


def _made(name: str, command: Command) -> Any:
    module, _, attribute = command.at.partition(":")
    meant = getattr(import_module(module), attribute)
    alone = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)
    if isinstance(meant, typer.Typer):
        alone.add_typer(meant, name=name)
    else:
        epilog = f"Example: `{command.example}`" if command.example else None
        alone.command(name, epilog=epilog, rich_help_panel=command.panel)(meant)
    return get_group(alone).commands[name]
