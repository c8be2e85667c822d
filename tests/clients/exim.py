"""A private Exim: next hop of ours, and sender to us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.clients.chrooted import Chrooted
from tests.running import DOMAIN, HOST

if TYPE_CHECKING:
    from tests.running import Server

NAME: Final = "mail.exim.test"

# a door in clear and one with TLS; who has a file in /grey is put off
SETTINGS: Final = """
primary_hostname = {name}
local_interfaces = {host}.{full} : {host}.{bare}
spool_directory = /spool
log_file_path = /log/%slog
log_selector = +all
exim_path = /usr/sbin/exim4
keep_environment =
host_lookup =
rfc1413_query_timeout = 0s
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
tls_advertise_hosts = ${{if eq{{$received_port}}{{{full}}}{{*}}}}
dsn_advertise_hosts = ${{if eq{{$received_port}}{{{full}}}{{*}}}}
smtputf8_advertise_hosts = ${{if eq{{$received_port}}{{{full}}}{{*}}}}
chunking_advertise_hosts = ${{if eq{{$received_port}}{{{full}}}{{*}}}}
pipelining_advertise_hosts = ${{if eq{{$received_port}}{{{full}}}{{*}}}}
accept_8bitmime = {eight}
acl_smtp_rcpt = recipient
acl_smtp_data = content
queue_run_max = 5
remote_max_parallel = 5
bounce_return_message = true
delay_warning =

begin acl

recipient:
  defer condition = ${{if exists{{/grey/$local_part}}}}
        message = 450 4.7.1 greylisted, come again
  accept domains = exim.test : bare.exim.test
         local_parts = ahn : bae : ^\\N한글\\N
  accept hosts = {host}
         domains = {domain}
  deny message = 550 5.1.1 nobody of that name

content:
  deny condition = ${{if match{{$rh_subject:}}{{unwanted}}}}
       message = 554 5.7.1 such a subject is not wanted
  accept

begin routers

here:
  driver = accept
  domains = exim.test : bare.exim.test
  transport = maildir

away:
  driver = manualroute
  domains = {domain}
  route_list = {domain} {host}::{ours} byname
  self = send
  transport = out

begin transports

maildir:
  driver = appendfile
  directory = /mail/all
  maildir_format
  user = vmail
  group = vmail
  create_directory

out:
  driver = smtp
  hosts_require_tls = {host}
  tls_verify_certificates = /etc/ours.pem
  tls_verify_hosts = {host}
  allow_localhost

begin retry

* * F,1h,1s
"""


def exim(server: Server, full: int, bare: int, *, eight: bool = True) -> Chrooted:
    """One whose mail for example.test goes to `server`.

    Args:
        server: ours.
        full: port of the door with all extensions.
        bare: port of one without TLS, DSN, SMTPUTF8, CHUNKING and PIPELINING.
        eight: whether both take 8BITMIME.
    """
    made = Chrooted(NAME, "usr/sbin/exim4", ("-bdf", "-q1s"), (full, bare))
    (made.folder / "usr/sbin/exim4").chmod(0o4755)
    made.write(
        "etc/exim4/exim4.conf",
        SETTINGS.format(
            name=NAME, host=HOST, full=full, bare=bare, domain=DOMAIN,
            ours=server.port("smtp"), eight=str(eight).lower(),
        ),
    )  # fmt: skip
    made.write("etc/ours.pem", server.certificate.read_text())
    (made.folder / "etc/key.pem").chmod(0o644)  # it is not root that reads it
    made.room("spool", "Debian-exim")
    made.room("grey", "vmail")
    return made
