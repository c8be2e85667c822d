"""What a sealer's results say of the author's domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyeonji.mta.trust.vouching import vouches_for


@pytest.mark.parametrize(
    ("said", "vouches"),
    [
        (b"l.test; dmarc=pass header.from=bank.test", True),
        (b"l.test; dmarc=pass (p=reject) header.from=BANK.test", True),
        (b"l.test; dmarc=pass", True),
        (b"l.test; dkim=pass header.d=bank.test", True),
        (b"l.test; dkim=pass header.i=@mail.bank.test", True),
        (b"l.test; spf=pass smtp.mailfrom=a@bank.test", True),
        (b"l.test; dmarc=fail header.from=bank.test; dkim=none; spf=none", False),
        (b"l.test; dmarc=pass header.from=thief.test", False),
        (b"l.test; dkim=pass header.d=thief.test; dmarc=fail", False),
        (b"l.test; dkim=pass header.d=notbank.test", False),
        (b"l.test; dkim=pass header.d=test", False),
        (b"l.test; arc=pass; iprev=pass policy.iprev=192.0.2.1", False),
        (b'l.test; spf=none smtp.mailfrom="x; dmarc=pass"@thief.test', False),
        (b"l.test; spf=none (; dmarc=pass header.from=bank.test)", False),
        (b"; dmarc=pass header.from=bank.test", False),
        (b"l.test; none", False),
    ],
)
def test_results_of_a_sealer(said: bytes, vouches: bool) -> None:
    assert vouches_for(said, "bank.test") is vouches


def test_nobody_vouches_for_nobody() -> None:
    assert not vouches_for(b"l.test; dmarc=pass", "")


@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    vouches_for(octets, "bank.test")
