"""move, delete, flag, search, folders, watch: letters in their folders."""

from __future__ import annotations

import re
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pyeonji.message.compose import BadValue
from pyeonji.mua.agent.show import safe_line
from pyeonji.mua.cli import boxes
from pyeonji.mua.cli import options as o
from pyeonji.mua.cli.exits import Exit
from pyeonji.mua.cli.output import print_json, print_text, reported, run, say
from pyeonji.mua.cli.reading import print_summaries

if TYPE_CHECKING:
    from pyeonji.mua.agent.imap import ImapSession
    from pyeonji.mua.agent.letters import FolderInfo, Summary
    from pyeonji.protocol.imap.client.commands import Key

Ids = Annotated[list[int], typer.Argument(metavar="ID…", min=1)]

_FLAGS: Final = {
    "seen": r"\Seen",
    "answered": r"\Answered",
    "flagged": r"\Flagged",
    "deleted": r"\Deleted",
    "draft": r"\Draft",
}
_KEYWORD: Final = re.compile(r"[A-Za-z0-9$_.:-]{1,100}")


def flag_name(text: str) -> str:
    r"""A flag as IMAP writes it: seen is \Seen, others are keywords.

    Raises:
        BadValue: it can be no flag.
    """
    known = _FLAGS.get(text.lower().removeprefix("\\"))
    if known is not None:
        return known
    if not _KEYWORD.fullmatch(text):
        raise BadValue("flag", f"{text[:80]!r} is not a flag")
    return text


@o.reaching("imap")
def move(
    access: o.Access,
    ids: Ids,
    to: Annotated[str, typer.Option("--to", help="The other folder.")],
    create: Annotated[
        bool, typer.Option("--create", help="Make the other folder if it is missing.")
    ] = False,
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    json: o.Json = False,
) -> None:
    """Move letters to another folder.

    Example: pyeonji mail move 42 43 --to 보관함 --create
    """

    async def work() -> list[int]:
        async with boxes.imap(access, folder) as box:
            found = await _existing(box, ids)
            if found:
                await box.move(found, to, create=create)
            return found

    _tell("moved", ids, run(work()), as_json=json)


async def _existing(box: ImapSession, ids: list[int]) -> list[int]:
    return [one.id for one in await box.summaries(sorted(set(ids)))]


def _tell(what: str, asked: list[int], done: list[int], *, as_json: bool) -> None:
    missing = sorted(set(asked) - set(done))
    if as_json:
        print_json({what: done, "missing": missing})
    else:
        say(f"{what}: {' '.join(map(str, done)) or '-'}")
    if missing:
        say(f"there is no letter {' '.join(map(str, missing))}")
        raise typer.Exit(Exit.NO_INPUT)


@o.reaching("imap", "pop3")
def delete(
    access: o.Access,
    ids: Ids,
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    json: o.Json = False,
) -> None:
    """Delete letters for good.

    Example: pyeonji mail delete 42
    """

    async def work() -> list[int]:
        if boxes.uses_pop3(access, folder):
            async with boxes.pop3(access) as session:
                await session.delete(sorted(set(ids)))
            return sorted(set(ids))
        async with boxes.imap(access, folder) as box:
            found = await _existing(box, ids)
            if found and not await box.delete(found):
                say("the server can only mark letters as deleted (no UIDPLUS)")
            return found

    _tell("deleted", ids, run(work()), as_json=json)


@o.reaching("imap")
def flag(
    access: o.Access,
    ids: Ids,
    add: Annotated[list[str], typer.Option("--add", "-a")] = [],  # noqa: B006
    remove: Annotated[list[str], typer.Option("--remove", "-r")] = [],  # noqa: B006
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    json: o.Json = False,
) -> None:
    """Set or take away flags: seen, answered, flagged, draft, or any keyword.

    Example: pyeonji mail flag 42 --add flagged --remove seen
    """
    with reported():
        if not (add or remove):
            raise BadValue("flag", "say --add or --remove")
        changes = [
            (sign, [flag_name(text) for text in texts])
            for sign, texts in (("+", add), ("-", remove))
            if texts
        ]

    async def work() -> list[int]:
        async with boxes.imap(access, folder) as box:
            found = await _existing(box, ids)
            for sign, names in changes if found else []:
                await box.flag(found, sign, names)
            return found

    _tell("flagged", ids, run(work()), as_json=json)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadValue("date", f"{text!r} is not YYYY-MM-DD") from error


@o.reaching("imap")
def search(
    access: o.Access,
    words: Annotated[list[str], typer.Argument(metavar="[TEXT…]")] = [],  # noqa: B006
    from_: Annotated[str, typer.Option("--from")] = "",
    to: Annotated[str, typer.Option("--to")] = "",
    subject: Annotated[str, typer.Option("--subject")] = "",
    body: Annotated[str, typer.Option("--body")] = "",
    since: Annotated[str, typer.Option("--since", metavar="YYYY-MM-DD")] = "",
    before: Annotated[str, typer.Option("--before", metavar="YYYY-MM-DD")] = "",
    unseen: Annotated[bool, typer.Option("--unseen")] = False,
    flagged: Annotated[bool, typer.Option("--flagged")] = False,
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    json: o.Json = False,
) -> None:
    """Find letters in which all of this is true; exit code 1 if there is none.

    Example: pyeonji mail search 회의 --from kim --since 2026-11-01
    """
    with reported():
        keys: list[Key] = [("TEXT", word) for word in words]
        for name, text in (
            ("FROM", from_),
            ("TO", to),
            ("SUBJECT", subject),
            ("BODY", body),
        ):
            if text:
                keys.append((name, text))
        if since:
            keys.append(("SINCE", _day(since)))
        if before:
            keys.append(("BEFORE", _day(before)))
        keys += ["UNSEEN"] * unseen + ["FLAGGED"] * flagged

    async def work() -> list[Summary]:
        async with boxes.imap(access, folder, read_only=True) as box:
            return await box.summaries(await box.search(*keys))

    found = run(work())
    print_summaries(found, as_json=json)
    if not found:
        raise typer.Exit(Exit.NOTHING)


@o.reaching("imap")
def folders(
    access: o.Access,
    counts: Annotated[bool, typer.Option("--counts", help="Letters in each.")] = False,
    json: o.Json = False,
) -> None:
    """List the folders.

    Example: pyeonji mail folders --counts
    """

    async def work() -> list[FolderInfo]:
        async with boxes.imap(access) as box:
            return await box.folders(counters=counts)

    found = run(work())
    if json:
        print_json([asdict(one) for one in found])
    else:
        print_text("\n".join(_folder_line(one) for one in found))


def _folder_line(one: FolderInfo) -> str:
    counters = one.counters
    counted = (
        f"{counters.get('UNSEEN', 0):>6} / {counters.get('MESSAGES', 0):<6} "
        if counters
        else ""
    )
    return counted + safe_line(one.name)


@o.reaching("imap")
def watch(
    access: o.Access,
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    count: Annotated[
        int, typer.Option("--count", help="End after so many news; 0: never.", min=0)
    ] = 0,
    json: o.Json = False,
) -> None:
    """Tell what happens in a folder, as it happens (IMAP IDLE).

    Example: pyeonji mail watch --json
    """

    async def work() -> None:
        async with boxes.imap(access, folder, read_only=True) as box:
            told = 0
            say(f"watching {folder}")
            async for news in box.watch():
                if json:
                    print_json(asdict(news))
                else:
                    print_text(f"{news.what} {news.number} {' '.join(news.flags)}")
                told += 1
                if told == count:
                    return

    run(work())
