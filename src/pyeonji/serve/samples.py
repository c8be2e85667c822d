"""What `pyeonji dev` furnishes a new system with: a domain, accounts, letters."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Final

from pyeonji.base.clock import utc
from pyeonji.message.compose import File, Letter, Mailbox, compose
from pyeonji.message.prepare import prepare
from pyeonji.mta.signing.keys import KEY_TYPES
from pyeonji.serve.commands.dkim import new_keys
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Alias, Domain
from pyeonji.storage.embedded import open_store
from pyeonji.storage.mailboxes import FLAGGED, NewMessage

if TYPE_CHECKING:
    from pyeonji.serve.configuration import Configuration

DOMAIN: Final = "example.test"
PASSWORD: Final = "letter"  # noqa: S105 - shown to everyone, on loopback only
ACCOUNTS: Final = (("kim", "김민준"), ("lee", "이서연"))

WELCOME: Final = """\
안녕하세요.

편지(Pyeonji)가 이 컴퓨터에서 돌아가고 있습니다. 이 편지는 IMAP, POP3 어느 쪽으로도
읽을 수 있고, 답장을 쓰면 바로 상대방의 받은편지함에 도착합니다.

보낸 편지가 어디에 있는지 궁금하면 `pyeonji trace 주소`를 입력해 보세요.
"""

MINUTES: Final = """\
Hello,

the minutes of this week's meeting are attached. The file name is Korean on
purpose: it must look right in every program.

Best wishes
"""


async def furnish(configuration: Configuration) -> None:
    """Make the sample domain, its accounts and a few letters."""
    store = await open_store(configuration.data)
    try:
        await store.directory.add_domain(Domain(name=DOMAIN))
        await new_keys(store, DOMAIN, KEY_TYPES)
        people = []
        for local, name in ACCOUNTS:
            credentials = make_credentials(PASSWORD, sealer=store.sealer)
            account = await store.directory.add_account(
                f"{local}@{DOMAIN}", credentials, name=name
            )
            people.append((account.id, Mailbox(name=name, address=account.address)))
        await store.directory.add_alias(
            Alias(
                address=f"everyone@{DOMAIN}",
                targets=tuple(f"{local}@{DOMAIN}" for local, _ in ACCOUNTS),
            )
        )
        (kim_id, kim), (lee_id, lee) = people
        now = int(time.time())
        letters = [
            (
                kim_id,
                letter(lee, kim, "편지에 오신 것을 환영합니다", WELCOME, now - 60),
                0,
            ),
            (
                lee_id,
                letter(kim, lee, "편지에 오신 것을 환영합니다", WELCOME, now - 60),
                0,
            ),
            (lee_id, with_file(kim, lee, now - 7200), FLAGGED),
        ]
        for account_id, octets, flags in letters:
            mailboxes = await store.mail.account(account_id)
            inbox = await mailboxes.mailbox("INBOX")
            message = NewMessage(
                content=octets,
                prepared=prepare(octets),
                flags=flags,
                internal_date=now,
            )
            await mailboxes.append(inbox.id, [message])
    finally:
        await store.close()


def letter(author: Mailbox, reader: Mailbox, subject: str, text: str, at: int) -> bytes:
    """A plain letter, as the composer writes it."""
    return compose(
        Letter(
            date=utc(at),
            token=secrets.token_hex(16),
            from_=(author,),
            to=(reader,),
            subject=subject,
            text=text,
        )
    ).octets


def with_file(author: Mailbox, reader: Mailbox, at: int) -> bytes:
    """A letter with an attachment that has a Korean name."""
    minutes = "1. 인사\n2. 편지 시스템 소개\n3. 다음 회의: 월요일 오전 10시\n"
    return compose(
        Letter(
            date=utc(at),
            token=secrets.token_hex(16),
            from_=(author,),
            to=(reader,),
            subject="Minutes of the weekly meeting / 주간 회의록",
            text=MINUTES,
            attachments=(
                File(
                    name="주간 회의록.txt",
                    content=minutes.encode(),
                    media_type="text/plain",
                    charset="utf-8",
                ),
            ),
        )
    ).octets
