r"""Commands made of pieces of the grammar, legal and nearly so, from a seed.

A piece of text may hold literals as they are sent: `{3+}\r\nabc`, or `{3}\r\n`
where the sender waits for "+" (whoever plays this may cut there).
"""

from __future__ import annotations

import random
from typing import Final

from pyeonji.protocol.imap.table import COMMANDS

MAILBOXES: Final = (
    b"INBOX", b"inbox", b"Drafts", b"Sent", b"a", b"a/b", b"a/b/c", b"b", b'"a b"',
    b"nosuch", b"&ZeVnLIqe-", b"&-", b"{3}\r\na/b", b"{3+}\r\na/b", b'"&Jjo-!"',
    b"{5+}\r\na\r\nb ", b"user/kim@example.test", b"user", b"user/kim@example.test/a",
    b"user/kim@example.test/INBOX", b"user/nobody/x", b"shared/x", b"a/", b"/a", b'""',
    "편지".encode(), b"Trash", b'"~\\"x"', b"x" * 300,
)  # fmt: skip
PATTERNS: Final = (
    b"*", b"%", b"a*", b"%/%", b'"*b"', b"{1+}\r\n*", b"INBOX", b'""', b"*%*%*%*x",
    b"(* %)", b"user/*", b"(INBOX a* a/%)",
)  # fmt: skip
SETS: Final = (
    b"1", b"1:*", b"*", b"2,1", b"0", b"9:12", b"$", b"1:2,3:4,5", b"*:1", b"2:4",
    b"4294967295", b"4294967296", b"1,*,3", b"3:1,2", b"1:",
)  # fmt: skip
FLAGS: Final = (
    b"\\Seen", b"\\Deleted", b"\\Flagged", b"$x", b"$Forwarded", b"\\Recent", b"\\*",
    b"k" * 90, b"\\Draft", b"\\answered", b"a[b", b"\\Odd", b"$Junk",
)  # fmt: skip
DATES: Final = (
    b"1-Feb-1994", b'"17-Jul-1996"', b"31-Feb-2024", b"01-Jan-1970", b"31-Dec-9999",
    b"1-Jan-0001", b"0-Jan-2000",
)  # fmt: skip
MOMENTS: Final = (
    b'"17-Jul-1996 02:44:25 -0700"', b'" 1-Jan-1970 00:00:00 +0000"', b'"never"',
    b'"31-Dec-9999 23:59:60 -2359"', b'"01-Jan-0001 00:00:00 +2359"',
)  # fmt: skip
NUMBERS: Final = (
    b"0", b"1", b"7", b"100", b"4294967295", b"4294967296", b"9223372036854775807",
    b"9223372036854775808", b"18446744073709551616", b"-1",
)  # fmt: skip
STRINGS: Final = (
    b"x", b'"hello"', b'""', b"{2+}\r\nhi", b"{2}\r\nhi", b"{0+}\r\n",
    b'"\\"\\\\"', b"{4+}\r\n\x80\xff\xfe\x00", "한".encode(), b"{3+}\r\n\xed\x95\x9c",
    b'"kim@example.test"', b"WG", b'"=?utf-8?q?x?="', b"a" * 500,
)  # fmt: skip
SECTIONS: Final = (
    b"", b"1", b"2", b"3.1", b"1.MIME", b"2.HEADER", b"TEXT", b"HEADER", b"2.1.TEXT",
    b"HEADER.FIELDS (FROM TO)", b"HEADER.FIELDS.NOT (X)", b"MIME", b"9.9",
    b'2.HEADER.FIELDS ("sub" {1+}\r\nX)', b"HEADER.FIELDS ({2+}\r\n\r\n)", b"0",
    b".".join([b"1"] * 99), b"HEADER.FIELDS (\xff)", b"HEADER.FIELDS ({1+}\r\n])",
)  # fmt: skip
ITEMS: Final = (
    b"ALL", b"FAST", b"FULL", b"UID", b"FLAGS", b"MODSEQ", b"ENVELOPE", b"BODY",
    b"BODYSTRUCTURE", b"INTERNALDATE", b"RFC822", b"RFC822.HEADER", b"RFC822.TEXT",
    b"RFC822.SIZE", b"PREVIEW", b"PREVIEW (LAZY)", b"SAVEDATE", b"EMAILID",
    b"THREADID", b"X-NONE",
)  # fmt: skip
BODIES: Final = (
    b"A: b\n", b"abcd", b"a\0b", b"", b"Subject: x\r\n\r\nhi\r\n", b"\r\n\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b--",
    b"Content-Type: multipart/mixed; boundary=\"\"\r\n\r\n--\r\n\r\n----\r\n",
    b"Content-Type: message/rfc822\r\n\r\nFrom: (((\r\nTo: \xff, a@, <>, x:;\r\n\r\n",
    b'From: "\\" <a@[x]>\r\nDate: never\r\nContent-Type: ;;=;\r\n\r\n\xff\xfe',
    b"Content-Transfer-Encoding: base64\r\n\r\n=====\r\nAAA",
    b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ=\r\n=4",
    b"Content-Transfer-Encoding: x-odd\r\n\r\n\0\0",
    b"Content-Type: text/html; charset=no-such\r\n\r\n<b>hi<!--",
    b"Subject: =?utf-8?b?////?= =?x?y?z?=\r\nReferences: <a@b> <c\r\n\r\n",
    b"Message-ID: <a@b>\r\nIn-Reply-To: <a@b>\r\nSubject: re: re: [x] fwd:\r\n\r\n",
    b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\nContent-Type:"
    b" multipart/mixed; boundary=a\r\n\r\n" * 30,
    b"Content-Disposition: attachment; filename*0=a; filename*1*=%ff\r\n\r\n",
    b"x" * 3000 + b"\r\n", b": \r\n:\r\n\r\n", b" folded\r\n\tfirst\r\n\r\nx",
)  # fmt: skip
NASTY: Final = (
    b"(", b")", b'"', b"\\", b"{", b"}", b" ", b"\0", b"\xff", b"*", b"%", b"[", b"]",
    b"<", b">", b"{3}", b"{3+}", b"~{3+}", b"$", b",", b":", b"\r", b"\t", b"NIL",
    b"99999999999999999999", b"&", b"\x7f", b"((((((((", b"NOT NOT ",
)  # fmt: skip
IDENTIFIERS: Final = (
    b"lee@example.test", b"kim@example.test", b"anyone", b"authenticated", b"nobody",
    b"-lee@example.test", b"administrators", b'""', b"-", b"{3+}\r\na\0b", b'"-anyone"',
)  # fmt: skip
ENTRIES: Final = (
    b"/private/comment", b"/shared/comment", b"/shared/vendor/x/y", b"/private",
    b"/shared/admin", b'"/private/a b"', b"comment", b"/private/filters/values/x",
    b"/private/filters/values/self", b"/private/specialuse", b"/shared//x",
)  # fmt: skip
STATUS: Final = (
    b"MESSAGES", b"RECENT", b"UIDNEXT", b"UIDVALIDITY", b"UNSEEN", b"SIZE", b"DELETED",
    b"HIGHESTMODSEQ", b"DELETED-STORAGE", b"APPENDLIMIT", b"MAILBOXID", b"ODD",
)  # fmt: skip
CRITERIA: Final = (
    b"DATE", b"ARRIVAL", b"CC", b"FROM", b"SIZE", b"SUBJECT", b"TO", b"DISPLAYFROM",
    b"DISPLAYTO", b"REVERSE DATE", b"REVERSE REVERSE SIZE", b"RELEVANCY", b"ODD",
)  # fmt: skip
RETURNS: Final = (
    b"MIN", b"MAX", b"ALL", b"COUNT", b"SAVE", b"UPDATE", b"CONTEXT", b"RELEVANCY",
    b"PARTIAL 1:3", b"PARTIAL -1:-3", b"PARTIAL 4294967295:1", b"PARTIAL 0:1", b"ODD",
)  # fmt: skip
PLAIN_KEYS: Final = (
    b"ALL", b"ANSWERED", b"DELETED", b"DRAFT", b"FLAGGED", b"NEW", b"OLD", b"RECENT",
    b"SAVEDATESUPPORTED", b"SEEN", b"UNSEEN", b"UNDRAFT", b"ODD",
)  # fmt: skip
USES: Final = (b"\\Sent", b"\\Drafts", b"\\Junk", b"\\All", b"\\Odd", b"\\Sent \\Junk")
OPEN: Final = frozenset({b"LOGOUT", b"STARTTLS", b"COMPRESS"})
"""Commands after which octets mean something else; they come seldom and bare."""

