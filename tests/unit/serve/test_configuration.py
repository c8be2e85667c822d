"""The configuration file is a contract, and its errors point at the line."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from pyeonji.serve.assembly import mta_options
from pyeonji.serve.certificates import make_self_signed
from pyeonji.serve.configuration import ConfigurationError, parse

WHOLE = """\
hostname = "mail.example.test"
data = "data"

[tls]
certificate = "cert.pem"
key = "key.pem"

[[listener]]
protocol = "smtp"
address = "127.0.0.1:2525"
tls = "starttls"
plaintext_auth = false

[[listener]]
protocol = "imap"
address = "[::]:143"

[[route]]
domain = "remote.test"
next_hop = "127.0.0.1:2526"

[auth]
legacy = true

[dns]
servers = ["127.0.0.1:5353"]

[queue]
retry = ["1m", "5m"]
expire = "5d"
"""


def test_the_contract_is_read() -> None:
    """Every key of docs/architecture.md §5."""
    configuration = parse(WHOLE, Path("/etc/pyeonji/pyeonji.toml"))
    assert configuration.hostname == "mail.example.test"
    assert configuration.data == Path("/etc/pyeonji/data")
    assert configuration.tls.certificate == Path("/etc/pyeonji/cert.pem")
    smtp, imap = configuration.listeners
    assert (smtp.protocol, smtp.host, smtp.port) == ("smtp", "127.0.0.1", 2525)
    assert smtp.tls == "starttls"
    assert not smtp.plaintext_auth
    assert (imap.host, imap.port) == ("::", 143)
    assert not imap.plaintext_auth
    assert configuration.routes[0].next_hops == (("127.0.0.1", 2526),)
    assert configuration.legacy_auth
    assert configuration.dns_servers == ("127.0.0.1:5353",)
    assert configuration.queue.retry_s == (60.0, 300.0)
    assert configuration.queue.expire_s == 432000


def test_plaintext_auth_is_the_default_on_loopback_only() -> None:
    text = 'hostname="a.test"\ndata="d"\n' + "".join(
        f'[[listener]]\nprotocol="imap"\naddress="{address}:143"\n'
        for address in ("127.0.0.1", "192.0.2.1", "localhost")
    )
    listeners = parse(text, Path("x.toml")).listeners
    assert [each.plaintext_auth for each in listeners] == [True, False, True]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("retry =", "retries ="), "x.toml:29: queue.retries: is not a key here"),
        (('"1m"', '"1 month"'), "x.toml:29: queue.retry: must be a time"),
        (
            ('"imap"', '"managesieve"'),
            'x.toml:15: listener.protocol: "managesieve" is not built yet',
        ),
        (('"imap"', '"gopher"'), "x.toml:15: listener.protocol: must be one of"),
        (('"[::]:143"', '"::143"'), "x.toml:16: listener.address: "),
        (('"[::]:143"', '"127.0.0.1:2525"'), "x.toml:16: listener.address: another"),
        (("legacy = true", 'legacy = "yes"'), "x.toml:23: auth.legacy: must be true"),
        (('key = "key.pem"\n', ""), "x.toml:5: tls.certificate: certificate and key"),
        (('data = "data"\n', ""), "x.toml:1: data: is missing"),
        (('next_hop = "127.0.0.1:2526"\n', ""), "x.toml:18: route.next_hop: is miss"),
        (('protocol = "smtp"', "protocol = "), "x.toml: not TOML: "),
    ],
)
def test_errors_name_file_line_and_key(change: tuple[str, str], said: str) -> None:
    assert change[0] in WHOLE
    with pytest.raises(ConfigurationError) as raised:
        parse(WHOLE.replace(*change), Path("x.toml"))
    assert str(raised.value).startswith(said), str(raised.value)


def test_limit_of_messages_of_an_imap_command() -> None:
    """RFC 9738 §3: off unless it is set."""
    limited = WHOLE + "\n[imap]\nmessage_limit = 1000\nsave_limit = 500\n"
    assert parse(limited, Path("x.toml")).save_limit == 500
    assert parse(limited, Path("x.toml")).message_limit == 1000
    assert parse(WHOLE, Path("x.toml")).message_limit is None


def test_lmtp_is_never_on_the_port_of_smtp() -> None:
    """RFC 2033 §5."""
    text = 'hostname="a.test"\ndata="d"\n[[listener]]\nprotocol="%s"\naddress="%s"'
    with pytest.raises(ConfigurationError) as raised:
        parse(text % ("lmtp", "127.0.0.1:25"), Path("x.toml"))
    assert str(raised.value) == ("x.toml:5: listener.address: LMTP is never on port 25")
    for protocol, port in (("lmtp", 24), ("smtp", 25)):
        parsed = parse(text % (protocol, f"127.0.0.1:{port}"), Path("x.toml"))
        assert parsed.listeners[0].port == port


@pytest.mark.parametrize(
    ("keys", "verify", "encrypted"),
    [
        ("", False, True),
        ('user = "kim"\npassword_file = "pw"', True, True),
        ('user = "kim"\npassword_file = "pw"\nverify = false', False, True),
        ('user = "kim"\npassword_file = "pw"\ntls = "none"', False, False),
        ("verify = true", True, True),
        ('ca = "cert.pem"', True, True),
        ('tls = "none"', False, False),
    ],
)
def test_what_a_route_asks_of_the_next_hop(
    tmp_path: Path, keys: str, *, verify: bool, encrypted: bool
) -> None:
    """A certificate is checked wherever we log in (RFC 4954 §14)."""
    make_self_signed("a.test", tmp_path / "cert.pem", tmp_path / "key.pem")
    (tmp_path / "pw").write_text("secret\n")
    text = (
        'hostname="a.test"\ndata="d"\n[[route]]\ndomain="*"\nnext_hop="b.test"\n' + keys
    )
    route = mta_options(parse(text, tmp_path / "x.toml")).routes["*"]
    assert (route.context is not None) is verify
    assert route.needs_tls is verify
    assert route.use_tls is encrypted
    if route.context is not None:
        assert route.context.check_hostname
        assert route.context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('tls = "none"\nverify = true', "x.toml:7: route.verify: nothing to verify"),
        ('ca = "c.pem"\nverify = false', "x.toml:6: route.ca: is for routes that"),
    ],
)
def test_what_contradicts_itself_is_refused(keys: str, said: str) -> None:
    text = (
        'hostname="a.test"\ndata="d"\n[[route]]\ndomain="*"\nnext_hop="b.test"\n' + keys
    )
    with pytest.raises(ConfigurationError) as raised:
        parse(text, Path("x.toml"))
    assert str(raised.value).startswith(said), str(raised.value)


def test_a_ca_file_that_is_not_there_is_told() -> None:
    text = (
        'hostname="a.test"\ndata="d"\n[[route]]\ndomain="*"\nnext_hop="b.test"\n'
        'ca = "nowhere.pem"'
    )
    with pytest.raises(ConfigurationError, match=r"nowhere\.pem"):
        mta_options(parse(text, Path("/nonesuch/x.toml")))


def test_signing_and_forwarding() -> None:
    """On unless somebody says otherwise."""
    usual = parse('hostname = "mail.example.test"\ndata = "d"\n', Path("p.toml"))
    assert (usual.dkim.sign, usual.forwarding.srs, usual.forwarding.arc) == (
        True,
        True,
        True,
    )
    changed = parse(
        'hostname = "mail.example.test"\ndata = "d"\n'
        "[dkim]\nsign = false\n[forwarding]\nsrs = false\narc = false\n",
        Path("p.toml"),
    )
    assert not changed.dkim.sign
    assert not changed.forwarding.srs
    assert not changed.forwarding.arc
    with pytest.raises(ConfigurationError, match=r"p.toml:4: dkim.signs: is not a key"):
        parse(
            'hostname = "mail.example.test"\ndata = "d"\n[dkim]\nsigns = false\n',
            Path("p.toml"),
        )
