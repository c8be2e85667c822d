"""What a private Postfix is told: main.cf, master.cf, its doors and who lives there."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING, Final

from tests.running import DOMAIN, HOST

if TYPE_CHECKING:
    from collections.abc import Mapping

DOORS: Final[dict[str, dict[str, str]]] = {
    "all.test": {},
    "clear.test": {"smtpd_tls_security_level": "none"},
    "seven.test": {"smtpd_discard_ehlo_keywords": "8bitmime,smtputf8"},
    "ascii.test": {"smtpd_discard_ehlo_keywords": "smtputf8"},
    "silent.test": {"smtpd_discard_ehlo_keywords": "dsn,silent-discard"},
}
"""Domain -> what its door has otherwise than main.cf says."""
PEOPLE: Final = ("ahn", "bae", "한글")
CLEAR_READER: Final = f"lee@{DOMAIN}"  # Postfix uses no TLS for this recipient

PORTS: Final = range(13_000, 32_000)  # below those that the kernel gives to clients
NAME: Final = "mail.postfix.test"

MAIN: Final = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = {name}
mydestination =
alias_maps =
local_recipient_maps =
inet_interfaces = {host}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtputf8_autodetect_classes = all
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_recipient_restrictions = check_policy_service inet:{host}:{policy}
smtpd_tls_security_level = may
smtpd_tls_cert_file = {folder}/cert.pem
smtpd_tls_key_file = {folder}/key.pem
smtpd_tls_received_header = yes
smtpd_tls_loglevel = 1
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = mail.{domain}
smtp_tls_CAfile = {certificate}
smtp_tls_loglevel = 1
transport_maps = texthash:{folder}/etc/transport
virtual_mailbox_domains = {doors}
virtual_mailbox_maps = texthash:{folder}/etc/mailboxes
virtual_mailbox_base = {folder}/mail
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_mailbox_limit = 0
mailbox_size_limit = 0
message_size_limit = 20000000
in_flow_delay = 0
smtp_destination_concurrency_limit = 2
initial_destination_concurrency = 2
default_process_limit = 20
minimal_backoff_time = 1s
queue_run_delay = 1s
"""
SERVICES: Final = """
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
clear unix - - n - - smtp -v
  -o smtp_tls_security_level=none
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


def free_ports() -> dict[str, int]:
    """A port for each door, and one for the policy service: nobody listens there."""
    found: dict[str, int] = {}
    for name in (*DOORS, "policy"):
        while name not in found:
            port = random.choice(PORTS)
            with socket.socket() as tried:
                taken = tried.connect_ex((HOST, port)) == 0
            if not taken and port not in found.values():
                found[name] = port
    return found


def routes(ports: Mapping[str, int]) -> str:
    """[[route]] for each door, for the configuration of our server."""
    lines = []
    for domain in DOORS:
        tls = "opportunistic" if domain == "clear.test" else "required"
        lines += ["[[route]]", f'domain = "{domain}"', f'tls = "{tls}"']
        lines += [f'next_hop = "{HOST}:{ports[domain]}"']
    return "\n".join([*lines, "[queue]", 'retry = ["1s"]', ""])
