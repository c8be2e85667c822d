"""Journeys are found by all that is known of a letter, and go when they are old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.base.clock import SetClock
from pyeonji.base.events import Happening, LetterEvent
from pyeonji.base.ids import LetterId, base32, letter_ids
from pyeonji.storage.embedded import Store, journeys, letters, open_store, waiting
from pyeonji.storage.embedded.sqlite import Database, connect
from pyeonji.storage.queue import (
    JourneyLimits,
    NewLetter,
    Recipient,
    RecipientState,
    TraceFilter,
)

BEGUN = 1_700_000_000.0
ALL = JourneyLimits()


class Archive:
    """A queue's file whose letters come and go at once, one a second."""

    def __init__(self, file: Database, worker: int = 0) -> None:
        self.file = file
        self.now = BEGUN
        self._next_id = letter_ids(worker, lambda: int(self.now * 1000))

    def ends(self, sender: str, *recipients: str, accepted: str = "") -> LetterId:
        """A letter came and was delivered."""
        self.now += 1.0
        name = self._next_id()
        waiting = tuple(
            Recipient(address=each, accepted=accepted) for each in recipients
        )
        new = NewLetter(
            reverse_path=sender,
            recipients=waiting,
            content=b"x",
            prefix=b"",
            accepted_at=self.now,
            message_id=f"<{name}@mid.test>",
        )
        done = tuple(replace(each, state=RecipientState.DELIVERED) for each in waiting)
        event = LetterEvent(letter_id=name, at=self.now, kind=Happening.DELIVERED)
        self.file.execute("BEGIN")
        letters.run_all(self.file, [letters.Accept(name, new)], [])
        letters.run_all(self.file, [letters.Settle(name, done, (event,))], [])
        self.file.execute("COMMIT")
        return name

    def tend(self, limits: JourneyLimits = ALL, *, busy: bool = False) -> int:
        """All steps that are due; how many."""
        steps = 0
        while journeys.tend(self.file, self.now, limits, busy=busy):
            steps += 1
        return steps

    def found(self, what: str = "", **more: object) -> list[str]:
        which = replace(TraceFilter(what=what), **more)  # type: ignore[arg-type]
        search = journeys.Search.of(which)
        assert not waiting.trace(self.file, search)  # none is on its way
        return [name for name, _ in journeys.find(self.file, search)]

    def count(self, table: str) -> int:
        (number,) = self.file.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(number)


@pytest.fixture(params=[False, True], ids=["just ended", "indexed"])
def settle(request: pytest.FixtureRequest) -> Callable[[Archive], None]:
    """Whether what is looked for has been indexed."""

    def act(archive: Archive) -> None:
        if request.param:
            archive.now += 2 * journeys.DAY_S
            assert archive.tend() == 1
            assert not archive.tend()

    return act


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    file = connect(tmp_path / "0.db", letters.MIGRATIONS, synchronous="OFF")
    yield Archive(file)
    file.close()


def test_a_letter_is_found_by_all_that_is_known_of_it(
    archive: Archive, settle: Callable[[Archive], None]
) -> None:
    """In any spelling; the sender and recipients also by their domain."""
    one = archive.ends("lee@far.test", "Kim@Example.test", "park@other.test")
    two = archive.ends("KIM@example.test", "lee@far.test")
    three = archive.ends("", "kim.sub@example.test", accepted="sales@example.test")
    settle(archive)
    for what in (one, one.lower(), f"<{one}@mid.test>", f"{one}@mid.test"):
        assert archive.found(what) == [one], what
    assert archive.found("kim@example.test") == [two, one]
    assert archive.found("<KIM@EXAMPLE.TEST>") == [two, one]
    assert archive.found(sender="kim@example.test") == [two]
    assert archive.found(recipient="kim@example.test") == [one]
    assert archive.found(recipient="sales@example.test") == [three]
    assert archive.found("example.test") == [three, two, one]
    assert archive.found("@far.test", recipient="other.test") == [one]
    assert archive.found(sender="lee@far.test", recipient="@far.test") == []
    assert archive.found("nobody@example.test") == []
    assert archive.found("example") == []


