"""Is everything kept as it should be? Every invariant, computed anew.

`verify` only reads and may run beside a server. `repair` wants an account for
itself: it writes counters anew, drops entries whose message is lost, and
removes files that nothing names.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import apsw
import msgspec
import zstandard

from pyeonji.storage.embedded import directory_schema, letters, mail_schema, marks
from pyeonji.storage.embedded.accountfile import FILE_NAME
from pyeonji.storage.embedded.octets import decompress, map_file, unpack
from pyeonji.storage.embedded.sqlite import (
    Database,
    connect,
    errors_named,
    one,
    transaction,
)
from pyeonji.storage.errors import StorageUnavailable
from pyeonji.storage.queue import Recipient

if TYPE_CHECKING:
    from pathlib import Path

MAX_PROBLEMS: Final = 1000
"""Problems of one file that are reported; one is reason enough to look."""

_recipients = msgspec.json.Decoder(tuple[Recipient, ...])


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it should be."""

    where: str
    what: str


@dataclass(slots=True)
class Report:
    """What `verify` looked at and found.

    `leftovers` are files that no commit came to name before a crash: nothing is
    wrong with what is kept, they only take room until `repair`.
    """

    accounts: int = 0
    messages: int = 0
    letters: int = 0
    problems: list[Problem] = field(default_factory=list)
    leftovers: list[Problem] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


