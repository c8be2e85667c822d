"""Threading (RFC 5256 §3): our lists against the text, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.mra.imap.threads import (
    Forest,
    by_references,
    by_references_alone,
    by_subject,
)


def test_how_threads_are_written() -> None:
    """The examples of RFC 5256 §4, THREAD response."""
    children = {3: [6], 6: [4, 44], 4: [23], 44: [7], 7: [96]}
    assert Forest([2, 3], children).write(range(100)) == b"(2)(3 6 (4 23)(44 7 96))"
    assert Forest([[3, 5]], {}).write(range(100)) == b"((3)(5))"
    deep = {n: [n + 1] for n in range(50_000)}
    assert Forest([0], deep).write(range(50_001)).startswith(b"(0 1 2 3")


def test_ordered_subject() -> None:
    """Threads by the first message's date, the others below it (RFC 5256 §3)."""
    forest = by_subject(["B", "A", "B", "", "A", "B", ""], [5, 6, 1, 9, 7, 8, 2])
    assert forest.write(range(1, 8)) == b"(3 (1)(6))(7 4)(2 5)"


@dataclass(eq=False)
class Node:
    """A message or, without a number, a dummy."""

    number: int | None
    date: int = 0
    subject: str = ""
    reply: bool = False
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    def adopt(self, child: Node) -> None:
        if child.parent is not None:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)

    def is_below(self, other: Node) -> bool:
        node: Node | None = self
        while node is not None:
            if node is other:
                return True
            node = node.parent
        return False

    @property
    def key(self) -> tuple[int, int]:
        if self.number is None:
            return min(child.key for child in self.children)
        return self.date, self.number

    @property
    def first(self) -> Node:
        return min(self.children, key=lambda child: child.key)

    def written(self) -> str:
        members = "" if self.number is None else str(self.number)
        if len(self.children) == 1 and self.number is not None:
            return f"{members} {self.children[0].written()}"
        below = "".join(f"({child.written()})" for child in self.children)
        return f"{members} {below}".strip()


Message = tuple[str, list[str], int, str, bool]


def as_written(messages: list[Message]) -> str:
    """REFERENCES word by word, with no thought of speed."""
    nodes = [
        Node(number, date, subject, reply)
        for number, (_, _, date, subject, reply) in enumerate(messages, 1)
    ]
    table: dict[str, Node] = {}
    for node, (own, *_) in zip(nodes, messages, strict=True):
        if own:
            table.setdefault(own, node)
    for node, (_, references, *_) in zip(nodes, messages, strict=True):
        last: Node | None = None
        for reference in references:
            there = table.setdefault(reference, Node(None))
            if last is not None and there.parent is None and not last.is_below(there):
                last.adopt(there)
            last = there
        if node.parent is not None:
            node.parent.children.remove(node)
            node.parent = None
        if last is not None and not last.is_below(node):
            last.adopt(node)
    root = Node(None)
    everything = list({id(node): node for node in [*nodes, *table.values()]}.values())
    for node in everything:
        if node.parent is None:
            root.adopt(node)
    prune(root, root)
    root.children.sort(key=lambda node: node.key)
    gather(root)
    sort(root)
    return "".join(f"({node.written()})" for node in root.children)


def prune(node: Node, root: Node) -> None:
    for child in list(node.children):
        prune(child, root)
        if child.number is not None:
            continue
        if not child.children:
            node.children.remove(child)
        elif node is not root or len(child.children) == 1:
            at = node.children.index(child)
            for grandchild in child.children:
                grandchild.parent = node
            node.children[at : at + 1] = child.children


def subject_of(node: Node) -> str:
    return node.subject if node.number is not None else node.first.subject


def gather(root: Node) -> None:
    table: dict[str, Node] = {}
    for node in root.children:
        subject = subject_of(node)
        if not subject:
            continue
        there = table.setdefault(subject, node)
        if there.number is not None and (
            node.number is None or (there.reply and not node.reply)
        ):
            table[subject] = node
    for node in list(root.children):
        if node.parent is root and (subject := subject_of(node)):
            merge(root, node, subject, table)


def merge(root: Node, node: Node, subject: str, table: dict[str, Node]) -> None:
    there = table[subject]
    if there is node:
        return
    if there.number is None and node.number is None:
        for child in list(node.children):
            there.adopt(child)
        root.children.remove(node)
    elif there.number is None or (node.reply and not there.reply):
        there.adopt(node)
    else:
        dummy = Node(None)
        root.adopt(dummy)
        dummy.adopt(node)
        dummy.adopt(there)
        table[subject] = dummy


def sort(node: Node) -> None:
    for child in node.children:
        sort(child)
    node.children.sort(key=lambda child: child.key)


IDS = st.sampled_from(["", "a", "b", "c", "d", "e", "f", "g"])
MESSAGES = st.lists(
    st.tuples(
        IDS,
        st.lists(IDS.filter(bool), max_size=4),
        st.integers(0, 3),
        st.sampled_from(["", "X", "Y", "Z"]),
        st.booleans(),
    ),
    max_size=12,
)


def ours(messages: list[Message]) -> str:
    if not messages:
        return ""
    ids, references, dates, subjects, replies = map(list, zip(*messages, strict=True))
    forest = by_references(ids, references, dates, subjects, replies.__getitem__)
    return forest.write(range(1, len(messages) + 1)).decode()


@settings(max_examples=1500, deadline=None)
@given(MESSAGES)
def test_references_as_the_text_has_it(messages: list[Message]) -> None:
    """All six steps, dummies and loops (RFC 5256 §3, REFERENCES)."""
    assert ours(messages) == as_written(messages)


@settings(max_examples=300, deadline=None)
@given(MESSAGES)
def test_every_message_stands_in_one_thread(messages: list[Message]) -> None:
    """THREAD names each message that was found once (RFC 5256 §4)."""
    numbers = list(range(1, len(messages) + 1))
    said = ours(messages).replace("(", " ").replace(")", " ").split()
    assert sorted(map(int, said)) == numbers
    if messages:
        ids, references, dates, _, _ = zip(*messages, strict=True)
        refs = by_references_alone(ids, references, dates, numbers).write(numbers)
        said = refs.decode().replace("(", " ").replace(")", " ").split()
        assert sorted(map(int, said)) == numbers


def test_long_chains_and_loops_take_no_time() -> None:
    """Linear, whatever the references are."""
    count = 5000
    ids = [f"<{n}>" for n in range(count)]
    chain: list[list[str]] = [[], *([own] for own in ids[:-1])]
    forest = by_references(ids, chain, [0] * count, [""] * count, lambda _: False)
    assert forest.write(range(count)) == b"(%b)" % b" ".join(
        b"%d" % n for n in range(count)
    )
    # each wants the deepest one above the topmost one
    spiteful = [*chain, *([ids[-1], ids[0]] for _ in range(count))]
    names = [*ids, *[""] * count]
    both = 2 * count
    forest = by_references(names, spiteful, [0] * both, [""] * both, lambda _: False)
    assert len(forest.roots) == 1
