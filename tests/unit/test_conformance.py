"""docs/conformance says something of every RFC that the code cites.

A citation is `RFC 5321 §4.5.3` in src; a page is docs/conformance/rfc5321.md, a
table with a row for each section: number, what it is, its state, code and
tests. The index is docs/conformance/README.md, one row for each page.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "conformance"
STATES = {"yes", "partly", "no", "not for us", "–"}

PASSING = {
    1035: "DNS itself: a limit of names",
    1036: "news; its advice on References",
    1049: "what Content-Type was before MIME",
    1428: "the name unknown-8bit",
    1468: "a charset: ISO-2022-JP, read",
    1554: "a charset: ISO-2022-JP-2, read",
    1557: "a charset: ISO-2022-KR, read and written; it has no numbered sections",
    1847: "why signed parts are left alone",
    1864: "Content-MD5, told by BODYSTRUCTURE",
    1951: "DEFLATE, done by zlib",
    2017: "a parameter of external bodies",
    2180: "advice for IMAP; one way to treat a mailbox that goes",
    2392: "what a Content-ID is for",
    2557: "Content-Location, told by BODYSTRUCTURE",
    2978: "how long a charset's name may be",
    3282: "Content-Language, told by BODYSTRUCTURE",
    3339: "a form of dates on the command line",
    3454: "stringprep, below RFC 4013",
    4466: "how later extensions are written; each has its own page",
    4647: "how a language range is matched",
    4648: "base64 itself",
    5233: "Sieve; its word for sub-addresses",
    5280: "where a certificate has its mail addresses",
    5788: "the registry of keywords",
    5890: "IDNA, done by libraries",
    5892: "IDNA, done by libraries",
    6066: "SNI, done by OpenSSL",
    6750: "what a bearer token is, and words of its errors",
    6838: "how a media type is named",
    6858: "one trick of its downgrades",
    7435: "why a next hop's certificate is not checked",
    7517: "keys in JSON, read by a library",
    7518: "how long a shared key must be",
    7519: "JSON Web Tokens, read by a library",
    7627: "why tls-unique is not unique in resumed sessions",
    8996: "TLS before 1.2 is not spoken",
    9068: "what an access token is like",
    9266: "tls-exporter, which cannot be had: docs/decisions",
    9325: "TLS before 1.2 is not spoken",
}
"""RFCs that are only mentioned, and why they need no page (they may have one)."""

_SECTION = r"(?:[0-9]+|[A-Z])(?:\.[0-9]+)*(?![A-Za-z0-9])"
_BETWEEN = r"(?:, and|,| and| to)"
_CITATION = re.compile(
    rf"\bRFC ([0-9]{{3,5}})((?:{_BETWEEN} [0-9]{{3,5}}\b)*)"
    rf"( §{_SECTION}(?:{_BETWEEN} §{_SECTION}|-§?{_SECTION})*)?"
)
_ROW = re.compile(rf"§?({_SECTION}(?:(?:, |–|-)§?{_SECTION})*)")
_NAME = re.compile(r"`([^`\s]+)`")


def cited(text: str) -> dict[int, set[str]]:
    """RFC numbers in a source text, and the sections named with them."""
    found: dict[int, set[str]] = {}
    # a citation may be broken over lines, of a comment too
    joined = re.sub(r"\s*\n\s*(?:#\s*)?", " ", text)
    for match in _CITATION.finditer(joined):
        sections = set(re.findall(_SECTION, match[3] or ""))
        found.setdefault(int(match[1]), set()).update(sections)
        for more in re.findall(r"\d+", match[2]):
            found.setdefault(int(more), set())
    return found


@cache
def citations() -> dict[int, set[str]]:
    """All of src."""
    found: dict[int, set[str]] = {}
    for file in sorted((ROOT / "src").rglob("*.py")):
        for number, sections in cited(file.read_text("utf-8")).items():
            found.setdefault(number, set()).update(sections)
    return found


def rows(page: str) -> list[tuple[set[str], str, str]]:
    """Sections, state and the whole text of each row of a page."""
    found = []
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        first = _ROW.match(cells[0])
        if not line.startswith("|") or first is None or len(cells) < 3:
            continue
        state = next((cell for cell in cells if cell in STATES), "")
        found.append((sections_of(first[1]), state, line))
    return found


def sections_of(written: str) -> set[str]:
    """`5.1, 5.3–5.5` is 5.1, 5.3, 5.4 and 5.5."""
    found: set[str] = set()
    for item in re.split(r", §?", written):
        first, _, last = item.replace("–", "-").replace("§", "").partition("-")
        found.add(first)
        head, _, low = first.rpartition(".")
        high = last.rpartition(".")[2]
        if low.isdecimal() and high.isdecimal():
            numbers = range(int(low), int(high) + 1)
            found.update(f"{head}.{n}" if head else str(n) for n in numbers)
    return found


def stands(section: str, known: set[str]) -> bool:
    """Whether a section, or one that it is part of, is among those."""
    while section:
        if section in known:
            return True
        section = section.rpartition(".")[0]
    return False


@cache
def paths() -> frozenset[str]:
    """Files and folders of src and tests, by every end of their paths."""
    found: set[str] = set()
    for top in ("src", "tests"):
        for path in (ROOT / top).rglob("*"):
            parts = path.relative_to(ROOT).parts
            if "__pycache__" not in parts:
                found.update("/".join(parts[at:]) for at in range(len(parts)))
    return frozenset(found)


def exists(name: str) -> bool:
    return name.rstrip("/") in paths()


def numbers_of_pages() -> list[int]:
    return sorted(int(page.stem[3:]) for page in PAGES.glob("rfc*.md"))


def test_how_citations_are_found() -> None:
    text = """(RFC 5321 §4.1.2, §4.1.3), RFC 2045 §2.7 and §2.8: a
    # RFC 5322 §3.6.4 to §3.6.6, RFC 2046
    # §5.1.1) and RFC 1939, 2449 and 2595; RFC822.SIZE; RFC 3501 §6.1-6.3."""
    assert cited(text) == {
        5321: {"4.1.2", "4.1.3"},
        2045: {"2.7", "2.8"},
        5322: {"3.6.4", "3.6.6"},
        2046: {"5.1.1"},
        1939: set(),
        2449: set(),
        2595: set(),
        3501: {"6.1", "6.3"},
    }
    assert sections_of("5.1, 5.3–5.5, F.1") == {"5.1", "5.3", "5.4", "5.5", "F.1"}