# Each must return no row: (what is wrong, the SQL that finds it).
_RULES: Final[tuple[tuple[str, str], ...]] = (
    (
        "counters of mailbox {} differ: kept {}, counted {}",
        """
        SELECT b.name,
               b.held || ' ' || b.unseen || ' ' || b.deleted || ' ' || b.octets,
               c.held || ' ' || c.unseen || ' ' || c.deleted || ' ' || c.octets
        FROM mailboxes b JOIN (
            SELECT b.id, count(e.uid) AS held,
                   coalesce(sum(e.flags & 1 = 0), 0) AS unseen,
                   coalesce(sum(e.flags & 8 <> 0), 0) AS deleted,
                   coalesce(sum(e.size), 0) AS octets
            FROM mailboxes b LEFT JOIN marked e ON e.mailbox = b.id GROUP BY b.id
        ) c USING (id)
        WHERE (b.held, b.unseen, b.deleted, b.octets)
           IS NOT (c.held, c.unseen, c.deleted, c.octets)
        """,
    ),
    (
        "usage differs: kept {} octets in {} messages, counted {} in {}",
        """
        SELECT a.octets, a.messages, c.octets, c.messages FROM account a, (
            SELECT coalesce(sum(size), 0) AS octets, count(*) AS messages
            FROM messages WHERE id IN (SELECT message FROM entries)
        ) c WHERE (a.octets, a.messages) IS NOT (c.octets, c.messages)
        """,
    ),
    (
        "mailbox {} has uid {} but its next is {}",
        """
        SELECT b.name, max(e.uid), b.uid_next FROM mailboxes b
        JOIN entries e ON e.mailbox = b.id GROUP BY b.id
        HAVING max(e.uid) >= b.uid_next OR min(e.uid) < 1
        """,
    ),
    (
        "mailbox {} has mod-sequence {} above its highest {}",
        """
        SELECT b.name, max(e.mod_seq), b.highest_mod_seq FROM mailboxes b
        JOIN marked e ON e.mailbox = b.id GROUP BY b.id
        HAVING max(e.mod_seq) > b.highest_mod_seq
        """,
    ),
    (
        "mailbox {} is at {}, above the account's last mod-sequence or uid validity",
        """
        SELECT b.name, b.highest_mod_seq FROM mailboxes b, account a
        WHERE b.highest_mod_seq > a.mod_seq OR b.uid_validity > a.uid_validity
        """,
    ),
    (
        "mailbox {}: uids {} to {} stand in the log as expunged, but {} exists",
        """
        SELECT l.mailbox, l.first, l.last, e.uid FROM log l JOIN entries e
        ON e.mailbox = l.mailbox AND e.uid BETWEEN l.first AND l.last
        WHERE l.kind = 1
        """,
    ),
    (
        "mailbox {}: the change of uid {} at {} is not in the log",
        """
        SELECT e.mailbox, e.uid, e.mod_seq FROM marked e
        JOIN mailboxes b ON b.id = e.mailbox
        WHERE e.mod_seq >= b.log_floor AND NOT EXISTS (
            SELECT 1 FROM log l WHERE l.mailbox = e.mailbox
            AND l.mod_seq = e.mod_seq AND l.kind = 0
            AND e.uid BETWEEN l.first AND l.last)
        """,
    ),
    (
        "marks {} are cut short",
        """
        SELECT id FROM marks
        WHERE length(flags) <> 128 OR length(mod_seqs) NOT IN (8, 1024)
        """,
    ),
    (
        "uid {} of mailbox {} has marks and no entry, or an entry and no marks",
        """
        SELECT coalesce(e.uid, s.uid), coalesce(e.mailbox, s.mailbox)
        FROM entries e FULL JOIN spread s ON s.mailbox = e.mailbox AND s.uid = e.uid
        WHERE e.uid IS NULL OR s.uid IS NULL
        """,
    ),
    (
        "the marks of uid {} of mailbox {} do not say whether it has keywords",
        """
        SELECT e.uid, e.mailbox FROM entries e CROSS JOIN spread s
        ON s.mailbox = e.mailbox AND s.uid = e.uid
        WHERE (s.octet & 64 <> 0) <> (e.keywords <> '')
        """,
    ),
    (
        "entry {} of mailbox {} stands in a mailbox that is not there",
        """
        SELECT uid, mailbox FROM entries
        WHERE mailbox NOT IN (SELECT id FROM mailboxes WHERE selectable)
        """,
    ),
    (
        "entry {} of mailbox {} has lost its message {}",
        """
        SELECT e.uid, e.mailbox, e.message FROM entries e
        LEFT JOIN messages m ON m.id = e.message
        LEFT JOIN heads h ON h.message = e.message
        LEFT JOIN bodies b ON b.message = e.message
        WHERE m.id IS NULL OR h.message IS NULL OR b.message IS NULL
           OR m.size <> e.size
        """,
    ),
    (
        "message {} stands in no mailbox and is not thrown away",
        """
        SELECT id FROM messages WHERE id NOT IN (SELECT message FROM entries)
        AND id NOT IN (SELECT message FROM garbage)
        """,
    ),
    (
        "body {} is of no message",
        "SELECT message FROM bodies WHERE message NOT IN (SELECT id FROM messages)",
    ),
    (
        "header {} is of no message",
        "SELECT message FROM heads WHERE message NOT IN (SELECT id FROM messages)",
    ),
    (
        "common fields of message {} are not those of its header",
        """
        SELECT coalesce(h.message, f.message) FROM heads h
        FULL JOIN fields f ON f.message = h.message
        WHERE f.octets IS NOT common_fields(coalesce(h.header, x''))
        """,
    ),
    (
        "text {} has no words, is of no message, or has words without a text",
        """
        SELECT coalesce(t.message, w.id) FROM texts t
        FULL JOIN words_docsize w ON w.id = t.message
        WHERE t.message IS NULL OR w.id IS NULL
           OR t.message NOT IN (SELECT id FROM messages)
        """,
    ),
    (
        "{} of mailbox {} are kept, which is not there",
        """
        SELECT 'rights', mailbox FROM rights
        WHERE mailbox NOT IN (SELECT id FROM mailboxes WHERE selectable)
        UNION SELECT 'annotations', mailbox FROM annotations WHERE mailbox <> 0
        AND mailbox NOT IN (SELECT id FROM mailboxes WHERE selectable)
        """,
    ),
    (
        "ids are kept of thread {}, which has no message",
        """
        SELECT DISTINCT thread FROM thread_ids
        WHERE thread NOT IN (SELECT thread FROM messages)
        """,
    ),
    (
        "mailbox {} has the object id {} of another, or none",
        """
        SELECT name, object_id FROM mailboxes WHERE object_id = '' OR object_id IN (
            SELECT object_id FROM mailboxes GROUP BY object_id HAVING count(*) > 1)
        """,
    ),
    (
        "thrown-away message {} stands in a mailbox",
        "SELECT message FROM garbage WHERE message IN (SELECT message FROM entries)",
    ),
    (
        "message {} is numbered above the next number {}",
        (
            "SELECT m.id, a.next_message FROM messages m, account a"
            " WHERE m.id >= a.next_message"
        ),
    ),
    (
        "delivery {} went to uid {}, which mailbox {} never gave",
        """
        SELECT d.delivery_id, d.uid, b.name FROM deliveries d
        JOIN mailboxes b ON b.id = d.mailbox WHERE d.uid >= b.uid_next
        """,
    ),
    (
        "the special use {} is given {} times",
        """
        SELECT special_use, count(*) FROM mailboxes WHERE special_use IS NOT NULL
        GROUP BY special_use HAVING count(*) > 1
        """,
    ),
)


