"""inspect: how we read a message."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from pyeonji.message.inspect import inspect as inspected
from pyeonji.mua.agent.show import safe_line
from pyeonji.mua.cli import options as o
from pyeonji.mua.cli.output import print_json, print_text, reported


def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE|-")],
    json: o.Json = False,
) -> None:
    """Show how a message is read: header, parts, and what is wrong with it.

    Example: pyeonji mail inspect letter.eml --json
    """
    with reported():
        found = inspected(o.read_octets(file))
    if json:
        print_json(found)
    else:
        print_text("\n".join(_readable(found)))


def _readable(found: dict[str, Any]) -> list[str]:
    lines = [f"{h['name']}: {safe_line(h['decoded'])}" for h in found["headers"]]
    lines.append("")
    for part in found["parts"]:
        charset = f" {part['charset_used']}" if part["charset_used"] else ""
        name = f"  {safe_line(part['filename'])}" if part["filename"] else ""
        lines.append(
            f"{part['path']}  {part['type']}{charset}  {part['encoding']}  "
            f"{part['octets']} octets at {part['offset']}{name}"
        )
    if found["defects"]:
        lines += ["", "Defects:"]
        lines += [f"  {d['where'] or '·'}: {d['what']}" for d in found["defects"]]
    return lines
