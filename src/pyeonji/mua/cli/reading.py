"""list, read, save: letters on the screen and files on the disk."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pyeonji.base.clock import utc
from pyeonji.message.inspect import inspect
from pyeonji.message.scan import scan
from pyeonji.message.text import part_octets
from pyeonji.mua.agent.errors import NotFound
from pyeonji.mua.agent.files import harmless_name, write_new
from pyeonji.mua.agent.show import (
    header_lines,
    is_attachment,
    safe_line,
    structure_lines,
    text_view,
)
from pyeonji.mua.cli import boxes
from pyeonji.mua.cli import options as o
from pyeonji.mua.cli.exits import Exit
from pyeonji.mua.cli.output import (
    leave,
    print_json,
    print_text,
    reported,
    run,
    write_octets,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.message.scan import Part
    from pyeonji.mua.agent.letters import Summary

LetterId = Annotated[
    int, typer.Argument(metavar="ID", help="UID, or the number with POP3.", min=1)
]


@o.reaching("imap", "pop3")
def list_(
    access: o.Access,
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000)] = 50,
    json: o.Json = False,
) -> None:
    """List the latest letters of a folder, newest last.

    Example: pyeonji mail list --folder 받은편지함 --limit 20
    """
    print_summaries(run(_latest(access, folder, limit)), as_json=json)


async def _latest(access: o.Access, folder: str, limit: int) -> list[Summary]:
    if boxes.uses_pop3(access, folder):
        async with boxes.pop3(access) as session:
            return await session.latest(limit)
    async with boxes.imap(access, folder, read_only=True) as box:
        return await box.latest(limit)


def print_summaries(summaries: Sequence[Summary], *, as_json: bool) -> None:
    """A list of letters, as JSON or a line each."""
    if as_json:
        print_json([_as_json(one) for one in summaries])
        return
    if summaries:
        print_text("\n".join(_line(one) for one in summaries))


def _as_json(one: Summary) -> dict[str, object]:
    found = asdict(one)
    found["from"] = found.pop("from_")
    received = one.received_at
    found["received_at"] = None if received is None else utc(received).isoformat()
    return found


def _line(one: Summary) -> str:
    marks = "".join(
        mark if flag in one.flags else " "
        for flag, mark in ((r"\Flagged", "*"), (r"\Answered", "r"))
    )
    new = " " if r"\Seen" in one.flags else "N"
    when = (
        utc(one.received_at).astimezone().strftime("%Y-%m-%d %H:%M")
        if one.received_at is not None
        else one.date[:25]
    )
    columns = (when, one.from_[:40], one.subject or "(제목 없음)")
    return f"{one.id:>6} {new}{marks} " + "  ".join(safe_line(c) for c in columns)


@o.reaching("imap", "pop3")
def read(
    access: o.Access,
    letter: LetterId,
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    html: Annotated[bool, typer.Option("--html", help="Source of the HTML.")] = False,
    headers: Annotated[bool, typer.Option("--headers", help="All fields.")] = False,
    structure: Annotated[bool, typer.Option("--structure", help="The parts.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Octet for octet.")] = False,
    keep_unread: Annotated[bool, typer.Option("--keep-unread")] = False,
    json: o.Json = False,
) -> None:
    """Read a letter, and mark it as read.

    Example: pyeonji mail read 42 --headers
    """
    octets = run(boxes.fetch(access, letter, folder, seen=not keep_unread))
    if raw:
        write_octets(octets)
        return
    if json:
        print_json({"id": letter, **inspect(octets)})
        return
    root = scan(octets)
    lines = []
    if structure:
        lines = list(structure_lines(root))
    elif headers:
        lines = list(header_lines(root.header, everything=True))
    else:
        lines = [*header_lines(root.header), "", text_view(octets, root, html=html)]
        files = [part for part in root.walk() if _is_file(part)]
        if files:
            names = "; ".join(
                f"{p.path} {safe_line(p.file_name or p.type)} ({p.size_octets} octets)"
                for p in files
            )
            lines += ["", f"[첨부 / attached: {names}]"]
    print_text("\n".join(lines))


def _is_file(part: Part) -> bool:
    leaf = not part.children and part.message is None
    return is_attachment(part) and (leaf or part.message is not None)


@o.reaching("imap", "pop3")
def save(
    access: o.Access,
    letter: LetterId,
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    to: Annotated[Path, typer.Option("--to", help="Into this folder.")] = Path(),
    part: Annotated[
        str, typer.Option("--part", help="Only this one, e.g. 2.1 (see --structure).")
    ] = "",
    json: o.Json = False,
) -> None:
    """Save the attachments of a letter; nothing is overwritten.

    Example: pyeonji mail save 42 --to ~/Downloads
    """
    octets = run(boxes.fetch(access, letter, folder))
    with reported():
        saved = [_saved(octets, one, to) for one in _wanted(scan(octets), part)]
    if json:
        print_json(saved)
    else:
        print_text("\n".join(f"{one['file']}  {one['octets']}" for one in saved))


def _wanted(root: Part, path: str) -> list[Part]:
    if not path:
        return [one for one in root.walk() if _is_file(one)]
    found = [one for one in root.walk() if one.number == path and not one.children]
    if not found:
        raise NotFound(f"there is no part {path}")
    return found[:1]


def _saved(octets: bytes, part: Part, folder: Path) -> dict[str, object]:
    """Write one part under a harmless name that is free."""
    extension = ".eml" if part.message is not None else ""
    name = harmless_name(part.file_name, f"part-{part.number}{extension}")
    content = part_octets(octets, part)
    try:
        folder.mkdir(exist_ok=True)  # not what is above: that may be a mistake
        path = write_new(folder, name, content)
    except OSError as error:
        leave(Exit.CANNOT_WRITE, f"{error.filename}: {error.strerror or error}")
    return {
        "part": part.number,
        "name": part.file_name,
        "file": str(path),
        "type": part.type,
        "octets": len(content),
    }
