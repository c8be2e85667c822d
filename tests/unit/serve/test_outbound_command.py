"""`pyeonji reports outbound`: how TLS goes with others, whoever else is told."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

from typer.testing import CliRunner

from pyeonji.serve.cli import app
from pyeonji.storage.embedded import open_store
from pyeonji.storage.tls import NO_TLS, Policy, TlsResult


def test_outbound_tls(tmp_path: Path) -> None:
    config = tmp_path / "pyeonji.toml"
    config.write_text('hostname = "mx.example.test"\ndata = "data"\n')

    def say(*words: str) -> str:
        run = CliRunner().invoke(
            app, ["--config", str(config), "reports", "outbound", *words]
        )
        assert run.exit_code == 0, run.output
        return run.output

    assert "no sessions" in say()
    today = time.strftime("%Y-%m-%d", time.gmtime())
    expired = TlsResult(
        domain="xn--9b6b95p.test",
        policy=Policy(kind="sts"),
        failure="certificate-expired",
        mx="mx.test",
        address="192.0.2.1",
        reason="\x1b[31mit is old",
    )

    async def count() -> None:
        store = await open_store(tmp_path / "data")
        for result in (
            TlsResult(domain="good.test"),
            TlsResult(domain="good.test"),
            TlsResult(domain="clear.test", failure=NO_TLS, mx="mx.clear.test"),
            expired,
        ):
            store.tls.count(result, today)
        store.tls.count(TlsResult(domain="old.test"), "2020-01-01")
        await store.close()

    asyncio.run(count())
    told = json.loads(say("--json"))["domains"]
    assert {each["domain"] for each in told[:2]} == {"xn--9b6b95p.test", "clear.test"}
    assert told[2] == {
        "domain": "good.test",
        "sessions": 2,
        "encrypted": 2,
        "without": 0,
        "failed": 0,
        "policies": [],
    }
    assert len(told) == 3
    assert "good.test" in say()
    assert len(json.loads(say("--limit", "1", "--json"))["domains"]) == 1
    text = say("편지.test")
    assert "certificate-expired" in text
    assert "\x1b" not in text
    [one] = json.loads(say("clear.test", "--json"))["results"]
    assert one == {
        "result": NO_TLS,
        "policy": "no-policy-found",
        "mx": "mx.clear.test",
        "address": "",
        "reason": "",
        "sessions": 1,
    }
    assert "no sessions with hosts of nobody.test" in say("nobody.test")
