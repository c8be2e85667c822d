r"""Scripts in a selected INBOX of letters that are made for them."""

from tests.transcripts.imap.imap_play import play


def letter(
    subject: str = "hello",
    *,
    to: str = "imap@example.test",
    sender: str = "kim@example.test",
    date: str = "Wed, 17 Jul 1996 02:23:25 -0700",
    more: str = "",
    body: str = "hello",
) -> str:
    """A letter, in CRLF lines; `more` are header lines."""
    lines = [f"Date: {date}"] if date else []
    lines += [f"From: {sender}", f"To: {to}", f"Subject: {subject}"]
    lines += [*more.splitlines(), "", *body.splitlines()]
    # a script has no white space at the end of a line
    return "\r\n".join(line.rstrip() for line in lines)


def appended(
    *letters: str, mailbox: str = "INBOX", arguments: str = "", name: str = "l"
) -> str:
    """A script that puts letters into a mailbox."""
    script = []
    for number, text in enumerate(letters, 1):
        octets = len(text.encode("utf-8"))
        script += [
            f"C: {name}{number} APPEND {mailbox} {arguments}{{{octets}+}}",
            *(f"C: {line}" for line in text.split("\r\n")),
            f"S: {name}{number} OK [APPENDUID <n> <n>] <any>",
        ]
    return "\n".join(script) + "\n"


def selecting(tag: str = "s", client: str = "", mailbox: str = "INBOX") -> str:
    """A script that selects a mailbox, whatever is said about it."""
    return f"C{client}: {tag} SELECT {mailbox}\nS{client}: <all>{tag} OK <any>\n"


def with_letters(letters: list[str], script: str, *, before: str = "") -> None:
    """Play a script where INBOX has these letters and is selected."""
    play(appended(*letters) + before + selecting() + script)
