"""The SMTP or LMTP client's side of one conversation.

Each request is a method; its answer comes later as one event (`outcomes`).
The next request may be made when that event has come::

    machine = ClientMachine(ClientOptions(hostname="mx.example.test"), tls=False)
    Greeted           hello()                  EHLO, then HELO if not known
    HelloDone         start_tls()              when Offer.STARTTLS in extensions
    TlsReady          … TLS …  tls_started()   then hello() again
    HelloDone         authenticate("SCRAM-SHA-256", user, password, nonce)
    AuthDone          send_letter(envelope)    see `lacks` before
    BodyWanted        send_body(piece)         once for each BodyWanted
    BodyWanted        end_body()               when there are no more
    LetterDone        send_letter(another), or reset(), noop(), quit()
    Answered          CLOSED after quit

and the loop around it is, whatever carries the octets::

    while (event := machine.next_event()) is NEED_DATA:
        await write(machine.data_to_send())
        data = await read()
        machine.receive_data(data) if data else machine.receive_eof()

Pieces are content as it was before SMTP: the machine stuffs dots, and ends
the last line with CRLF where it must. When the envelope says BINARYMIME, or
when the content is large and the peer offers CHUNKING, it goes by BDAT;
otherwise by DATA, and then no bare CR or LF ever leaves: each becomes CRLF
(RFC 5321 §2.3.8), which is what a receiver could at worst have read them as.

With PIPELINING, MAIL, all RCPT and DATA leave together. A letter of which no
recipient was accepted gives LetterDone with no BodyWanted. In LMTP each
recipient has his own final reply (RFC 2033 §4.2).

The peer is not trusted: its lines, replies and their total are limited, and
what it sends in clear behind its answer to STARTTLS ends the conversation.
"""
#
#
# class ClientMachine:
#     extensions: dict[str, tuple[str, ...]]   # EHLO keyword -> parameters, upper-case keys
#     tls: bool
#     max_size_octets: int | None   # SIZE of the peer
#     mechanisms: frozenset[str]
#     def __init__(self, options: ClientOptions, *, tls: bool = False) -> None: ...
#     def receive_data(self, data: bytes) -> None: ...
#     def receive_eof(self) -> None: ...
#     def next_event(self) -> ClientEvent | Status: ...
#     def data_to_send(self) -> bytes: ...
#     def offers(self, offer: Offer) -> bool: ...
#     def lacks(self, envelope: Envelope) -> frozenset[Offer]: ...
#         # SMTPUTF8, 8BITMIME, BINARYMIME (convert first), DSN (relayed report), SIZE (too large: refuse)
#     def hello(self) -> None: ...
#     def start_tls(self) -> None: ...
#     def tls_started(self) -> None: ...
#     def authenticate(self, mechanism: str, user: str, password: str, nonce: bytes) -> None: ...
#     def send_letter(self, envelope: Envelope) -> None: ...
#     def send_body(self, piece: bytes) -> None: ...
#     def end_body(self) -> None: ...
#     def reset(self) -> None: ...
#     def noop(self) -> None: ...
#     def verify(self, text: str) -> None: ...
#     def etrn(self, node: str) -> None: ...
#     def turn(self, domains: Sequence[str]) -> None: ...
#     def quit(self) -> None: ...
#
# @dataclass(frozen=True, slots=True, kw_only=True)
# class ClientOptions:
#     hostname: str                 # or an address literal
#     lmtp: bool = False
#     chunking: bool = True         # use BDAT for large letters where offered
#     pipelining: bool = True
#
# @dataclass(frozen=True, slots=True)
# class PeerReply:                  # client_replies.py
#     code: int; enhanced: str; lines: tuple[str, ...]     # text without codes, controls made visible
#     # .verdict, .text (one line), .temporary, .permanent
