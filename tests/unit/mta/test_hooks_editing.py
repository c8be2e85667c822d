"""Headers that hooks change."""

from hypothesis import given
from hypothesis import strategies as st

from pyeonji.message.header import Header
from pyeonji.mta.hooks.editing import edited, field
from pyeonji.mta.hooks.session import Edit

HEADER = b"A: 1\r\nB: 2\r\n folded\r\na: 3\r\nC: 4\r\n\r\n"


def test_fields_are_counted_by_name() -> None:
    edits = [
        Edit(name=b"a", index=2, value=b"new"),
        Edit(name=b"B", index=1, value=None),
        Edit(name=b"C", index=2, value=b"one more"),
        Edit(name=b"D", index=1, value=None),
    ]
    assert edited(HEADER, edits) == (b"A: 1\r\na: new\r\nC: 4\r\nC: one more\r\n\r\n")
    assert edited(HEADER, []) is HEADER


def test_a_value_cannot_end_its_field() -> None:
    assert field(b"X", b"a\r\n\r\nbody\nBcc: x") == b"X: a\r\n\tbody\r\n\tBcc: x\r\n"
    assert field(b"X", b"") == b"X: \r\n"
    assert field(b"X: y", b"z") == b""


@given(value=st.binary(max_size=200), index=st.integers(1, 3))
def test_no_value_adds_a_field_or_a_body(value: bytes, index: int) -> None:
    changed = edited(HEADER, [Edit(name=b"A", index=index, value=value)])
    assert changed.endswith(b"\r\n\r\n")
    assert changed.count(b"\r\n\r\n") == 1
    names = [each.name.lower() for each in Header(changed).fields]
    assert names == ["a", "b", "a", "c"] + (["a"] if index == 3 else [])
