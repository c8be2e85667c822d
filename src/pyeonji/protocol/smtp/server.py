"""The SMTP, submission or LMTP server's side of one conversation.

How a door uses it. It makes one machine for each connection and says hello::

    machine = ServerMachine(Options(hostname="mx.example.test", ...), tls=False)
    machine.greet()                      # or machine.turn_away(...)

then answers each event that asks (`events` says which do) with one of

    accept(text)        the usual good answer; the state moves on
    reply(code, enhanced, text)          any other; 4xx and 5xx refuse
    reply_each(replies)                  LMTP, after the letter: one a recipient

and goes on. A transaction is HelloGiven, MailAsked, RecipientAsked (once or
more), then the letter: `LetterReceived` with all of it when it is not larger
than SMALL_LETTER_OCTETS, else `BodyChunk`s and `BodyEnded`. The answer to
those two is the one that takes responsibility: give it when the letter is
stable. A door keeps the transaction's sender and recipients from what it
accepted; a new MailAsked begins afresh, and TransactionDropped says that a
letter begun will not come. When the pieces cannot be kept (disk full), call
`fail_body` while they come: the rest is thrown away and that is the reply.

AUTH: begin a SASL exchange (`protocol.sasl.server.begin`) at AuthAsked with
its initial response, and pass on: Challenge → `challenge`, Succeeded →
`authenticated` (once allowed), Failed → `auth_failed`. AuthResponse brings what
to send into the exchange, AuthCancelled ends it.

STARTTLS: `accept`, `await connection.start_tls()`, `tls_started()`. Between,
`next_event` gives PAUSED; octets that came in clear are never read: the
machine closes instead.

`progress(text)` sends a 050 line when the client asked for VERB, at any time
between accepting MAIL and answering the letter, and else nothing.

Wrong order, syntax errors, what isn't offered, NOOP, RSET, HELP, too many
recipients, too large: the machine answers alone. 421 it says by itself after
too many errors; `shut_down` says it for the door (time-out, server stopping).
"""
#
#
# class ServerMachine:
#     """One connection of a client; see the module's text for how to use it."""
#
#     hello: Hello | None       # how the client said hello last
#     client_name: str          # the name it gave there, "" before
#     tls: bool
#     authenticated_as: str     # what the door gave to `authenticated`, "" before
#     smtputf8: bool            # of the present transaction
#     verbose: bool
#
#     def __init__(self, options: Options, *, tls: bool = False) -> None: ...
#     # what all machines have
#     def receive_data(self, data: bytes) -> None: ...
#     def receive_eof(self) -> None: ...
#     def next_event(self) -> Event | Status: ...
#     def data_to_send(self) -> bytes: ...
#     # answers
#     def greet(self) -> None: ...
#     def turn_away(self, code: int, enhanced: str, text: str) -> None: ...   # 554: waits for QUIT; 421: closes
#     def accept(self, text: str = "") -> None: ...
#     def reply(self, code: int, enhanced: str, *text: str) -> None: ...      # several texts: several lines
#     def reply_each(self, replies: Sequence[Reply]) -> None: ...
#     def challenge(self, octets: bytes) -> None: ...
#     def authenticated(self, name: str) -> None: ...
#     def auth_failed(self, *, malformed: bool = False) -> None: ...
#     def tls_started(self) -> None: ...
#     def fail_body(self, code: int, enhanced: str, text: str) -> None: ...
#     def progress(self, text: str) -> None: ...
#     def shut_down(self, text: str = "") -> None: ...                        # 421, then CLOSED
#     def leave(self) -> bytes: ...                                           # after TURN: octets read too far
#     def with_protocol(self) -> str: ...
#
#
# @dataclass(frozen=True, slots=True, kw_only=True)
# class Options:                # options.py
#     hostname: str
#     lmtp: bool = False
#     max_message_octets: int = MAX_MESSAGE_OCTETS
#     max_recipients: int = MAX_RECIPIENTS
#     offers: frozenset[Offer] = ALL_OFFERS         # STARTTLS only where a certificate is; AUTH where accounts may
#     mechanisms: tuple[str, ...] = ("SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN")
#     plaintext_auth: bool = False                  # AUTH also without TLS
#     auth_required: bool = False                   # submission: MAIL only after AUTH (530)
#     tls_required: bool = False                    # 530 before STARTTLS
#     banner: str = "ESMTP Pyeonji"
#
# @dataclass(frozen=True, slots=True)
# class Reply:                  # replies.py
#     code: int; enhanced: str; text: str
