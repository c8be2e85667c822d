"""send: write a letter and hand it over."""

from __future__ import annotations

from typing import Annotated

import typer

from pyeonji.message.compose import (
    Address,
    BadValue,
    Composed,
    Encoding,
    Letter,
    Mailbox,
    compose,
)
from pyeonji.message.compose.replies import typed_addresses
from pyeonji.mua.agent.errors import NotConfigured
from pyeonji.mua.agent.files import read_file
from pyeonji.mua.agent.profiles import Profile
from pyeonji.mua.agent.sending import Handed, Parcel, Submission
from pyeonji.mua.cli import options as o
from pyeonji.mua.cli.exits import Exit
from pyeonji.mua.cli.output import (
    leave,
    print_json,
    progress,
    reported,
    run,
    say,
    write_octets,
)
from pyeonji.mua.cli.sent import keep_sent

Many = list[str]


def addresses(texts: Many, field: str) -> tuple[Address, ...]:
    """All addresses of an option that may be given several times."""
    return tuple(one for text in texts for one in typed_addresses(text, field))


def author(text: str, profile: Profile) -> tuple[Mailbox, ...]:
    """Who writes: --from, or the profile's address.

    Raises:
        NotConfigured: neither is there.
        BadValue: not an address.
    """
    if not text:
        if not profile.address:
            raise NotConfigured("say --from, or set address in a profile")
        return (Mailbox(address=profile.address, name=profile.name),)
    found = [one for one in typed_addresses(text, "From") if isinstance(one, Mailbox)]
    if not found:
        raise BadValue("From", "a group cannot write a letter")
    return tuple(found)


def header_pairs(texts: Many) -> tuple[tuple[str, str], ...]:
    """--header 'X-Name: value' as pairs.

    Raises:
        BadValue: no colon.
    """
    pairs = []
    for text in texts:
        name, colon, value = text.partition(":")
        if not colon:
            raise BadValue("--header", f"{text[:80]!r} is not 'Name: value'")
        pairs.append((name.strip(), value.strip(" \t")))
    return tuple(pairs)


def ids(texts: Many) -> tuple[str, ...]:
    """Message ids, with or without angle brackets, several in one text."""
    found = [one for text in texts for one in text.replace(",", " ").split()]
    return tuple(one if one.startswith("<") else f"<{one}>" for one in found)


def encoding_of(text: str) -> Encoding:
    """--encoding as a value. Raises BadValue."""
    try:
        return Encoding(text.lower())
    except ValueError as error:
        known = ", ".join(one.value for one in Encoding)
        raise BadValue("--encoding", f"{text!r} is not one of {known}") from error


def parcel_of(composed: Composed, *, require_tls: bool = False) -> Parcel:
    """A composed letter as it is handed over."""
    return Parcel(
        octets=composed.octets,
        reverse_path=composed.reverse_path,
        recipients=composed.recipients,
        eight_bit=composed.eight_bit,
        smtputf8=composed.smtputf8,
        requiretls=require_tls,
    )


async def hand_over(access: o.Access, parcel: Parcel) -> Handed:
    """Hand a letter to the profile's submission server."""
    server = access.profile.server("smtp")
    login = access.profile.login
    password = access.password("smtp") if login else ""
    session = await Submission.open(server, login, password)
    try:
        with progress("sending", len(parcel.octets)) as told:
            return await session.hand_over(parcel, told)
    finally:
        await session.close()


def send_or_show(
    access: o.Access,
    composed: Composed,
    copy: bytes,
    *,
    dry_run: bool,
    as_json: bool,
    keep: bool = True,
    require_tls: bool = False,
) -> None:
    """Print the finished octets, or send them and keep a copy in Sent."""
    if dry_run:
        write_octets(composed.octets)
        return
    parcel = parcel_of(composed, require_tls=require_tls)
    deliver(access, parcel, composed.message_id, copy if keep else b"",
            as_json=as_json)  # fmt: skip