@pytest.mark.parametrize("number", sorted(citations()))
def test_a_cited_rfc_has_a_page(number: int) -> None:
    """A page that the index lists, or a reason why it needs none."""
    page = PAGES / f"rfc{number}.md"
    if number in PASSING and not page.exists():
        return
    assert page.exists(), f"docs/conformance has no rfc{number}.md"
    known = {s for row, _, _ in rows(page.read_text("utf-8")) for s in row}
    missing = {s for s in citations()[number] if not stands(s, known)}
    assert not missing, f"{page.name} says nothing of {sorted(missing)}"


@pytest.mark.parametrize("number", numbers_of_pages())
def test_a_page_says_what_is_there(number: int) -> None:
    """Each row has a state; what is `yes` is somewhere; what is named exists."""
    text = (PAGES / f"rfc{number}.md").read_text("utf-8")
    found = rows(text)
    assert found, "no table"
    for _, state, line in found:
        assert state, f"no state ({', '.join(sorted(STATES))}): {line}"
        named = any(exists(name) for name in _NAME.findall(line))
        assert named or state != "yes", f"names no file: {line}"
    gone = [n for n in _NAME.findall(text) if n.endswith(".py") and not exists(n)]
    assert not gone, f"not there any more: {gone}"


def test_the_index_lists_the_pages() -> None:
    listed = re.findall(
        r"(?m)^\| \[(\d+)\]\(rfc(\d+)\.md\) \| .+ \| .+ \|$",
        (PAGES / "README.md").read_text("utf-8"),
    )
    assert all(shown == linked for shown, linked in listed)
    assert [int(number) for number, _ in listed] == numbers_of_pages(), (
        "one row for each page, by number"
    )


def test_what_is_only_mentioned_is_mentioned() -> None:
    """A reason in PASSING that nothing needs any more goes."""
    assert sorted(PASSING.keys() - citations().keys()) == []