def verify(data: Path, *, octets: bool = True) -> Report:
    """Look through everything below a folder.

    Args:
        data: the folder; it need not be in use.
        octets: read each message and compare checksums too.
    """
    report = Report()
    _verify_directory(data / "directory.db", report)
    for path in sorted((data / "accounts").glob(f"*/{FILE_NAME}")):
        verify_account(path.parent, report, octets=octets)
    for path in sorted((data / "queue").glob("*.db")):
        _verify_queue(path, report)
    return report


def _open(path: Path, migrations: Any, report: Report) -> Database | None:
    try:
        connection = connect(path, migrations, synchronous="FULL", checkpoint_pages=0)
        for row in connection.execute("PRAGMA integrity_check(20)").fetchall():
            if row[0] != "ok":
                report.problems.append(Problem(str(path), row[0]))
    except (StorageUnavailable, apsw.Error) as error:
        report.problems.append(Problem(str(path), str(error)))
        return None
    return connection


def _verify_directory(path: Path, report: Report) -> None:
    if not path.exists():
        return
    connection = _open(path, directory_schema.MIGRATIONS, report)
    if connection is None:
        return
    for row in connection.execute("PRAGMA foreign_key_check").fetchall():
        report.problems.append(Problem(str(path), f"row of {row[0]} without a domain"))
    for (owner,) in connection.execute(
        "SELECT DISTINCT owner FROM shares WHERE owner NOT IN (SELECT id FROM accounts)"
    ).fetchall():
        report.problems.append(Problem(str(path), f"shares of {owner}, who is gone"))
    connection.close()


def verify_account(folder: Path, report: Report, *, octets: bool = True) -> None:
    """Look through one account's folder."""
    connection = _open(folder / FILE_NAME, mail_schema.MIGRATIONS, report)
    if connection is None:
        return
    report.accounts += 1
    connection.execute("BEGIN")  # one snapshot, though others may write
    try:
        report.messages += one(connection, "SELECT messages FROM account")[0]
        mail_schema.know_fields(connection)
        _spread(connection)
        for what, sql in _RULES:
            rows = connection.execute(f"{sql} LIMIT {MAX_PROBLEMS}").fetchall()
            report.problems += [Problem(folder.name, what.format(*row)) for row in rows]
        _verify_blobs(connection, folder, report, octets=octets)
    except apsw.Error as error:
        report.problems.append(Problem(folder.name, str(error)))
    finally:
        connection.execute("COMMIT")
        connection.close()


_SPREAD: Final = """
    CREATE TEMP TABLE spread (
        mailbox INTEGER, uid INTEGER, octet INTEGER, mod_seq INTEGER,
        PRIMARY KEY (mailbox, uid)
    ) WITHOUT ROWID;
    CREATE TEMP VIEW marked AS SELECT e.*, s.octet & 31 AS flags, s.mod_seq
    FROM main.entries e CROSS JOIN temp.spread s
    ON s.mailbox = e.mailbox AND s.uid = e.uid;
"""


def _spread(connection: Database) -> None:
    """A row for each entry's marks, and entries with them, as `verify` looks at."""
    connection.execute(_SPREAD)
    connection.executemany(
        "INSERT INTO spread VALUES (?, ?, ?, ?)", list(marks.spread(connection))
    )