def test_only_in_the_time_that_is_meant(
    archive: Archive, settle: Callable[[Archive], None]
) -> None:
    """Since is in it, until is not; the latest come where there are too many."""
    names = [archive.ends("lee@far.test", "kim@example.test") for _ in range(10)]
    settle(archive)
    since, until = BEGUN + 3, BEGUN + 6
    assert archive.found(since=since, until=until) == names[2:5][::-1]
    assert archive.found("far.test", since=since, until=until) == names[2:5][::-1]
    assert archive.found("far.test", since=BEGUN + 9) == names[8:][::-1]
    assert archive.found("far.test", limit=4) == names[6:][::-1]
    assert archive.found(until=BEGUN + 9, limit=2) == names[6:8][::-1]
    assert archive.found(names[0], since=since) == []


def test_segments_are_made_when_there_is_enough(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later while letters come without a pause; what is behind them is found, too."""
    monkeypatch.setattr(journeys, "SEGMENT", 10)
    monkeypatch.setattr(journeys, "BUSY_TAIL", 40)
    names = [archive.ends("lee@far.test", f"k{n % 3}@x.test") for n in range(39)]
    assert archive.tend(busy=True) == 0
    names.append(archive.ends("lee@far.test", "k0@x.test"))
    assert archive.tend(busy=True) == 1
    assert archive.tend() == 3
    assert archive.count("journey_segments") == 4
    names.append(archive.ends("lee@far.test", "k2@x.test"))
    assert archive.found("lee@far.test") == names[::-1]
    wanted = [name for n, name in enumerate(names[:40]) if n % 3 == 1][::-1]
    assert archive.found(sender="lee@far.test", recipient="k1@x.test") == wanted


def test_letters_to_many_close_a_segment_early(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its terms are held in memory: they are counted, not the letters."""
    monkeypatch.setattr(journeys, "SEGMENT", 10)
    monkeypatch.setattr(journeys, "MAX_TERMS", 100)
    names = []
    for n in range(10):
        many = [f"k{n}.{k}@x.test" for k in range(60)]
        names.append(archive.ends("lee@far.test", *many))
    archive.tend()
    archive.now += 2 * journeys.DAY_S
    archive.tend()
    assert archive.count("journey_segments") == 5
    assert archive.found("lee@far.test") == names[::-1]
    assert archive.found("k7.59@x.test") == [names[7]]


def test_what_is_old_goes(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    """A quiet queue's, too; what was found by them is not there any more."""
    monkeypatch.setattr(journeys, "SEGMENT", 4)
    limits = JourneyLimits(kept_s=10 * journeys.DAY_S)
    for n in range(8):
        archive.ends("lee@far.test", f"k{n}@x.test")
    archive.tend(limits)
    archive.now += 9 * journeys.DAY_S
    late = archive.ends("lee@far.test", "late@x.test")
    assert archive.tend(limits) == 0
    assert len(archive.found("far.test")) == 9
    archive.now += 2 * journeys.DAY_S
    assert archive.tend(limits) == 3  # two go, one is made
    assert archive.found("far.test") == [late]
    assert archive.count("journeys") == 1
    archive.now += 20 * journeys.DAY_S
    archive.tend(limits)
    for table in ("journeys", "journey_segments", "journey_terms"):
        assert archive.count(table) == 0
    again = archive.ends("lee@far.test", "k0@x.test")
    assert archive.found("k0@x.test") == [again]


def test_what_is_too_much_goes(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest first, as soon as it is too much."""
    monkeypatch.setattr(journeys, "SEGMENT", 10)
    names = [archive.ends("lee@far.test", "k@x.test") for _ in range(100)]
    archive.tend()
    (octets,) = archive.file.execute(
        "SELECT sum(octets) FROM journey_segments"
    ).fetchone()
    archive.tend(JourneyLimits(octets=octets // 2))
    assert archive.found("far.test") == names[50:][::-1]
    assert archive.count("journeys") == 50


def test_journeys_of_an_earlier_version(tmp_path: Path) -> None:
    """They are kept, found as before, and indexed like the others."""
    (tmp_path / "queue").mkdir()
    old = connect(
        tmp_path / "queue" / "0.db", letters.MIGRATIONS[:2], synchronous="OFF"
    )
    names = [base32(int((BEGUN + n) * 1000), 9) + "0000" for n in range(3000)]
    old.executemany(
        "INSERT INTO journeys VALUES (?1, 'lee@far.test', 'kim@x.test ' || ?2 ||"
        " '@y.test', '<' || ?1 || '@mid.test>', ?3)",
        [
            (
                name,
                f"u{n}",
                f'[{{"letter_id":"{name}","at":{BEGUN + n},"kind":"failed"}}]',
            )
            for n, name in enumerate(names)
        ],
    )
    old.close()

    async def look() -> None:
        clock = SetClock(BEGUN)
        store: Store = await open_store(tmp_path, worker=0, clock=clock)
        office = store.office
        for what in (names[5], f"<{names[5]}@mid.test>", "u5@y.test"):
            (event,) = await office.trace(what)
            assert (event.letter_id, event.kind) == (names[5], Happening.FAILED)
        latest = await office.trace("kim@x.test")
        assert [event.letter_id for event in latest] == names[-100:]
        await store.close()

    asyncio.run(look())
    file = connect(tmp_path / "queue" / "0.db", letters.MIGRATIONS, synchronous="OFF")
    archive = Archive(file)
    archive.tend()
    assert archive.count("journey_segments") == 1
    assert archive.found("u5@y.test") == [names[5]]
    assert archive.found("u2999@y.test") == [names[2999]]
    file.close()


def test_journeys_of_a_worker_that_is_gone(tmp_path: Path) -> None:
    """They go to the first worker, also when it was cut off doing that."""
    twice: list[tuple[object, ...]] = []
    for worker in (0, 1):
        (tmp_path / "queue").mkdir(exist_ok=True)
        file = connect(
            tmp_path / "queue" / f"{worker}.db", letters.MIGRATIONS, synchronous="OFF"
        )
        archive = Archive(file, worker)
        for n in range(3):
            archive.ends(f"w{worker}@far.test", f"k{n}@x.test")
        if worker == 1:
            twice = file.execute("SELECT * FROM journeys").fetchall()
        file.close()
    own = connect(tmp_path / "queue" / "0.db", letters.MIGRATIONS, synchronous="OFF")
    own.execute(
        "INSERT INTO journeys SELECT max(seq) + 1, ?, ?, ?, ?, ? FROM journeys",
        twice[0][1:],
    )
    own.close()

    async def look() -> None:
        store = await open_store(tmp_path, worker=0, workers=1)
        for worker in (0, 1):
            events = await store.office.trace(f"w{worker}@far.test")
            ended = [e for e in events if e.kind is Happening.DELIVERED]
            assert len(ended) == 3, worker
        await store.close()

    asyncio.run(look())


ADDRESSES = st.builds(
    "{}@{}".format,
    st.sampled_from(
        ["kim", "KIM", '"kim"', '"k im"', r'"k\"im"', "straße", "편지", "k.i"]
    ),
    st.sampled_from(
        [
            "x.test",
            "X.Test.",
            "편지.test",
            "xn--9b6b95p.test",
            "XN--9B6B95P.test",
            "y.test",
        ]
    ),
)
MESSAGE_IDS = st.sampled_from(["", "<1@x.test>", "<Ab@y>", "no brackets", "<편지@x>"])
SAID = st.one_of(
    st.just(""),
    ADDRESSES,
    MESSAGE_IDS,
    st.sampled_from(["x.test", "@y.test", "1@x.test"]),
)


@given(
    sender=st.one_of(st.just(""), ADDRESSES),
    recipients=st.lists(ADDRESSES, min_size=1, max_size=3),
    message_id=MESSAGE_IDS,
    what=SAID,
    from_=SAID,
    to=SAID,
)
def test_a_quick_look_passes_over_nothing(
    sender: str, recipients: list[str], message_id: str, what: str, from_: str, to: str
) -> None:
    """Whatever is meant is read, in whichever spelling it stands there."""
    search = journeys.Search.of(TraceFilter(what=what, sender=from_, recipient=to))
    known = letters.known_as([Recipient(address=each) for each in recipients])
    kept = msgspec.json.encode([Recipient(address=each) for each in recipients])
    if search.means((0, "01J", sender, "\n".join(known), message_id)):
        assert search.may_mean(("01J", sender, kept.decode(), message_id))
