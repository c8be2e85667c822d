"""Both sides of SASL, against each other and against the RFCs' examples."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.protocol.sasl import client, server
from pyeonji.protocol.sasl.keys import make_scram_keys, pretended_keys
from pyeonji.protocol.sasl.prep import NotPrepared, saslprep
from pyeonji.protocol.sasl.scram import ChannelBinding
from pyeonji.protocol.sasl.steps import (
    Challenge,
    Exchange,
    Failed,
    PasswordNeeded,
    ScramKeys,
    ScramKeysNeeded,
    SecretNeeded,
    Step,
    Succeeded,
)

NAME, PASSWORD = "kim@example.test", "열려라 참깨"
SALT = b"0123456789abcdef"
KEYS = {
    "SCRAM-SHA-1": make_scram_keys(PASSWORD, SALT, 4096, "sha1"),
    "SCRAM-SHA-256": make_scram_keys(PASSWORD, SALT, 4096, "sha256"),
}


def answer(step: Step) -> bool | ScramKeys | str | None:
    known = getattr(step, "authcid", None) == NAME
    match step:
        case PasswordNeeded():
            return known and step.password == saslprep(PASSWORD)
        case ScramKeysNeeded():
            return KEYS[step.mechanism] if known else None
        case SecretNeeded():
            return saslprep(PASSWORD) if known else None
    raise AssertionError(step)


def conduct(exchange: Exchange, responses: list[bytes]) -> Succeeded | Failed | bytes:
    """The end, or the challenge at which the responses run out."""
    value: object = None
    try:
        while True:
            step = exchange.send(value)  # type: ignore[arg-type]
            if isinstance(step, Challenge):
                if not responses:
                    return step.octets
                value = responses.pop(0)
            else:
                value = answer(step)
    except StopIteration as end:
        result: Succeeded | Failed = end.value
        return result


def begin(mechanism: str, **more: object) -> Exchange:
    return server.begin(
        mechanism,
        nonce=b"n" * 18,
        hostname="mx.example.test",
        now=1700000000,
        **more,  # type: ignore[arg-type]
    )


def talk(
    mechanism: str, user: str, password: str, *, initial: bool, authzid: str = ""
) -> tuple[Succeeded | Failed, client.Exchange]:
    """A whole conversation between our two sides."""
    calling = client.begin(mechanism, user, password, b"c" * 18, authzid=authzid)
    first = calling.initial if initial else None
    exchange = begin(mechanism, initial=first)
    value: object = None
    try:
        while True:
            step = exchange.send(value)  # type: ignore[arg-type]
            if not isinstance(step, Challenge):
                value = answer(step)
            elif first is None and calling.initial is not None:
                value = first = calling.initial
            else:
                value = calling.respond(step.octets)
    except StopIteration as end:
        return end.value, calling


@pytest.mark.parametrize("initial", [True, False])
@pytest.mark.parametrize("mechanism", client.PREFERENCE)
def test_both_sides_agree(mechanism: str, initial: bool) -> None:
    """Right password: success, and nothing is left unsaid on the client's side."""
    end, calling = talk(mechanism, NAME, PASSWORD, initial=initial)
    assert end == Succeeded(NAME)
    assert calling.complete


@pytest.mark.parametrize("mechanism", client.PREFERENCE)
@pytest.mark.parametrize("user", [NAME, "nobody@example.test"])
def test_wrong_password_and_unknown_user_fail_alike(mechanism: str, user: str) -> None:
    """As many challenges, and no hint which it was."""
    end, _ = talk(mechanism, user, "wrong", initial=True)
    assert isinstance(end, Failed)
    assert not end.malformed
    assert end.authcid == user


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_authorisation_identity_arrives(mechanism: str) -> None:
    """Whom the client wants to act as is handed on (RFC 4422 §3.4.1)."""
    end, _ = talk(mechanism, NAME, PASSWORD, initial=True, authzid="a=b,c")
    assert end == Succeeded(NAME, "a=b,c")


