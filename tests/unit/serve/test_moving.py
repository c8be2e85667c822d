"""Mail of other systems comes in with its folders, flags and dates, and goes out."""

from __future__ import annotations

import asyncio
import mailbox as python_mailbox
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pyeonji.serve.cli import app
from pyeonji.serve.mail_folders import Found, NoMailThere, read_mail, read_mbox
from pyeonji.storage.credentials import make_credentials
from pyeonji.storage.directory import Domain
from pyeonji.storage.embedded import open_store
from pyeonji.storage.entries import ANSWERED, DRAFT, FLAGGED, SEEN

if TYPE_CHECKING:
    from typer.testing import Result

LETTER = b"From: kim@example.test\nSubject: %b\n\nhello\n"


def maildir(root: Path) -> None:
    """As Dovecot leaves it: Maildir++, keywords, a stray link and a control file."""
    for folder in (".", ".Sent", ".&vPStAA-.2025"):
        for below in ("cur", "new", "tmp"):
            (root / folder / below).mkdir(parents=True)
    (root / "dovecot-keywords").write_text("0 $Forwarded\n1 bad keyword\n99 x\n")
    (root / "cur" / "1.a.host,S=9:2,FSa").write_bytes(LETTER % b"one")
    (root / "new" / "2.b.host").write_bytes(LETTER % b"two")
    (root / "tmp" / "3.c.host").write_bytes(LETTER % b"half written")
    (root / ".Sent" / "cur" / "4.d.host:2,RS").write_bytes(LETTER % b"three")
    (root / ".&vPStAA-.2025" / "cur" / "5.e:2,D").write_bytes(LETTER % b"four")
    (root / "cur" / "6.link:2,").symlink_to("/etc/hostname")
    os.utime(root / "cur" / "1.a.host,S=9:2,FSa", (1_600_000_000, 1_600_000_000))


def test_a_maildir_with_folders(tmp_path: Path) -> None:
    """Links are told, not followed; what is still being written is left."""
    maildir(tmp_path)
    got = list(read_mail(tmp_path, "INBOX"))
    (error,) = [one for one in got if isinstance(one, OSError)]
    assert error.filename.endswith("6.link:2,")
    found = {f.octets.split(b"\r\n")[1][9:]: f for f in got if isinstance(f, Found)}
    assert {k: (f.mailbox, f.flags, f.keywords) for k, f in found.items()} == {
        b"one": ("INBOX", FLAGGED | SEEN, "$Forwarded"),
        b"two": ("INBOX", 0, ""),
        b"three": ("Sent", ANSWERED | SEEN, ""),
        b"four": ("보관/2025", DRAFT, ""),
    }
    assert found[b"one"].internal_date == 1_600_000_000
    assert found[b"one"].octets == (LETTER % b"one").replace(b"\n", b"\r\n")


def test_an_mbox(tmp_path: Path) -> None:
    """Python's own module wrote it: From lines in the text are quoted."""
    file = tmp_path / "mbox"
    box = python_mailbox.mbox(str(file))
    for number in range(3):
        message = python_mailbox.mboxMessage(LETTER % b"%d" % number + b"From here\n")
        message.set_flags("RF" if number else "")
        message.set_from("kim@example.test Wed Nov 25 04:15:05 2026")
        box.add(message)
    box.close()
    found = list(read_mbox(file, "Old"))
    assert [f.flags for f in found] == [0, SEEN | FLAGGED, SEEN | FLAGGED]
    assert all(f.octets.endswith(b"\r\n\r\nhello\r\nFrom here\r\n") for f in found)
    assert {f.mailbox for f in found} == {"Old"}


PIECES = st.sampled_from(
    [b"From a Wed Nov 25 04:15:05 2026", b"From ", b">From ", b"\n", b"\r\n", b"\0",
     b"Status: RO", b"\xff", b"x" * 70, b"\n\n"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_no_file_is_too_odd(
    tmp_path_factory: pytest.TempPathFactory, octets: bytes
) -> None:
    """Messages or NoMailThere."""
    file = tmp_path_factory.mktemp("mbox") / "mbox"
    file.write_bytes(octets)
    try:
        found = list(read_mail(file, "INBOX"))
    except NoMailThere:
        return
    assert all(isinstance(one, Found) for one in found)


def pyeonji(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(folder / "p.toml"), *words])


@pytest.fixture
def house(tmp_path: Path) -> Path:
    (tmp_path / "p.toml").write_text('hostname = "m.example.test"\ndata = "data"\n')

    async def fill() -> None:
        store = await open_store(tmp_path / "data")
        await store.directory.add_domain(Domain(name="example.test"))
        credentials = make_credentials("letter")
        await store.directory.add_account("kim@example.test", credentials)
        await store.close()

    asyncio.run(fill())
    return tmp_path


def test_in_and_out_again(house: Path) -> None:
    """What was imported is exported as it was; a large one, too."""
    (house / "old").mkdir()
    maildir(house / "old")
    (house / "old" / "new" / "7.large").write_bytes(LETTER % b"big" + b"x\n" * 300_000)
    done = pyeonji(house, "import", "kim@example.test", str(house / "old"))
    assert done.exit_code == 1  # the link
    assert "5 messages imported" in done.output
    done = pyeonji(house, "export", "kim@example.test", str(house / "new"))
    assert (done.exit_code, "5 messages written" in done.output) == (0, True)
    again = [one for one in read_mail(house / "new", "INBOX") if isinstance(one, Found)]
    before = [
        one for one in read_mail(house / "old", "INBOX") if isinstance(one, Found)
    ]

    def key(one: Found) -> tuple[str, bytes, int, int]:
        return one.mailbox, one.octets, one.flags, one.internal_date

    assert sorted(map(key, again)) == sorted(map(key, before))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("import", "lee@example.test", "p.toml"), "there is no account"),
        (("import", "kim@example.test", "p.toml"), "no mbox"),
        (("import", "kim@example.test", "none"), "no Maildir"),
        (("export", "kim@example.test", "."), "is not empty"),
    ],
)
def test_what_can_not_be_moved_is_told(
    house: Path, words: tuple[str, ...], told: str
) -> None:
    """As a refusal, and nothing is changed."""
    done = pyeonji(house, *words[:2], str(house / words[2]))
    assert done.exit_code == 1
    assert told in str(done.exception)