OFTEN: Final = (
    b"APPEND", b"FETCH", b"UID FETCH", b"SELECT", b"STORE", b"REPLACE", b"SEARCH",
    b"UID SEARCH", b"SELECT", b"CREATE", b"COPY", b"UID MOVE", b"EXPUNGE", b"ESEARCH",
)  # fmt: skip


class Grammar:
    """Makes commands; the same seed makes the same."""

    def __init__(self, seed: object) -> None:
        self.chance = random.Random(str(seed))
        self.is_spoilt = False  # the command made last

    def pick(self, of: tuple[bytes, ...]) -> bytes:
        """One of them; the first ones, which are good, oftener."""
        return of[int(len(of) * self.chance.random() ** 2)]

    def likely(self, probability: float) -> bool:
        return self.chance.random() < probability

    def some(self, of: tuple[bytes, ...], most: int = 3) -> bytes:
        """Several in parentheses, perhaps none."""
        count = self.chance.choice((0, *range(1, most + 1), 1))
        return b"(%b)" % b" ".join(self.pick(of) for _ in range(count))

    def mailbox(self) -> bytes:
        if self.likely(0.3):
            return b"INBOX"
        return self.pick(MAILBOXES[: 9 if self.likely(0.7) else None])

    def messages(self) -> bytes:
        return self.pick(SETS[: 4 if self.likely(0.5) else None])

    def literal(self, octets: bytes) -> bytes:
        form = self.pick((b"{%d+}", b"{%d+}", b"{%d}", b"~{%d+}", b"~{%d}"))
        return form % len(octets) + b"\r\n" + octets

    # -- arguments

    def item(self) -> bytes:
        if self.likely(0.5):
            return self.pick(ITEMS)
        name = self.pick((b"BODY", b"BODY.PEEK", b"BINARY", b"BINARY.PEEK"))
        sections = SECTIONS if name[:3] == b"BOD" else SECTIONS[:4]
        if self.likely(0.1):
            name, sections = b"BINARY.SIZE", SECTIONS[:4]
        partial = b""
        if self.likely(0.3) and name != b"BINARY.SIZE":
            partial = b"<%b.%b>" % (self.pick(NUMBERS), self.pick(NUMBERS))
        return b"%b[%b]%b" % (name, self.pick(sections), partial)

    def fetch(self) -> bytes:
        items = self.item()
        if self.likely(0.5):
            items = b"(%b)" % b" ".join(self.item() for _ in range(3))
        if self.likely(0.2):
            items += b" (%b)" % self.pick(
                (
                    b"CHANGEDSINCE 1",
                    b"CHANGEDSINCE 5 VANISHED",
                    b"PARTIAL 1:2",
                    b"PARTIAL -1:-5",
                    b"CHANGEDSINCE " + self.pick(NUMBERS),
                    b"ODD",
                )
            )
        return b" %b %b" % (self.messages(), items)

    def store(self) -> bytes:
        since = b""
        if self.likely(0.2):
            since = b" (UNCHANGEDSINCE %b)" % self.pick(NUMBERS)
        mode = self.pick((b"FLAGS", b"+FLAGS", b"-FLAGS.SILENT", b"FLAGS.ODD"))
        flags = self.some(FLAGS) if self.likely(0.8) else self.pick(FLAGS)
        return b" %b%b %b %b" % (self.messages(), since, mode, flags)

    def key(self, depth: int = 0) -> bytes:
        """A search key, perhaps with others inside."""
        if depth < 4 and self.likely(0.3):
            one = self.key(depth + 1)
            return self.chance.choice(
                (
                    b"OR %b %b" % (one, self.key(depth + 1)),
                    b"(%b %b)" % (one, self.key(depth + 1)),
                    b"NOT " + one,
                    b"FUZZY " + one,
                )
            )
        texts = (b"SUBJECT", b"TEXT", b"BODY", b"FROM", b"TO", b"BCC")
        dates = (b"BEFORE", b"SINCE", b"ON", b"SENTSINCE", b"SAVEDON", b"SENTON")
        counts = (
            b"LARGER",
            b"SMALLER",
            b"OLDER",
            b"YOUNGER",
            b"UIDAFTER",
            b"UIDBEFORE",
        )
        named = (b"KEYWORD", b"UNKEYWORD", b"EMAILID", b"THREADID")
        mod_seq = (b"1", b'"/flags/\\\\Seen" all 2', self.pick(NUMBERS))
        return self.chance.choice(
            (
                self.pick(PLAIN_KEYS),
                b"%b %b" % (self.chance.choice(texts), self.pick(STRINGS)),
                b"HEADER %b %b" % (self.pick(STRINGS), self.pick(STRINGS)),
                b"%b %b" % (self.chance.choice(dates), self.pick(DATES)),
                b"%b %b" % (self.chance.choice(counts), self.chance.choice(NUMBERS)),
                b"MODSEQ " + self.pick(mod_seq),
                self.pick((b"UID ", b"")) + self.messages(),
                b"%b %b" % (self.pick(named), self.pick((b"$x", b"M1", b"\\Seen"))),
                b"FILTER " + self.pick((b"x", b"self", b"a/b", b"no")),
            )
        )

    def returning(self) -> bytes:
        return b"RETURN " + self.some(RETURNS) + b" " if self.likely(0.5) else b""

    def search(self) -> bytes:
        charset = b""
        if self.likely(0.2):
            charset = b"CHARSET " + self.pick(
                (b"UTF-8 ", b"US-ASCII ", b"EUC-KR ", b"X-NO ", b'"utf-7" ')
            )
        return b" %b%b%b" % (self.returning(), charset, self.key())

    def sort(self) -> bytes:
        charset = self.pick((b"UTF-8", b"US-ASCII", b"X-NO", b"ISO-2022-KR"))
        return b" %b%b %b %b" % (
            self.returning(),
            self.some(CRITERIA),
            charset,
            self.key(),
        )

    def thread(self) -> bytes:
        how = self.pick((b"REFERENCES", b"ORDEREDSUBJECT", b"REFS", b"ODD"))
        return b" %b UTF-8 %b" % (how, self.key())

    def esearch(self) -> bytes:
        source = b""
        if self.likely(0.8):
            kinds = (
                b"personal", b"selected", b"inboxes", b"subscribed", b"odd",
                b"selected-delayed", b"mailboxes " + self.mailbox(),
                b"subtree (%b %b)" % (self.mailbox(), self.mailbox()),
                b"subtree-one " + self.mailbox(),
            )  # fmt: skip
            source = b"IN " + self.some(kinds, 2) + b" "
        return b" %b%b%b" % (source, self.returning(), self.key())

    def message(self) -> bytes:
        """What stands after a mailbox in APPEND."""
        flags = b"" if self.likely(0.6) else self.some(FLAGS) + b" "
        date = b"" if self.likely(0.7) else self.pick(MOMENTS) + b" "
        body = self.literal(self.pick(BODIES))
        if self.likely(0.25):
            parts = b" ".join(
                b"TEXT " + self.literal(self.pick(BODIES))
                if self.likely(0.6)
                else b"URL " + self.url()
                for _ in range(self.chance.randrange(4))
            )
            body = b"CATENATE (%b)" % parts
        elif self.likely(0.1):
            body = b"UTF8 (%b)" % body
        return b" " + flags + date + body

    def url(self) -> bytes:
        return self.pick(
            (
                b'"/INBOX/;UID=1"', b'"/INBOX/;UID=2/;SECTION=TEXT"', b'"/a/;UID=1"',
                b'"/INBOX;UIDVALIDITY=1/;UID=1"', b'"/INBOX/;UID=1/;PARTIAL=3.7"',
                b'"imap://kim@example.test@mx.example.test/INBOX/;UID=1"', b"x",
                b'"/%ff/;UID=1"', b"{14+}\r\n/INBOX/;UID=2 ", b'"/INBOX/;UID=0"',
                b'"/INBOX/;UID=1/;SECTION=9.HEADER/;PARTIAL=9999999999"',
            )
        )  # fmt: skip

    def append(self) -> bytes:
        count = self.chance.choice((0, 1, 1, 1, 1, 1, 2, 3))
        messages = b"".join(self.message() for _ in range(count))
        return b" " + self.mailbox() + messages

    def replace(self) -> bytes:
        return b" " + self.pick((b"1", b"2", b"*", b"9", b"0")) + self.append()

    def copy(self) -> bytes:
        return b" %b %b" % (self.messages(), self.mailbox())

    def select(self) -> bytes:
        how = b""
        if self.likely(0.3):
            resync = (
                b"1 1", b"1 1 1:*", b"1 5 1:9 (1:3 1:3)", b"%b %b" % (
                    self.pick(NUMBERS), self.pick(NUMBERS)
                ),
            )  # fmt: skip
            how = b" " + self.pick(
                (b"(CONDSTORE)", b"(QRESYNC (%b))" % self.pick(resync))
            )
        return b" " + self.mailbox() + how

    def status(self) -> bytes:
        return b" %b %b" % (self.mailbox(), self.some(STATUS, 6))

    def list(self) -> bytes:
        before, after = b"", b""
        if self.likely(0.4):
            chosen = (b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE", b"X")
            before = self.some(chosen) + b" "
        if self.likely(0.4):
            after = b" RETURN " + self.some(
                (
                    b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE", b"MYRIGHTS",
                    b"STATUS " + self.some(STATUS, 4), b"ODD",
                    b"METADATA " + self.some(ENTRIES),
                )
            )  # fmt: skip
        reference = b'""' if self.likely(0.7) else self.mailbox()
        return b" %b%b %b%b" % (before, reference, self.pick(PATTERNS), after)

    def lsub(self) -> bytes:
        return b" %b %b" % (self.mailbox(), self.pick(PATTERNS))

    def create(self) -> bytes:
        use = b"" if self.likely(0.7) else b" (USE (%b))" % self.pick(USES)
        return b" " + self.mailbox() + use

    def one(self) -> bytes:
        return b" " + self.mailbox()

    def two(self) -> bytes:
        return b" %b %b" % (self.mailbox(), self.mailbox())

    def get_metadata(self) -> bytes:
        options = b""
        if self.likely(0.3):
            options = b"(MAXSIZE %b DEPTH %b) " % (
                self.pick(NUMBERS), self.pick((b"0", b"1", b"infinity", b"7"))
            )  # fmt: skip
        return b" %b%b %b" % (options, self.mailbox(), self.some(ENTRIES))

    def set_metadata(self) -> bytes:
        value = self.pick(
            (b"NIL", b'"x"', b"~{3+}\r\na\0b", b'"SUBJECT x"', b"{1}\r\nb")
        )
        return b" %b (%b %b)" % (self.mailbox(), self.pick(ENTRIES), value)

    def set_acl(self) -> bytes:
        rights = self.pick(
            (b"lrs", b"+a", b"-x", b'""', b"lrswipkxtea", b"cd", b"+9", b"Q")
        )
        return b" %b %b %b" % (self.mailbox(), self.pick(IDENTIFIERS), rights)

    def of_acl(self) -> bytes:
        return b" %b %b" % (self.mailbox(), self.pick(IDENTIFIERS))

    def quota(self) -> bytes:
        return b" " + self.pick(
            (b'""', b"kim@example.test", b"nosuch", b"lee@example.test")
        )

    def set_quota(self) -> bytes:
        what = b"%b %b" % (
            self.pick((b"STORAGE", b"MESSAGE", b"MAILBOX", b"ODD")), self.pick(NUMBERS)
        )  # fmt: skip
        return self.quota() + b" (%b)" % what

    def notify(self) -> bytes:
        if self.likely(0.2):
            return self.pick((b" NONE", b" SET", b" SET STATUS"))
        group = self.pick(
            (
                b"selected", b"selected-delayed", b"inboxes", b"personal",
                b"subscribed", b"mailboxes " + self.mailbox(),
                b"subtree (%b)" % self.mailbox(), b"odd",
            )
        )  # fmt: skip
        events = (
            b"MessageNew (%b)" % self.item(), b"MessageNew", b"MessageExpunge",
            b"FlagChange", b"MailboxName", b"SubscriptionChange", b"AnnotationChange",
            b"MailboxMetadataChange", b"ServerMetadataChange", b"Odd",
        )  # fmt: skip
        status = self.pick((b"", b" STATUS"))
        told = b"NONE" if self.likely(0.1) else self.some(events, 4)
        if self.likely(0.4):
            told = b"(MessageNew MessageExpunge FlagChange)"
        return b" SET%b (%b %b)" % (status, group, told)

    def enable(self) -> bytes:
        return b" " + self.pick(
            (b"CONDSTORE", b"QRESYNC", b"UTF8=ACCEPT", b"IMAP4rev2", b"UIDONLY", b"X Y")
            if self.likely(0.3)
            else (b"CONDSTORE", b"X")
        )

    def id(self) -> bytes:
        return b" " + self.pick(
            (b"NIL", b'("name" "x")', b'("a" NIL)', b"()", b'("a")')
        )

    def login(self) -> bytes:
        return b" kim@example.test " + self.pick(
            (b"secret", b'"secret"', b"{6}\r\nsecret")
        )

    def authenticate(self) -> bytes:
        return b" " + self.pick(
            (
                b"PLAIN AGtpbUBleGFtcGxlLnRlc3QAc2VjcmV0", b"PLAIN", b"PLAIN =", b"X",
                b"SCRAM-SHA-256 biwsbj11c2VyLHI9cg==", b"CRAM-MD5", b"LOGIN a2lt", b"",
            )
        )  # fmt: skip

    def cancel(self) -> bytes:
        return b" " + self.pick((b'"t1"', b'"t2" "t3"', b"t1", b'""'))

    def batches(self) -> bytes:
        return b" " + self.pick(NUMBERS) + self.pick((b"", b" 1:3", b" 2:1", b" 0"))

    def arguments(self, name: bytes) -> bytes:
        made = _MAKERS.get(name.removeprefix(b"UID "))
        text: bytes = getattr(self, made)() if made is not None else b""
        if name == b"UID EXPUNGE":
            text = b" " + self.messages()
        return text

    def spoilt(self, text: bytes) -> bytes:
        """With something put in, left out or doubled, before any literal."""
        literal = text.find(b"{")
        if literal > 0:
            return self.spoilt(text[:literal]) + text[literal:]
        self.is_spoilt = True
        at = self.chance.randrange(len(text) + 1)
        to = min(len(text), at + self.chance.choice((0, 0, 1, 3)))
        put = self.chance.choice(NASTY) if self.likely(0.7) else text[at:to] * 2
        return text[:at] + put + text[to:]

    def command(self, tag: bytes) -> bytes:
        """A command as it is sent, with its CRLF."""
        name = self.chance.choice(OFTEN if self.likely(0.6) else tuple(COMMANDS))
        if name in OPEN | {b"UNAUTHENTICATE"} and self.likely(0.8):
            name = b"NOOP"
        text = self.arguments(name)
        self.is_spoilt = False
        if self.likely(0.1):
            text = self.spoilt(text)
        if self.likely(0.03):
            text = self.arguments(self.chance.choice(tuple(COMMANDS)))
        if name in OPEN:
            text = b""
        return tag + b" " + name + text + b"\r\n"


_MAKERS: Final = {
    b"ID": "id", b"AUTHENTICATE": "authenticate", b"LOGIN": "login",
    b"ENABLE": "enable", b"SELECT": "select", b"EXAMINE": "select",
    b"CREATE": "create", b"DELETE": "one", b"RENAME": "two", b"SUBSCRIBE": "one",
    b"UNSUBSCRIBE": "one", b"LIST": "list", b"LSUB": "lsub",
    b"GETMETADATA": "get_metadata", b"SETMETADATA": "set_metadata",
    b"SETACL": "set_acl", b"DELETEACL": "of_acl", b"GETACL": "one",
    b"LISTRIGHTS": "of_acl", b"MYRIGHTS": "one", b"GETQUOTA": "quota",
    b"GETQUOTAROOT": "one", b"SETQUOTA": "set_quota", b"NOTIFY": "notify",
    b"STATUS": "status", b"APPEND": "append", b"REPLACE": "replace",
    b"UIDBATCHES": "batches", b"SEARCH": "search", b"SORT": "sort",
    b"THREAD": "thread", b"ESEARCH": "esearch", b"CANCELUPDATE": "cancel",
    b"FETCH": "fetch", b"STORE": "store", b"COPY": "copy", b"MOVE": "copy",
}  # fmt: skip