def test_salt_of_an_unknown_user_stays_the_same() -> None:
    """Asked twice with other nonces, the pretended salt does not move."""
    first = b"n,,n=nobody,r=abc"
    one = conduct(begin("SCRAM-SHA-256", initial=first, pretend_key=b"s"), [])
    other = conduct(
        server.begin(
            "SCRAM-SHA-256",
            nonce=b"m" * 18,
            hostname="h",
            now=1,
            initial=first,
            pretend_key=b"s",
        ),
        [],
    )
    assert isinstance(one, bytes)
    assert isinstance(other, bytes)
    assert one.split(b",")[1:] == other.split(b",")[1:]
    assert pretended_keys("nobody", "SCRAM-SHA-256", b"s") != pretended_keys(
        "nobody", "SCRAM-SHA-256", b"t"
    )


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"kim",
        b"\0kim",
        b"\0kim\0",  # no empty password
        b"\0\0secret",
        b"\0kim\0sec\0ret",
        b"\0\xff\0secret",
        b"\0kim\0" + b"x" * 1025,
        b"\0" + b"k" * 256 + b"\0secret",
        b"\0kim\nroot\0secret",
        b"a\x07\0kim\0secret",
    ],
)
def test_plain_is_parsed_strictly(message: bytes) -> None:
    """Two NULs, a name, a password, UTF-8, nothing too long (RFC 4616 §2)."""
    end = conduct(begin("PLAIN", initial=message), [])
    assert isinstance(end, Failed)
    assert end.malformed


def test_plain_example_of_the_rfc() -> None:
    """RFC 4616 §4, second example: an authorisation identity."""
    exchange = begin("PLAIN", initial=b"Ursel\0Kurt\0xipj3plmq")
    assert next(exchange) == PasswordNeeded("Kurt", "xipj3plmq")
    with pytest.raises(StopIteration) as end:
        exchange.send(True)
    assert end.value.value == Succeeded("Kurt", "Ursel")


def test_cram_md5_example_of_the_rfc() -> None:
    """RFC 2195 §2: tim, tanstaaftanstaaf."""
    calling = client.begin("CRAM-MD5", "tim", "tanstaaftanstaaf", b"")
    challenge = b"<1896.697170952@postoffice.reston.mci.net>"
    assert calling.respond(challenge) == b"tim b913a602c7eda7a495b4e6e7334d3890"


def test_cram_md5_refuses_an_initial_response() -> None:
    """The server speaks first (RFC 4954 §4)."""
    end = conduct(begin("CRAM-MD5", initial=b""), [])
    assert isinstance(end, Failed)
    assert end.malformed


def test_scram_sha_256_example_of_the_rfc() -> None:
    """RFC 7677 §3, the server's proof check and its signature."""
    salt = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    keys = make_scram_keys("pencil", salt, 4096, "sha256")
    signed = (
        b"n=user,r=rOprNGfwEbeRWgbNEkqO,"
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    )
    proof = b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
    signature = hmac.digest(keys.stored_key, signed, "sha256")
    key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    assert hashlib.sha256(key).digest() == keys.stored_key
    assert hmac.digest(keys.server_key, signed, "sha256") == b64decode(
        "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
    )


def test_scram_server_must_prove_itself() -> None:
    """A wrong server signature ends the exchange (RFC 5802 §5)."""
    calling = client.begin("SCRAM-SHA-256", NAME, PASSWORD, b"c" * 18)
    exchange = begin("SCRAM-SHA-256", initial=calling.initial)
    first = conduct_to_challenge(exchange, None)
    calling.respond(first)
    assert not calling.complete
    for lie in (b"v=AAAA", b"e=other-error", b"", b"v=***"):
        with pytest.raises(client.ServerNotTrusted):
            calling.respond(lie)
    assert not calling.complete


def conduct_to_challenge(exchange: Exchange, value: object) -> bytes:
    while True:
        step = exchange.send(value)  # type: ignore[arg-type]
        if isinstance(step, Challenge):
            return step.octets
        value = answer(step)


@pytest.mark.parametrize(
    "first",
    [
        b"r=other,s=AAAA,i=4096",
        b"r=Y2NjY2NjY2NjY2NjY2NjY2Nj,s=AAAA,i=4096",  # nothing added
        b"r=Y2NjY2NjY2NjY2NjY2NjY2Njx,s=AAAA,i=1",
        b"r=Y2NjY2NjY2NjY2NjY2NjY2Njx,s=AAAA,i=99999999",
        b"r=Y2NjY2NjY2NjY2NjY2NjY2Njx,s=A,i=4096",
        b"m=ext,r=Y2NjY2NjY2NjY2NjY2NjY2Njx,s=AAAA,i=4096",
        b"x" * 5000,
    ],
)
def test_scram_client_trusts_no_challenge(first: bytes) -> None:
    """Nonce, iterations, base64 and mandatory extensions (RFC 5802 §5.1)."""
    calling = client.begin("SCRAM-SHA-256", NAME, PASSWORD, b"c" * 18)
    with pytest.raises(client.ServerNotTrusted):
        calling.respond(first)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"n,,",
        b"n,,r=abc,n=kim",
        b"n,,m=ext,n=kim,r=abc",
        b"n,,n=kim,r=",
        b"n,,n=k=im,r=abc",
        b"n,,n=kim,r=a\0c",
        b"x,,n=kim,r=abc",
        b"n,a=,n=kim,r=abc",
        b"n,,n=kim,r=" + b"a" * 5000,
    ],
)
def test_scram_first_message_is_parsed_strictly(first: bytes) -> None:
    """Order, names and the unknown mandatory extension (RFC 5802 §7)."""
    end = conduct(begin("SCRAM-SHA-1", initial=first), [])
    assert isinstance(end, Failed)
    assert end.malformed


