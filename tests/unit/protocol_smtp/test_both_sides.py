"""Our client against our server in memory: whatever one says, the other reads."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pyeonji.protocol.machine import CLOSED, NEED_DATA, PAUSED
from pyeonji.protocol.sasl import server as sasl
from pyeonji.protocol.sasl.keys import make_scram_keys
from pyeonji.protocol.sasl.steps import (
    Challenge,
    Exchange,
    PasswordNeeded,
    ScramKeysNeeded,
)
from pyeonji.protocol.smtp import events as ev
from pyeonji.protocol.smtp import outcomes as oc
from pyeonji.protocol.smtp.client import ClientMachine, ClientOptions
from pyeonji.protocol.smtp.errors import LocalProtocolError
from pyeonji.protocol.smtp.options import ALL_OFFERS, Options
from pyeonji.protocol.smtp.replies import Reply
from pyeonji.protocol.smtp.server import ServerMachine
from pyeonji.protocol.smtp.words import BodyType, Offer

KEYS = make_scram_keys("secret", b"salt" * 4, 4096, "sha256")


@dataclass
class Kept:
    """What a door kept of a transaction."""

    mail: ev.MailAsked | None = None
    recipients: list[ev.RecipientAsked] = field(default_factory=list)
    octets: bytes = b""


class Door:
    """Answers a server machine as a real door would, from a few rules."""

    def __init__(self, options: Options) -> None:
        self.machine = ServerMachine(options)
        self.machine.greet()
        self.now = Kept()
        self.letters: list[Kept] = []
        self.exchange: Exchange | None = None

    def run(self) -> object:
        while True:
            event = self.machine.next_event()
            if event in {NEED_DATA, PAUSED, CLOSED}:
                return event
            self.answer(event)

    def answer(self, event: object) -> None:  # noqa: C901 - one case an event
        machine = self.machine
        match event:
            case ev.MailAsked():
                self.now = Kept(mail=event)
                machine.accept()
            case ev.RecipientAsked():
                if event.path.startswith("no"):
                    machine.reply(550, "5.1.1", "no such mailbox")
                elif event.path.startswith("late"):
                    machine.reply(451, "4.3.0", "try again")
                else:
                    self.now.recipients.append(event)
                    machine.accept()
            case ev.BodyChunk():
                self.now.octets += event.octets
            case ev.LetterReceived() | ev.BodyEnded():
                if isinstance(event, ev.LetterReceived):
                    self.now.octets = event.octets
                self.letters.append(self.now)
                if machine.options.lmtp:
                    for r in self.now.recipients:
                        machine.reply_next(
                            Reply(452, "4.2.2", "full")
                            if r.path.startswith("full")
                            else Reply(250, "2.0.0", "kept")
                        )
                else:
                    machine.accept()
            case ev.AuthAsked():
                self.exchange = sasl.begin(
                    event.mechanism,
                    nonce=b"s" * 18,
                    hostname="mx",
                    now=1,
                    initial=event.initial,
                )
                self.step(None)
            case ev.AuthResponse():
                self.step(event.octets)
            case (
                ev.AuthCancelled()
                | ev.TransactionDropped()
                | ev.Quit()
                | ev.ErrorsMounting()
            ):
                pass
            case _:
                machine.accept()

    def step(self, value: object) -> None:
        assert self.exchange is not None
        try:
            while True:
                step = self.exchange.send(value)  # type: ignore[arg-type]
                if isinstance(step, Challenge):
                    self.machine.challenge(step.octets)
                    return
                if isinstance(step, ScramKeysNeeded):
                    value = KEYS
                elif isinstance(step, PasswordNeeded):
                    value = step.password == "secret"
                else:
                    value = "secret"
        except StopIteration as end:
            if hasattr(end.value, "authzid"):
                self.machine.authenticated(end.value.authcid)
            else:
                self.machine.auth_failed(malformed=end.value.malformed)


class Line:
    """A client and a door, and the wire between."""

    def __init__(self, options: Options, **client: bool) -> None:
        self.door = Door(options)
        self.client = ClientMachine(
            ClientOptions(hostname="client.test", lmtp=options.lmtp, **client)
        )
        self.sent = b""

    def next(self) -> object:
        for _ in range(10_000):
            event = self.client.next_event()
            if event is not NEED_DATA:
                return event
            out = self.client.data_to_send()
            self.sent += out
            self.door.machine.receive_data(out)
            self.door.run()
            back = self.door.machine.data_to_send()
            if not back and not out:
                return NEED_DATA
            self.client.receive_data(back)
        raise AssertionError("they talk for ever")

    def hello(self) -> None:
        greeted = self.next()
        assert isinstance(greeted, oc.Greeted)
        self.client.hello()
        assert isinstance(self.next(), oc.HelloDone)

    def letter(
        self, envelope: oc.Envelope, *pieces: bytes, at_once: bool = False
    ) -> oc.LetterDone:
        """Send a letter; its end goes `at_once` with the last piece or by itself."""
        self.client.send_letter(envelope)
        left = list(pieces)
        while not isinstance(event := self.next(), oc.LetterDone):
            assert isinstance(event, oc.BodyWanted)
            if left:
                piece = left.pop(0)
                self.client.send_body(piece, last=at_once and not left)
            else:
                self.client.end_body()
        return event


def envelope(*recipients: str, **more: object) -> oc.Envelope:
    return oc.Envelope(
        reverse_path="kim@example.test",
        recipients=tuple(oc.RecipientWanted(address=r) for r in recipients),
        **more,  # type: ignore[arg-type]
    )


def offers_variants() -> list[frozenset[Offer]]:
    some = (Offer.PIPELINING, Offer.CHUNKING, Offer.DSN, Offer.SIZE)
    return [
        ALL_OFFERS.difference(missing)
        for count in range(len(some) + 1)
        for missing in combinations(some, count)
    ] + [frozenset()]


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("lmtp", [False, True])
@pytest.mark.parametrize("offers", offers_variants(), ids=lambda o: str(len(o)))
def test_letters_arrive_with_any_extensions(
    offers: frozenset[Offer], lmtp: bool, at_once: bool
) -> None:
    """Several letters over one connection, small and large, dots and all."""
    line = Line(Options(hostname="mx", offers=offers, lmtp=lmtp))
    line.hello()
    large = b"x" * 70_000 + b"\r\n..dots\r\n"
    for pieces in ([b"Subject: a\r\n\r\n.dot\r\n"], [large] * 6, [b""], [b"no end"]):
        whole = b"".join(pieces)
        done = line.letter(
            envelope(
                "lee@example.test", "no@x.test", "late@x.test", size_octets=len(whole)
            ),
            *pieces,
            at_once=at_once,
        )
        verdicts = [o.verdict for o in done.outcomes]
        assert verdicts == [oc.Verdict.DONE, oc.Verdict.NEVER, oc.Verdict.LATER]
        got = line.door.letters[-1].octets
        assert got in {whole, whole + b"\r\n"}
    line.client.quit()
    assert isinstance(line.next(), oc.Answered)
    assert line.next() is CLOSED


def test_lmtp_has_a_reply_for_each_recipient() -> None:
    """RFC 2033 §4.2."""
    line = Line(Options(hostname="mx", lmtp=True))
    line.hello()
    done = line.letter(envelope("a@x.test", "no@x.test", "full@x.test"), b"hi\r\n")
    assert [o.reply.code for o in done.outcomes] == [250, 550, 452]


@pytest.mark.parametrize("pipelining", [True, False])
def test_nobody_accepted_gives_no_body(pipelining: bool) -> None:
    """Also where DATA was sent along (RFC 2920 §3.1); the line stays usable."""
    line = Line(Options(hostname="mx"), pipelining=pipelining)
    line.hello()
    done = line.letter(envelope("no@x.test"))
    assert [o.reply.code for o in done.outcomes] == [550]
    done = line.letter(envelope("lee@x.test"), b"hi\r\n")
    assert done.outcomes[0].verdict is oc.Verdict.DONE


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"])
@pytest.mark.parametrize("password", ["secret", "wrong"])
def test_authentication(mechanism: str, password: str) -> None:
    """RFC 4954 §4, with and without an initial response."""
    options = Options(
        hostname="mx",
        plaintext_auth=True,
        mechanisms=("SCRAM-SHA-256", "PLAIN", "LOGIN", "CRAM-MD5"),
    )
    line = Line(options)
    line.hello()
    line.client.authenticate(mechanism, "kim", password, secrets.token_bytes(18))
    done = line.next()
    assert isinstance(done, oc.AuthDone)
    assert done.succeeded == (password == "secret")
    assert line.door.machine.authenticated_as == ("kim" if done.succeeded else "")


def test_starttls_forgets_all() -> None:
    """Both sides begin anew (RFC 3207 §4.2)."""
    line = Line(Options(hostname="mx"))
    line.hello()
    line.client.start_tls()
    event = line.next()
    assert isinstance(event, oc.TlsReady)
    assert event.go
    assert line.client.next_event() is PAUSED
    assert line.door.run() is PAUSED
    line.client.tls_started()
    line.door.machine.tls_started()
    line.client.hello()
    assert isinstance(line.next(), oc.HelloDone)
    assert not line.client.offers(Offer.STARTTLS)
    assert line.client.mechanisms


def test_parameters_arrive() -> None:
    """SIZE, BODY, SMTPUTF8, RET, ENVID, NOTIFY, ORCPT are read as written."""
    line = Line(Options(hostname="mx"))
    line.hello()
    wanted = oc.Envelope(
        reverse_path="김@example.test",
        recipients=(
            oc.RecipientWanted(
                address="이@x.test", notify="SUCCESS,DELAY", orcpt="utf-8;이+=@x.test"
            ),
            oc.RecipientWanted(
                address='"a > b"@x.test', notify="NEVER", orcpt="rfc822;a+b=c@x.test"
            ),
        ),
        size_octets=4,
        body_type=BodyType.EIGHT_BIT,
        smtputf8=True,
        ret="HDRS",
        envid="a+b= c",
    )
    line.letter(wanted, b"hi\r\n")
    kept = line.door.letters[0]
    assert kept.mail == ev.MailAsked(
        reverse_path="김@example.test",
        size_octets=4,
        body=BodyType.EIGHT_BIT,
        smtputf8=True,
        ret="HDRS",
        envid="a+b= c",
    )
    assert [r.orcpt for r in kept.recipients] == [r.orcpt for r in wanted.recipients]
    assert [r.path for r in kept.recipients] == [r.address for r in wanted.recipients]
    assert [r.notify for r in kept.recipients] == ["SUCCESS,DELAY", "NEVER"]


@pytest.mark.parametrize(
    "address",
    ["a>b@x.test", "a@x.test\r\nRCPT TO:<b@x.test", "a b@x.test", "a\0@x.test", ""],
)
def test_no_address_breaks_out_of_its_line(address: str) -> None:
    """What would be another command is refused before it is sent."""
    line = Line(Options(hostname="mx"))
    line.hello()
    with pytest.raises(LocalProtocolError):
        line.client.send_letter(envelope(address))


def test_what_the_server_lacks() -> None:
    """Known before a transaction begins."""
    line = Line(Options(hostname="mx", offers=frozenset()))
    line.hello()
    assert line.client.lacks(
        envelope("a@x.test", smtputf8=True, body_type=BodyType.BINARY, ret="FULL")
    ) == {Offer.SMTPUTF8, Offer.BINARYMIME, Offer.DSN}


def test_binary_goes_by_bdat_octet_for_octet() -> None:
    """RFC 3030 §3."""
    line = Line(Options(hostname="mx"))
    line.hello()
    octets = bytes(range(256)) + b"\r\n.\r\n\n.\n\r"
    line.letter(envelope("a@x.test", body_type=BodyType.BINARY), octets, octets)
    assert line.door.letters[0].octets == octets * 2
    assert b"DATA" not in line.sent


BODY = st.lists(
    st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"..", b"x", b"\0", b"MAIL"]),
    max_size=12,
)


@settings(max_examples=200)
@given(pieces=BODY, chunked=st.booleans())
def test_nothing_smuggled_leaves(pieces: list[bytes], chunked: bool) -> None:
    """Any content, cut anywhere, is one letter; no bare CR or LF goes out."""
    line = Line(Options(hostname="mx"))
    line.hello()
    size = 300_000 if chunked else 0
    done = line.letter(envelope("a@x.test", size_octets=size), *pieces)
    assert done.outcomes[0].verdict is oc.Verdict.DONE
    assert len(line.door.letters) == 1
    whole = b"".join(pieces)
    for other in (b"\r\n", b"\r"):
        whole = whole.replace(other, b"\n")
    whole = whole.replace(b"\n", b"\r\n")
    assert line.door.letters[0].octets in {whole, whole + b"\r\n"}
    assert line.sent.count(b"\n") == line.sent.count(b"\r\n") == line.sent.count(b"\r")
