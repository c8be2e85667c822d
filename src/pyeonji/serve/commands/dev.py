"""`pyeonji dev`: a complete mail system on loopback, with nothing to configure."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from pyeonji.serve import logs
from pyeonji.serve.configuration import parse
from pyeonji.serve.samples import ACCOUNTS, DOMAIN, PASSWORD, furnish
from pyeonji.serve.supervisor import Supervisor

LISTENERS: Final = (
    ("smtp", 25, "starttls"),
    ("submission", 587, "starttls"),
    ("submission", 465, "implicit"),
    ("lmtp", 24, "none"),
    ("imap", 143, "starttls"),
    ("imap", 993, "implicit"),
    ("pop3", 110, "starttls"),
    ("pop3", 995, "implicit"),
)
"""Protocol, well-known port, TLS: each on loopback, `--port-base` higher."""


def settings(data: Path, base: int) -> str:
    """The configuration that `dev` serves, as a file would say it."""
    lines = [
        f'hostname = "mail.{DOMAIN}"',
        f'data = "{data}"',
        "[auth]",
        "legacy = true",
    ]
    for protocol, port, tls in LISTENERS:
        lines += [
            "[[listener]]",
            f'protocol = "{protocol}"',
            f'address = "127.0.0.1:{base + port}"',
            f'tls = "{tls}"',
        ]
    lines += ["[log]", 'level = "error"']
    return "\n".join(lines) + "\n"


def dev(
    data: Annotated[
        Path | None,
        typer.Option(help="Keep the data here (else it is scratch, gone at the end)."),
    ] = None,
    port_base: Annotated[
        int, typer.Option(min=1024, max=60000, help="Added to the well-known ports.")
    ] = 11000,
) -> None:
    """Start everything on loopback with sample accounts and letters.

    Needs no configuration. Ctrl+C ends it.
    """
    from pyeonji.serve.worker import run_worker  # noqa: PLC0415 - as in serve

    folder = data or Path(tempfile.mkdtemp(prefix="pyeonji-dev-"))
    kept = folder / "data"
    file = folder / "pyeonji.toml"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(settings(kept.absolute(), port_base))
        configuration = parse(file.read_text(), file)
        logs.configure(configuration.log)
        supervisor = Supervisor(
            configuration,
            run_worker,
            on_ready=lambda _: print(introduction(file, port_base), flush=True),
        )
        if not kept.exists():
            _in_child(lambda: asyncio.run(furnish(configuration)))
        raise typer.Exit(supervisor.run())
    finally:
        if data is None:
            shutil.rmtree(folder, ignore_errors=True)


def _in_child(work: object) -> None:
    """Do it in a child: this process must have no threads when it forks."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            work()  # type: ignore[operator]
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    if status:
        raise typer.Exit(1)


def introduction(file: Path, base: int) -> str:
    """What to open and what to type."""
    port = {(protocol, tls): base + number for protocol, number, tls in LISTENERS}

    def both(protocol: str) -> str:
        clear, encrypted = port[protocol, "starttls"], port[protocol, "implicit"]
        return f"127.0.0.1:{clear} (STARTTLS)  :{encrypted} (TLS)"

    smtp, lmtp = port["smtp", "starttls"], port["lmtp", "none"]
    inbox = f"imap://127.0.0.1:{port['imap', 'starttls']}/INBOX"
    kim, lee = (f"{name}@{DOMAIN}" for name, _ in ACCOUNTS[:2])
    send = (
        f"--smtp 127.0.0.1:{port['submission', 'starttls']} --tls none "
        f"--user {kim} --password-stdin"
    )
    read = (
        f"--imap 127.0.0.1:{port['imap', 'starttls']} --tls none "
        f"--user {lee} --password-stdin"
    )
    return f"""
편지가 준비되었습니다 · Pyeonji is ready

  Accounts      {kim}  {lee}     password: {PASSWORD}
  IMAP          {both("imap")}
  POP3          {both("pop3")}
  Submission    {both("submission")}
  SMTP (MX)     127.0.0.1:{smtp}     LMTP  127.0.0.1:{lmtp}
  Configuration {file}

Send a letter, read it, and ask where it went:

  echo {PASSWORD} | .venv/bin/pyeonji mail send {send} \\
      --from {kim} --to {lee} --subject '안녕하세요' --text README.md
  echo {PASSWORD} | .venv/bin/pyeonji mail list {read}
  .venv/bin/pyeonji --config {file} trace {lee}

Or with what you have:

  curl -u {lee}:{PASSWORD} {inbox} -X 'FETCH 1:* ENVELOPE'
  swaks --server 127.0.0.1:{smtp} --tls --to {kim}

Ctrl+C ends it.
"""
