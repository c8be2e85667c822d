"""Names, texts and servers that come from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.message.scan import scan
from pyeonji.mua.agent.errors import NotConfigured
from pyeonji.mua.agent.files import harmless_name, write_new
from pyeonji.mua.agent.profiles import Profile, split_server
from pyeonji.mua.agent.show import is_attachment, safe, structure_lines, text_view


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("보고서.pdf", "보고서.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\x\\a.exe", "a.exe"),
        ("x.pdf\0.exe", "x.pdf_.exe"),
        ("a\u202egpj.exe", "a_gpj.exe"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a\r\nb", "a__b"),
        ("", "part-2"),
        ("..", "part-2"),
        ("CON.txt", "part-2-CON.txt"),
    ],
)
def test_attachment_names_are_made_harmless(name: str, expected: str) -> None:
    assert harmless_name(name, "part-2") == expected


@given(name=st.text(max_size=300))
def test_a_harmless_name_stays_in_its_folder(name: str) -> None:
    made = harmless_name(name, "part-1")
    assert made == Path(made).name
    assert 0 < len(made.encode()) <= 255
    assert not made.startswith((".", "-"))
    assert made.isprintable() or not name.isprintable()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    paths = [write_new(tmp_path, "a.txt", b"x").name for _ in range(3)]
    assert paths == ["a.txt", "a (2).txt", "a (3).txt"]


@given(text=st.text())
def test_nothing_steers_the_terminal(text: str) -> None:
    shown = safe(text)
    assert not any(
        (ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 for c in shown
    )
    shown.encode()


def test_the_plain_text_is_shown_and_html_on_demand() -> None:
    """RFC 2046 §5.1.4."""
    octets = (
        b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\nplain\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>rich<script>x</script>\r\n--b--\r\n"
    )
    assert text_view(octets).strip() == "plain"
    assert "<p>rich" in text_view(octets, html=True)
    assert list(structure_lines(scan(octets)))[1].startswith("  1  text/plain")
    alone = b"Content-Type: text/html\r\n\r\n<p>rich<script>x</script></p>"
    assert text_view(alone).strip() == "rich"


def test_what_cannot_be_decoded_is_a_file() -> None:
    """RFC 2045 §6.4; so is what has an unknown disposition (RFC 2183 §2.8)."""
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\nContent-Transfer-Encoding: x-zip\r\n\r\ncoded\r\n"
        b"--b\r\nContent-Disposition: signal\r\n\r\nsignalled\r\n"
        b"--b\r\n\r\nplain\r\n--b--\r\n"
    )
    assert text_view(octets).strip() == "plain"
    assert [is_attachment(part) for part in scan(octets).children] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail.example.test:25", ("mail.example.test", 25)),
        ("mail.example.test", ("mail.example.test", 993)),
        ("[::1]:143", ("::1", 143)),
        ("[::1]", ("::1", 993)),
        ("::1", ("::1", 993)),
    ],
)
def test_servers_as_written(text: str, expected: tuple[str, int]) -> None:
    assert split_server(text, 993) == expected


def test_tls_is_by_the_port_unless_said() -> None:
    """RFC 8314 §3: implicit TLS on its ports; never in clear by default."""
    assert Profile(imap="a:993").server("imap").tls == "implicit"
    assert Profile(imap="a:143").server("imap").tls == "starttls"
    assert Profile(imap="a:143", imap_tls="none").server("imap").tls == "none"
    for bad in ("a:x", "a:0", "a:70000", ":25"):
        with pytest.raises(NotConfigured):
            Profile(smtp=bad).server("smtp")
    with pytest.raises(NotConfigured):
        Profile().server("pop3")
