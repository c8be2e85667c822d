"""`pyeonji mail`: the mail client, and what mail authentication says of a letter."""

from __future__ import annotations

from pyeonji.mua.cli import COMMANDS, app
from pyeonji.mua.commandset import Command

COMMANDS["verify"] = Command("pyeonji.serve.commands.letters:verify", panel="Reading")

__all__ = ["app"]