@pytest.mark.parametrize(
    ("mechanism", "flag", "binding", "goes_on"),
    [
        ("SCRAM-SHA-256", b"n", None, True),
        ("SCRAM-SHA-256", b"y", None, True),
        ("SCRAM-SHA-256", b"y", "tls-exporter", False),  # -PLUS was hidden
        ("SCRAM-SHA-256", b"p=tls-exporter", None, False),
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter", "tls-exporter", True),
        ("SCRAM-SHA-256-PLUS", b"p=tls-unique", "tls-exporter", False),
        ("SCRAM-SHA-256-PLUS", b"n", "tls-exporter", False),
        ("SCRAM-SHA-256-PLUS", b"p=tls-exporter", None, False),
    ],
)
def test_channel_binding_flags(
    mechanism: str, flag: bytes, binding: str | None, goes_on: bool
) -> None:
    """What the client says of binding is compared with what is so (RFC 5802 §6)."""
    given_binding = binding and ChannelBinding(name=binding, octets=b"facts")
    end = conduct(
        begin(
            mechanism,
            initial=flag + b",,n=%b,r=abc" % NAME.encode(),
            bindings=(given_binding,) if given_binding else (),
        ),
        [],
    )
    assert isinstance(end, bytes) == goes_on


def test_every_mechanism_of_the_table_begins() -> None:
    """The table is what `begin` knows."""
    for name, mechanism in server.MECHANISMS.items():
        assert isinstance(next(begin(name)), Challenge)
        assert mechanism.name == name
    with pytest.raises(server.UnknownMechanism):
        begin("GSSAPI")


def test_the_best_mechanism_shows_no_password_in_clear() -> None:
    """PLAIN and LOGIN want TLS (RFC 4616 §6)."""
    assert client.best(["plain", "LOGIN"], tls=False) is None
    assert client.best(["plain", "LOGIN"], tls=True) == "PLAIN"
    assert client.best(["plain"], tls=False, plaintext=True) == "PLAIN"
    assert client.best(["PLAIN", "scram-sha-1"], tls=False) == "SCRAM-SHA-1"


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("I\u00adX", "IX"),
        ("user", "user"),
        ("USER", "USER"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("a\u00a0b", "a b"),
    ],
)
def test_saslprep_examples(text: str, prepared: str) -> None:
    """RFC 4013 §3."""
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\x07", "\u0627\u0031", "a\u0000b", "\ue000"])
def test_saslprep_prohibits(text: str) -> None:
    """RFC 4013 §2.3 and §2.4."""
    with pytest.raises(NotPrepared):
        saslprep(text)


PIECES = st.sampled_from(
    [
        b"n,,",
        b"y,,",
        b"p=x,,",
        b"a=",
        b"n=",
        b"kim",
        b",",
        b"r=",
        b"abc",
        b"c=biws",
        b"p=AAAA",
        b"\x00",
        b"\xff",
        b"=2C",
        b"=",
        b" ",
        b"x" * 300,
        NAME.encode(),
        b"0" * 32,
        b"v=",
        b"i=4096",
        b"s=AAAA",
    ]
)


@given(
    mechanism=st.sampled_from(sorted(server.MECHANISMS)),
    messages=st.lists(st.lists(PIECES, max_size=8).map(b"".join), max_size=4),
    initial=st.booleans(),
)
def test_no_response_raises(
    mechanism: str, messages: list[bytes], initial: bool
) -> None:
    """Whatever a client says, the exchange goes on or ends in Failed."""
    first = messages.pop(0) if initial and messages else None
    end = conduct(begin(mechanism, initial=first), messages)
    assert not isinstance(end, Succeeded)


@given(challenges=st.lists(st.lists(PIECES, max_size=8).map(b"".join), max_size=4))
def test_no_challenge_completes_scram(challenges: list[bytes]) -> None:
    """Whatever a server says, only ServerNotTrusted is raised."""
    calling = client.begin("SCRAM-SHA-1", NAME, PASSWORD, b"c" * 18)
    for challenge in challenges:
        try:
            calling.respond(challenge)
        except client.ServerNotTrusted:
            break
    assert not calling.complete
