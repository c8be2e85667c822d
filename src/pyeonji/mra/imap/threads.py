"""The algorithms of THREAD (RFC 5256 §3), over lists of prepared values.

Messages are positions 0 to n-1 in the order of the mailbox. A tree is kept as
one list with each node's parent: nodes from n on stand for messages that are
only referred to (dummies). Everything takes time linear in messages and
references, but for sorting.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Entry = int | list[int]
"""What stands under the root: a message, or the children of a dummy."""

NONE: Final = -1
"""The parent of a node that has none."""

STEPS_FOR_EACH: Final = 100
"""Looks upward for loops, as a mean over all nodes; beyond it no links are made."""


@dataclass(frozen=True, slots=True)
class Forest:
    """Threads in their order.

    A root is a message, or the list of two or more siblings whose parent is
    missing. `children` has the siblings below each message, in their order.
    """

    roots: list[Entry]
    children: dict[int, list[int]]

    def write(self, names: Sequence[int]) -> bytes:
        """As thread-list of RFC 5256 §5; `names` are numbers or uids."""
        out: list[str] = []
        children = self.children
        for root in self.roots:
            if isinstance(root, list):
                out.append("(")
                for sibling in root:
                    _write(sibling, children, names, out)
                out.append(")")
            elif root in children:
                _write(root, children, names, out)
            else:
                out.append(f"({names[root]})")
        return "".join(out).encode("ascii")


def _write(
    top: int, children: dict[int, list[int]], names: Sequence[int], out: list[str]
) -> None:
    """One thread, however deep."""
    waiting = [top]
    while waiting:
        one = waiting.pop()
        if one == NONE:
            out.append(")")
            continue
        out.append(f"({names[one]}")
        below = children.get(one)
        while below is not None and len(below) == 1:
            one = below[0]
            out.append(f" {names[one]}")
            below = children.get(one)
        if below is None:
            out.append(")")
        else:
            out.append(" ")
            waiting.append(NONE)
            waiting += reversed(below)


def _ranks(dates: Sequence[int]) -> list[int]:
    """The place of each message by date, then by position (RFC 5256 §2.2)."""
    ranks = [0] * len(dates)
    for rank, message in enumerate(sorted(range(len(dates)), key=dates.__getitem__)):
        ranks[message] = rank
    return ranks


# -- ORDEREDSUBJECT


def by_subject(subjects: Sequence[str], dates: Sequence[int]) -> Forest:
    """ORDEREDSUBJECT: one thread for each base subject."""
    ranks = _ranks(dates)
    order = sorted(range(len(dates)), key=ranks.__getitem__)
    order.sort(key=subjects.__getitem__)
    threads = [list(same) for _, same in groupby(order, key=subjects.__getitem__)]
    threads.sort(key=lambda thread: ranks[thread[0]])
    return Forest(
        [thread[0] for thread in threads],
        {thread[0]: thread[1:] for thread in threads if len(thread) > 1},
    )


# -- REFERENCES


class _Links:
    """Step 1: parents from references."""

    def __init__(self, ids: Sequence[str]) -> None:
        self.nodes: dict[str, int] = {}
        for message, own in enumerate(ids):
            if own:
                # the first one has the id, later ones are nameless (step 1.A)
                self.nodes.setdefault(own, message)
        self.parents = [NONE] * len(ids)
        self._has_children = [False] * len(ids)
        self._steps = STEPS_FOR_EACH * (len(ids) + 100)

    def _dummy(self, own: str) -> int:
        node = self.nodes[own] = len(self.parents)
        self.parents.append(NONE)
        self._has_children.append(False)
        return node

    def _link(self, parent: int, child: int) -> None:
        """Make a parent, unless that made a loop."""
        if self._has_children[child] and self._is_above(child, parent):
            return
        if parent != child:
            self.parents[child] = parent
            self._has_children[parent] = True

    def _is_above(self, node: int, other: int) -> bool:
        parents = self.parents
        while other != NONE and self._steps:
            if other == node:
                return True
            self._steps -= 1
            other = parents[other]
        return other != NONE

    def add(self, message: int, references: Iterable[str]) -> None:
        """Steps 1.A and 1.B for one message."""
        parents, nodes = self.parents, self.nodes
        last = NONE
        for reference in references:
            node = nodes.get(reference, NONE)
            if node == NONE:
                node = self._dummy(reference)
            if last != NONE and parents[node] == NONE:
                self._link(last, node)
            last = node
        if parents[message] != last:
            parents[message] = NONE
            if last != NONE:
                self._link(last, message)


def _pruned(parents: Sequence[int], count: int) -> tuple[list[int], list[int]]:
    """Steps 2 and 3: each message's parent without dummies between.

    Returns:
        For each message its parent; those that stand at the top with no
        message above them have NONE, and in the second list the dummy at
        their root (or NONE).
    """
    over: dict[int, int] = {}  # dummy: the message above it, or the dummy at the root
    above = list(parents[:count])
    tops = [NONE] * count
    for message in range(count):
        parent = above[message]
        if parent < count:
            continue
        parent = _over(parent, parents, count, over)
        if parent >= count:
            above[message], tops[message] = NONE, parent
        else:
            above[message] = parent
    return above, tops


def _over(dummy: int, parents: Sequence[int], count: int, over: dict[int, int]) -> int:
    """The message above a dummy, or the topmost dummy; each dummy walked once."""
    path = []
    node = dummy
    while node >= count:
        if node in over:
            node = over[node]
            break
        path.append(node)
        if parents[node] == NONE:
            break
        node = parents[node]
    over.update(dict.fromkeys(path, node))
    return node


def by_references(
    ids: Sequence[str],
    references: Sequence[Sequence[str]],
    dates: Sequence[int],
    subjects: Sequence[str],
    is_reply: Callable[[int], bool],
) -> Forest:
    """REFERENCES, all six steps.

    Args:
        ids: Message-IDs, "" where there is none.
        references: of each message, oldest first.
        dates: sent dates.
        subjects: base subjects as they are compared.
        is_reply: whether a message's subject says reply or forward.
    """
    ranks = _ranks(dates)
    entries, children = _threads(ids, references, ranks)
    # step 4: entries are sorted; a dummy by its first child
    entries = _by_first(entries, ranks)
    entries = _Gathering(subjects, is_reply).gathered(entries, children)
    for siblings in children.values():  # step 6
        if len(siblings) > 1:
            siblings.sort(key=ranks.__getitem__)
    for entry in entries:
        if isinstance(entry, list):
            entry.sort(key=ranks.__getitem__)
    return Forest(_by_first(entries, ranks), children)


def _first(entry: Entry) -> int:
    return entry if isinstance(entry, int) else entry[0]


def _by_first(entries: list[Entry], ranks: Sequence[int]) -> list[Entry]:
    """Entries by the rank of their first message: each goes to its own slot."""
    slots: list[Entry | None] = [None] * len(ranks)
    for entry in entries:
        slots[ranks[entry if isinstance(entry, int) else entry[0]]] = entry
    return [entry for entry in slots if entry is not None]


def by_references_alone(
    ids: Sequence[str],
    references: Sequence[Sequence[str]],
    dates: Sequence[int],
    arrivals: Sequence[int],
) -> Forest:
    """REFS: as REFERENCES without subjects; threads by their latest arrival."""
    ranks = _ranks(dates)
    entries, children = _threads(ids, references, ranks)
    for siblings in children.values():
        siblings.sort(key=ranks.__getitem__)
    latest = _ranks(arrivals)
    entries.sort(key=lambda entry: max(map(latest.__getitem__, _all(entry, children))))
    return Forest(entries, children)


def _all(entry: Entry, children: dict[int, list[int]]) -> Iterable[int]:
    waiting = [entry] if isinstance(entry, int) else list(entry)
    while waiting:
        message = waiting.pop()
        yield message
        waiting += children.get(message, ())


def _threads(
    ids: Sequence[str], references: Sequence[Sequence[str]], ranks: Sequence[int]
) -> tuple[list[Entry], dict[int, list[int]]]:
    """Steps 1 to 3: entries under the root, and children of messages.

    The children of a dummy are sorted (step 4); there are two at least.
    """
    links = _Links(ids)
    parents = links.parents
    for message, own in enumerate(references):
        if own:
            links.add(message, own)
        else:
            parents[message] = NONE  # step 1.B
    above, tops = _pruned(parents, len(ids))
    entries: list[Entry] = []
    children: dict[int, list[int]] = {}
    dummies: dict[int, list[int]] = {}
    for message, parent in enumerate(above):
        if parent != NONE:
            children.setdefault(parent, []).append(message)
        elif tops[message] == NONE:
            entries.append(message)
        else:
            dummies.setdefault(tops[message], []).append(message)
    for siblings in dummies.values():
        siblings.sort(key=ranks.__getitem__)
        entries.append(siblings if len(siblings) > 1 else siblings[0])
    return entries, children


class _Gathering:
    """Step 5: threads of one base subject become one."""

    def __init__(
        self, subjects: Sequence[str], is_reply: Callable[[int], bool]
    ) -> None:
        self._subjects = subjects
        self._is_reply = is_reply
        self._table: dict[str, Entry] = {}

    def gathered(
        self, entries: list[Entry], children: dict[int, list[int]]
    ) -> list[Entry]:
        """The entries that are left, `children` changed where they moved."""
        subjects = self._subjects
        repeated = self._fill_table(entries)
        if not repeated:
            return entries
        gone: set[int] = set()  # entries by their first messages
        made: list[Entry] = []
        for entry in entries:
            first = _first(entry)
            subject = subjects[first]
            if subject not in repeated or first in gone:
                continue
            kept = self._table[subject]
            if kept == entry:
                continue
            gone.add(first)
            if isinstance(kept, list):
                # siblings under the dummy, sorted in step 6
                kept += [entry] if isinstance(entry, int) else entry
            elif self._is_reply(first) and not self._is_reply(kept):
                children.setdefault(kept, []).append(first)
            else:
                gone.add(kept)
                both = [kept, first]
                self._table[subject] = both
                made.append(both)
        return [entry for entry in entries if _first(entry) not in gone] + made

    def _fill_table(self, entries: Iterable[Entry]) -> set[str]:
        """Step 5.B; returns the subjects that more than one thread has."""
        subjects, table = self._subjects, self._table
        repeated: set[str] = set()
        for entry in entries:
            subject = subjects[entry if isinstance(entry, int) else entry[0]]
            if not subject:
                continue
            there = table.setdefault(subject, entry)
            if there != entry:
                repeated.add(subject)
                if self._is_better(entry, there):
                    table[subject] = entry
        return repeated

    def _is_better(self, entry: Entry, there: Entry) -> bool:
        """Step 5.B.iv: whether a thread stands for its subject, not the other."""
        if isinstance(there, list):
            return False
        return isinstance(entry, list) or (
            self._is_reply(there) and not self._is_reply(entry)
        )