def _marks_anew(connection: Database) -> None:
    """Write the marks of what entries there are; those that had none get some."""
    _spread(connection)
    rows = connection.execute(
        "SELECT e.mailbox, e.uid, coalesce(s.octet & 31, 0), e.keywords,"
        " coalesce(s.mod_seq, 1) FROM entries e LEFT JOIN spread s"
        " ON s.mailbox = e.mailbox AND s.uid = e.uid ORDER BY e.mailbox, e.uid"
    ).fetchall()
    marks.gather(connection, rows)
    connection.execute("DELETE FROM spread")
    connection.executemany(
        "INSERT INTO spread VALUES (?, ?, ?, ?)", list(marks.spread(connection))
    )


def _verify_blobs(
    connection: Database, folder: Path, report: Report, *, octets: bool
) -> None:
    before = {path.name for path in (folder / "blobs").iterdir()}
    named = set()
    connection.create_scalar_function("crc32", zlib.crc32, 1, deterministic=True)
    for message, size, *kept in connection.execute(_KEPT):
        _, name, _, _, _ = kept
        if name is not None:
            named.add(name)
        fault = _fault(folder / "blobs", size, *kept) if octets else ""
        if fault:
            report.problems.append(Problem(folder.name, f"message {message}: {fault}"))
    for name in sorted(before - named):
        report.leftovers.append(Problem(folder.name, f"blob {name} is of no message"))


_KEPT: Final = (
    "SELECT m.id, m.size - m.prefix_size, b.octets, b.file, b.checksum,"
    " coalesce(substr(h.header, m.prefix_size + 1), x''), crc32(h.header) = h.checksum"
    " FROM messages m CROSS JOIN heads h ON h.message = m.id"
    " CROSS JOIN bodies b ON b.message = m.id"
)


def _fault(
    blobs: Path,
    size: int,
    kept: bytes | None,
    name: str | None,
    checksum: int | None,
    header: bytes,
    header_is_sound: int,
) -> str:
    """What is wrong with the octets of a message, "" where nothing is."""
    try:
        if kept is not None:
            content = unpack(kept, checksum)  # zstd checks its own checksum
            found = len(header) + len(content)
        elif name is None:
            return "neither octets nor a file"
        else:
            mapped = map_file(blobs / name)
            content, found = mapped[:], len(mapped)
            header_is_sound &= mapped[: len(header)] == header
    except (OSError, zstandard.ZstdError) as error:
        return str(error)
    if checksum is not None and zlib.crc32(content) != checksum:
        return f"blob {name} has changed" if name else "its body has changed"
    if not header_is_sound:
        return "its header has changed"
    return "" if found == size else f"{found} octets instead of {size}"


def _verify_queue(path: Path, report: Report) -> None:
    connection = _open(path, letters.MIGRATIONS, report)
    if connection is None:
        return
    folder = path.with_suffix("")
    for letter_id, recipients, size, prefix, frame, due, lane in connection.execute(
        "SELECT id, recipients, size, prefix, octets, next_attempt, lane FROM letters"
    ):
        report.letters += 1
        where = f"{path} {letter_id}"
        try:
            first = letters.first_due(_recipients.decode(recipients))
            content = decompress(frame) if frame else map_file(folder / letter_id)
        except (msgspec.MsgspecError, OSError, zstandard.ZstdError) as error:
            report.problems.append(Problem(where, str(error)))
            continue
        if first is None:
            report.problems.append(Problem(where, "nobody waits for it"))
        elif first != due and lane is None:  # in a lane: until it must be told of
            report.problems.append(Problem(where, f"due at {first}, kept as {due}"))
        if len(prefix) + len(content) != size:
            report.problems.append(Problem(where, f"not {size} octets long"))
    connection.close()


_LOSSES: Final = """
    DELETE FROM entries WHERE message NOT IN (
        SELECT m.id FROM messages m JOIN heads h ON h.message = m.id
        JOIN bodies b ON b.message = m.id)
        OR mailbox NOT IN (SELECT id FROM mailboxes WHERE selectable);
"""
"""Entries that nothing is left of."""