def deliver(
    access: o.Access, parcel: Parcel, message_id: str, copy: bytes, *, as_json: bool
) -> None:
    """Hand over a finished letter, keep a copy, and say what came of it."""
    handed = run(hand_over(access, parcel))
    folder = run(keep_sent(access, copy)) if copy else ""
    if as_json:
        print_json(
            {
                "message_id": message_id,
                "accepted": list(handed.accepted),
                "refused": [
                    {"address": address, "reply": reply}
                    for address, reply in handed.refused
                ],
                "reply": handed.reply,
                "kept_in": folder or None,
            }
        )
    else:
        say(f"sent {message_id} to {', '.join(handed.accepted)}")
    if handed.refused:
        words = "; ".join(f"{address}: {reply}" for address, reply in handed.refused)
        leave(Exit.REFUSED, f"not sent to {words}")


@o.reaching("smtp", "imap")
def send(
    access: o.Access,
    from_: Annotated[str, typer.Option("--from", help="Author.")] = "",
    to: Annotated[Many, typer.Option("--to", help="Recipient.")] = [],  # noqa: B006
    cc: Annotated[Many, typer.Option("--cc", help="Copy to.")] = [],  # noqa: B006
    bcc: Annotated[Many, typer.Option("--bcc", help="Blind copy to.")] = [],  # noqa: B006
    reply_to: Annotated[Many, typer.Option("--reply-to")] = [],  # noqa: B006
    subject: Annotated[str, typer.Option("--subject", "-s")] = "",
    text: Annotated[str, typer.Option("--text", metavar="FILE|-")] = "",
    html: Annotated[str, typer.Option("--html", metavar="FILE")] = "",
    attach: Annotated[Many, typer.Option("--attach", metavar="FILE")] = [],  # noqa: B006
    inline: Annotated[
        Many,
        typer.Option(
            "--inline", metavar="FILE", help="The HTML names it cid: and its name."
        ),
    ] = [],  # noqa: B006
    in_reply_to: Annotated[Many, typer.Option("--in-reply-to", metavar="ID")] = [],  # noqa: B006
    references: Annotated[Many, typer.Option("--references", metavar="ID")] = [],  # noqa: B006
    header: Annotated[Many, typer.Option("--header", metavar="'X-Name: value'")] = [],  # noqa: B006
    charset: Annotated[str, typer.Option("--charset", help="E.g. EUC-KR.")] = "",
    encoding: Annotated[
        str,
        typer.Option("--encoding", metavar="auto|7bit|8bit|quoted-printable|base64"),
    ] = "auto",
    date: Annotated[str, typer.Option("--date", metavar="RFC3339")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the letter; send nothing.")
    ] = False,
    no_copy: Annotated[
        bool, typer.Option("--no-copy", help="Keep no copy in Sent.")
    ] = False,
    require_tls: Annotated[
        bool,
        typer.Option(
            "--require-tls", help="Verified TLS at each step, or it comes back."
        ),
    ] = False,
    json: o.Json = False,
) -> None:
    """Write a letter and send it.

    Example: pyeonji mail send --from kim@example.test --to lee@example.test
    --subject 안녕 --text letter.txt --attach photo.jpg --smtp
    mail.example.test:465 --user kim@example.test
    """
    with reported():
        access.check_inputs(text, html)
        letter = Letter(
            date=o.moment(date),
            token=o.new_token(),
            from_=author(from_, access.profile),
            to=addresses(to, "To"),
            cc=addresses(cc, "Cc"),
            bcc=addresses(bcc, "Bcc"),
            reply_to=addresses(reply_to, "Reply-To"),
            subject=subject,
            in_reply_to=ids(in_reply_to),
            references=ids(references) or ids(in_reply_to),
            headers=header_pairs(header),
            text=o.read_text(text) if text else None,
            html=o.read_text(html) if html else None,
            inline=tuple(read_file(path) for path in inline),
            attachments=tuple(read_file(path) for path in attach),
            charset=charset or access.profile.charset,
            encoding=encoding_of(encoding),
        )
        composed = compose(letter)
    send_or_show(
        access,
        composed,
        composed.octets,
        dry_run=dry_run,
        as_json=json,
        keep=not no_copy,
        require_tls=require_tls,
    )
