"""One letter of the client: its commands, and what the replies come to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pyeonji.protocol.smtp import xtext
from pyeonji.protocol.smtp.client_body import Chunks, DotStuffing
from pyeonji.protocol.smtp.errors import LocalProtocolError
from pyeonji.protocol.smtp.limits import SMALL_LETTER_OCTETS
from pyeonji.protocol.smtp.outcomes import LetterDone, Outcome, Verdict
from pyeonji.protocol.smtp.wishes import write_by
from pyeonji.protocol.smtp.words import BodyType, Offer

if TYPE_CHECKING:
    from collections.abc import Container

    from pyeonji.protocol.smtp.client_replies import PeerReply
    from pyeonji.protocol.smtp.outcomes import Envelope, RecipientWanted

# nothing that could end a path or a line may stand in an address outside quotes
_ADDRESS: Final = re.compile(
    r'(?:[^\x00-\x20\x7f-\x9f<>"\u2028\u2029]+|"(?:[^\x00-\x1f\x7f-\x9f"\\]|\\[ -~])*"'
    r"@[^\x00-\x20\x7f-\x9f<>\"]+)"
)
_KEYWORDS: Final = re.compile(r"[A-Z,]*")
_TYPE: Final = re.compile(r"[A-Za-z0-9.-]+")


def checked(address: str) -> bytes:
    """An address for the wire. Raises LocalProtocolError: it can't be one."""
    if not _ADDRESS.fullmatch(address):
        raise LocalProtocolError(f"no address: {address!r}")
    return address.encode()


class Transaction:
    """What was asked for one letter, and what has been answered.

    Attributes:
        body: makes the octets that go out.
        chunked: by BDAT, not DATA.
    """

    def __init__(
        self, envelope: Envelope, offers: Container[str], *, lmtp: bool, chunking: bool
    ) -> None:
        self.envelope = envelope
        self._lmtp = lmtp
        self._offers = offers
        binary = envelope.body_type is BodyType.BINARY
        large = envelope.size_octets > SMALL_LETTER_OCTETS
        self.chunked = Offer.CHUNKING in offers and (binary or (chunking and large))
        self.body: Chunks | DotStuffing = (
            Chunks(binary=binary) if self.chunked else DotStuffing()
        )
        self.mail_refused: PeerReply | None = None
        self.refused = False  # the whole letter: no more octets of it
        self._finals: list[PeerReply | None] = [None] * len(envelope.recipients)
        self._accepted: list[int] = []
        self._too_many: set[int] = set()

    @property
    def accepted(self) -> int:
        """How many recipients were accepted."""
        return len(self._accepted)

    def mail_line(self, *, authenticated: bool) -> bytes:
        """MAIL with what the peer understands (RFC 5321 §4.1.1.2)."""
        envelope, offers = self.envelope, self._offers
        path = checked(envelope.reverse_path) if envelope.reverse_path else b""
        line = b"MAIL FROM:<" + path + b">"
        if Offer.SIZE in offers and envelope.size_octets:
            line += b" SIZE=%d" % envelope.size_octets
        if Offer.EIGHT_BIT_MIME in offers and (
            envelope.body_type is not BodyType.SEVEN_BIT
        ):
            line += b" BODY=" + envelope.body_type.encode()
        if envelope.smtputf8:
            line += b" SMTPUTF8"
        if envelope.requiretls and Offer.REQUIRETLS in offers:  # RFC 8689 §4.2.1
            line += b" REQUIRETLS"
        line += self._wishes()
        if Offer.DSN in offers:
            if envelope.ret in {"FULL", "HDRS"}:
                line += b" RET=" + envelope.ret.encode()
            if envelope.envid:
                line += b" ENVID=" + xtext.encode(envelope.envid)
        if envelope.auth is not None and authenticated and Offer.AUTH in offers:
            line += b" AUTH=" + (xtext.encode(envelope.auth) or b"<>")
        return line + b"\r\n"

    def _wishes(self) -> bytes:
        """Priority and time (RFC 6710 §4.2, RFC 2852 §4.1.4)."""
        envelope, offers = self.envelope, self._offers
        words = b""
        if envelope.priority is not None and Offer.MT_PRIORITY in offers:
            words += b" MT-PRIORITY=%d" % envelope.priority
        if envelope.by is not None and Offer.DELIVERBY in offers:
            words += b" BY=" + write_by(envelope.by)
        return words

    def rcpt_line(self, recipient: RecipientWanted) -> bytes:
        """RCPT with what the peer understands (RFC 3461 §4)."""
        line = b"RCPT TO:<" + checked(recipient.address) + b">"
        if Offer.DSN in self._offers:
            if recipient.notify and _KEYWORDS.fullmatch(recipient.notify):
                line += b" NOTIFY=" + recipient.notify.encode()
            line += self._orcpt(recipient.orcpt)
        return line + b"\r\n"

    def _orcpt(self, orcpt: str) -> bytes:
        kind, semicolon, address = orcpt.partition(";")
        if not semicolon or not address or not _TYPE.fullmatch(kind):
            return b""
        if kind.lower() == "utf-8":
            utf8 = self.envelope.smtputf8
            encoded = xtext.encode_utf8_address(address, utf8=utf8)
        else:
            encoded = xtext.encode(address)
        return b" ORCPT=" + kind.encode() + b";" + encoded

    def rcpt_answered(self, index: int, reply: PeerReply) -> None:
        """Note the reply to one RCPT."""
        if self.mail_refused is not None:
            self._finals[index] = self.mail_refused
        elif reply.verdict is Verdict.DONE:
            self._accepted.append(index)
        else:
            self._finals[index] = reply
            # RFC 5321 §4.5.3.1.10: 552 to RCPT is an old server's 452
            if reply.code == 552 and reply.enhanced in {"", "5.5.3"}:
                self._too_many.add(index)

    def letter_answered(self, reply: PeerReply) -> bool:
        """Note a reply to the letter; True when it was the last one.

        In LMTP each accepted recipient has his own (RFC 2033 §4.2).
        """
        if self._lmtp and self._accepted:
            self._finals[self._accepted.pop(0)] = reply
            return not self._accepted
        self.refuse_rest(reply)
        return True

    def refuse_rest(self, reply: PeerReply) -> None:
        """Give this reply to all who have none yet."""
        self._finals = [one or reply for one in self._finals]
        self._accepted.clear()

    def done(self) -> LetterDone:
        """The event that ends it; every recipient has his reply."""
        outcomes = []
        for index, (recipient, reply) in enumerate(
            zip(self.envelope.recipients, self._finals, strict=True)
        ):
            if reply is None:
                raise LocalProtocolError("a recipient has no reply")
            verdict = Verdict.LATER if index in self._too_many else reply.verdict
            outcomes.append(
                Outcome(address=recipient.address, verdict=verdict, reply=reply)
            )
        return LetterDone(tuple(outcomes))