_REPAIRS: Final = """
    DELETE FROM garbage WHERE message IN (SELECT message FROM entries);
    INSERT OR IGNORE INTO garbage SELECT id FROM messages
        WHERE id NOT IN (SELECT message FROM entries);
    DELETE FROM bodies WHERE message NOT IN (SELECT id FROM messages);
    DELETE FROM heads WHERE message NOT IN (SELECT id FROM messages);
    DELETE FROM fields;
    INSERT INTO fields SELECT message, common_fields(header) FROM heads;
    DELETE FROM rights
        WHERE mailbox NOT IN (SELECT id FROM mailboxes WHERE selectable);
    DELETE FROM annotations WHERE mailbox <> 0
        AND mailbox NOT IN (SELECT id FROM mailboxes WHERE selectable);
    DELETE FROM words WHERE rowid NOT IN (SELECT message FROM texts);
    DELETE FROM texts WHERE message NOT IN (SELECT id FROM words_docsize)
        OR message NOT IN (SELECT id FROM messages);
    DELETE FROM words WHERE rowid NOT IN (SELECT message FROM texts);
    DELETE FROM thread_ids WHERE thread NOT IN (SELECT thread FROM messages);
    DELETE FROM log WHERE kind = 1 AND EXISTS (SELECT 1 FROM entries e
        WHERE e.mailbox = log.mailbox AND e.uid BETWEEN log.first AND log.last);
    UPDATE entries SET size = (SELECT size FROM messages m WHERE m.id = message)
        WHERE size <> (SELECT size FROM messages m WHERE m.id = message);
    UPDATE account SET
        mod_seq = max(mod_seq + 1,
            1 + coalesce((SELECT max(mod_seq) FROM marked), 0),
            1 + coalesce((SELECT max(highest_mod_seq) FROM mailboxes), 0)),
        uid_validity = max(uid_validity,
            coalesce((SELECT max(uid_validity) FROM mailboxes), 0)),
        next_message = max(next_message,
            1 + coalesce((SELECT max(id) FROM messages), 0)),
        messages = (SELECT count(DISTINCT message) FROM entries),
        octets = (SELECT coalesce(sum(size), 0) FROM messages
            WHERE id IN (SELECT message FROM entries));
    UPDATE mailboxes SET
        uid_next = max(uid_next,
            1 + coalesce((SELECT max(uid) FROM entries WHERE mailbox = id), 0)),
        highest_mod_seq = (SELECT mod_seq FROM account),
        log_floor = (SELECT mod_seq FROM account) + 1,
        held = (SELECT count(*) FROM entries WHERE mailbox = id),
        unseen = (SELECT count(*) FROM marked WHERE mailbox = id AND flags & 1 = 0),
        deleted = (SELECT count(*) FROM marked WHERE mailbox = id AND flags & 8),
        octets = (SELECT coalesce(sum(size), 0) FROM entries WHERE mailbox = id);
"""


def repair(data: Path) -> Report:
    """Mend what can be mended in all accounts; gives what is wrong afterwards.

    No server may be running. Uids and UIDVALIDITY stay as they are. A message
    whose octets are damaged is left for a person to decide about.

    Raises:
        StorageUnavailable.
    """
    for path in sorted((data / "accounts").glob(f"*/{FILE_NAME}")):
        _repair_account(path)
    return verify(data)


def _repair_account(path: Path) -> None:
    blobs = path.parent / "blobs"
    with errors_named():
        connection = connect(path, mail_schema.MIGRATIONS, synchronous="FULL")
        try:
            connection.execute("REINDEX")
            with transaction(connection):
                _drop_lost_files(connection, blobs)
                connection.execute(_LOSSES)
                _marks_anew(connection)
                mail_schema.know_fields(connection)
                connection.execute(_REPAIRS)
            named = {
                name
                for (name,) in connection.execute(
                    "SELECT file FROM bodies WHERE file IS NOT NULL"
                )
            }
        finally:
            connection.close()
        for blob in blobs.iterdir():
            if blob.name not in named:
                blob.unlink()


def _drop_lost_files(connection: Database, blobs: Path) -> None:
    """Bodies whose file is gone are no bodies."""
    there = {path.name for path in blobs.iterdir()}
    lost = [
        (message,)
        for message, name in connection.execute(
            "SELECT message, file FROM bodies WHERE file IS NOT NULL"
        )
        if name not in there
    ]
    connection.executemany("DELETE FROM bodies WHERE message = ?", lost)
