"""reply, forward, redirect: letters made of letters."""

from __future__ import annotations

from typing import Annotated

import typer

from pyeonji.message.compose import Described, Entity, File, Letter, Mailbox, compose
from pyeonji.message.compose.letter import as_message_entity
from pyeonji.message.compose.replies import (
    answer,
    forward_subject,
    forwarded,
    header_of,
    quoted,
    thread_of,
    without_delivery,
)
from pyeonji.message.compose.replies import (
    redirect as redirected,
)
from pyeonji.mua.agent.files import read_file
from pyeonji.mua.agent.sending import Parcel
from pyeonji.mua.agent.show import text_view
from pyeonji.mua.cli import boxes
from pyeonji.mua.cli import options as o
from pyeonji.mua.cli.output import reported, run, write_octets
from pyeonji.mua.cli.reading import LetterId
from pyeonji.mua.cli.sending import Many, addresses, author, deliver, send_or_show

Text = Annotated[
    str, typer.Option("--text", metavar="FILE|-", help="What you write yourself.")
]
From = Annotated[str, typer.Option("--from", help="Author; else the profile's.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print it; send nothing.")]


@o.reaching("smtp", "imap", "pop3")
def reply(
    access: o.Access,
    letter: LetterId,
    text: Text = "",
    everyone: Annotated[bool, typer.Option("--all", help="To and Cc too.")] = False,
    no_quote: Annotated[bool, typer.Option("--no-quote")] = False,
    attach: Annotated[Many, typer.Option("--attach", metavar="FILE")] = [],  # noqa: B006
    from_: From = "",
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    date: Annotated[str, typer.Option("--date", metavar="RFC3339")] = "",
    dry_run: DryRun = False,
    json: o.Json = False,
) -> None:
    """Answer a letter, quoting it.

    Example: echo 네 | pyeonji mail reply 42 --text - --all
    """
    with reported():
        access.check_inputs(text)
        ourselves = author(from_, access.profile)
    octets = run(boxes.fetch(access, letter, folder))
    with reported():
        header = header_of(octets)
        whom = answer(
            header, ourselves=[one.address for one in ourselves], everyone=everyone
        )
        body = o.read_text(text) if text else ""
        if not no_quote:
            quote = quoted(
                text_view(octets), header.text(b"from"), header.text(b"date")
            )
            body = f"{body}\n{quote}" if body else quote
        composed = compose(
            Letter(
                date=o.moment(date),
                token=o.new_token(),
                from_=ourselves,
                to=whom.to,
                cc=whom.cc,
                subject=whom.subject,
                in_reply_to=whom.in_reply_to,
                references=whom.references,
                text=body,
                attachments=tuple(read_file(path) for path in attach),
                charset=access.profile.charset,
            )
        )
    send_or_show(access, composed, composed.octets, dry_run=dry_run, as_json=json)


@o.reaching("smtp", "imap", "pop3")
def forward(
    access: o.Access,
    letter: LetterId,
    to: Annotated[Many, typer.Option("--to", help="Recipient.")],
    cc: Annotated[Many, typer.Option("--cc")] = [],  # noqa: B006
    text: Text = "",
    inline: Annotated[
        bool, typer.Option("--inline", help="Its text in ours, not attached.")
    ] = False,
    from_: From = "",
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    date: Annotated[str, typer.Option("--date", metavar="RFC3339")] = "",
    dry_run: DryRun = False,
    json: o.Json = False,
) -> None:
    """Forward a letter, whole as message/rfc822 or its text within ours.

    Example: pyeonji mail forward 42 --to lee@example.test
    """
    with reported():
        access.check_inputs(text)
        ourselves = author(from_, access.profile)
        recipients = addresses(to, "To")
        copies = addresses(cc, "Cc")
    octets = run(boxes.fetch(access, letter, folder))
    with reported():
        header = header_of(octets)
        body = o.read_text(text) if text else ""
        parts: tuple[Entity, ...] = ()
        files: tuple[File, ...] = ()
        if inline:
            body = f"{body}\n{forwarded(text_view(octets), header)}"
        else:
            whole = without_delivery(octets)
            entity = as_message_entity(whole, Described(disposition="attachment"))
            if entity is not None:
                parts = (entity,)
            else:
                files = (File(name="forwarded.eml", content=whole),)
        composed = compose(
            Letter(
                date=o.moment(date),
                token=o.new_token(),
                from_=ourselves,
                to=recipients,
                cc=copies,
                subject=forward_subject(header.text(b"subject")),
                references=thread_of(header)[1],
                text=body,
                attachments=files,
                parts=parts,
                charset=access.profile.charset,
            )
        )
    send_or_show(access, composed, composed.octets, dry_run=dry_run, as_json=json)


@o.reaching("smtp", "imap", "pop3")
def redirect(
    access: o.Access,
    letter: LetterId,
    to: Annotated[Many, typer.Option("--to", help="Recipient.")],
    cc: Annotated[Many, typer.Option("--cc")] = [],  # noqa: B006
    bcc: Annotated[Many, typer.Option("--bcc")] = [],  # noqa: B006
    from_: From = "",
    folder: o.Folder = boxes.DEFAULT_FOLDER,
    date: Annotated[str, typer.Option("--date", metavar="RFC3339")] = "",
    dry_run: DryRun = False,
    json: o.Json = False,
) -> None:
    """Send a letter on as it is, with a Resent block on top (RFC 5322 §3.6.6).

    Example: pyeonji mail redirect 42 --to lee@example.test
    """
    with reported():
        ourselves: Mailbox = author(from_, access.profile)[0]
        resent = ((to, "Resent-To"), (cc, "Resent-Cc"), (bcc, "Resent-Bcc"))
        whom = [addresses(texts, name) for texts, name in resent]
    octets = run(boxes.fetch(access, letter, folder))
    with reported():
        made = redirected(
            octets,
            resent_from=ourselves,
            to=whom[0],
            cc=whom[1],
            bcc=whom[2],
            date=o.moment(date),
            token=o.new_token(),
        )
    if dry_run:
        write_octets(made.octets)
        return
    parcel = Parcel(
        octets=made.octets,
        reverse_path=made.reverse_path,
        recipients=made.recipients,
        eight_bit=made.eight_bit,
        smtputf8=made.smtputf8,
    )
    deliver(access, parcel, made.message_id, b"", as_json=json)
