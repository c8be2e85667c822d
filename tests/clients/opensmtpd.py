"""A private OpenSMTPD: next hop of ours, and sender to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.clients.chrooted import Chrooted
from tests.running import DOMAIN, HOST

if TYPE_CHECKING:
    from tests.running import Server

NAME: Final = "mail.opensmtpd.test"
HERE: Final = "opensmtpd.test"
NOBODY: Final = "nobody@nowhere.test\n"  # an empty table can never have more

# who is in the table `put_off` is told to come again; DATA from `cut` ends in a cut
SETTINGS: Final = """
table put_off file:/etc/put_off
table cut file:/etc/cut
filter "grey" phase rcpt-to match rcpt-to <put_off> reject "450 4.7.1 greylisted"
filter "snip" phase data match mail-from <cut> disconnect "421 4.3.0 that is enough"
filter "all" chain {{ "grey", "snip" }}
queue ttl 1h
listen on {host} port {full} hostname {name} filter "all"
listen on {host} port {bare} hostname {name} no-dsn filter "all"
table people {{ "ahn" = "vmail", "bae" = "vmail" }}
action "keep" maildir "/mail/all" virtual <people>
action "away" relay host "smtp+tls://{host}:{ours}" tls
match from any for domain {{ "{here}", "bare.{here}" }} action "keep"
match from any for domain "{domain}" action "away"
"""


def opensmtpd(server: Server, full: int, bare: int) -> Chrooted:
    """One whose mail for example.test goes to `server`.

    Args:
        server: ours.
        full: port of the door with DSN; SMTPUTF8 it has not, and its STARTTLS fails
            with OpenSSL 3 (Debian 12): as a client it has TLS, as a server none.
        bare: port of one without DSN.
    """
    made = Chrooted(
        NAME,
        "usr/sbin/smtpd",
        ("-d", "-f", "/etc/smtpd.conf"),
        (full, bare),
        (
            "usr/sbin/smtpctl",
            "usr/libexec/opensmtpd/mail.mda",
            "usr/libexec/opensmtpd/mail.maildir",
            "/bin/sh",
        ),
    )
    made.write(
        "etc/smtpd.conf",
        SETTINGS.format(
            name=NAME, host=HOST, full=full, bare=bare, domain=DOMAIN,
            here=HERE, ours=server.port("smtp"),
        ),
        0o600,
    )  # fmt: skip
    made.write("etc/ssl/certs/ca-certificates.crt", server.certificate.read_text())
    made.write("etc/put_off", NOBODY)
    made.write("etc/cut", NOBODY)
    made.room("var/lib/opensmtpd/empty", "root", 0o711)
    made.room("var/spool/smtpd", "root", 0o711)
    made.room("var/run", "root")
    made.give("usr/sbin/smtpctl", "opensmtpq", 0o2755)
    return made
