"""Which keys sign."""

from __future__ import annotations

import asyncio

from tests.unit.mta_trust.dns_answers import answered

from pyeonji.mta.signing.keys import Sealing, make_keys
from pyeonji.mta.signing.letters import ours
from pyeonji.mta.signing.signer import Signer, author_domains
from pyeonji.mta.trust.canonical import header_fields
from pyeonji.mta.trust.dkim import Result
from pyeonji.mta.trust.signed import SignedLetter
from pyeonji.storage.directory import DkimKey, KeyState

OPEN = Sealing(lambda text: text.encode(), lambda octets: octets.decode())
HEADER = "From: 김 <kim@news.편지.test>\r\nSubject: x\r\n\r\n".encode()


def keys(
    domain: str, *types: str, state: KeyState = KeyState.ACTIVE
) -> tuple[DkimKey, ...]:
    made = make_keys(
        domain, types=types, state=state, taken=(), now=1_700_000_000, sealing=OPEN
    )
    return tuple(made)


def signed(
    directory: dict[str, tuple[DkimKey, ...]],
    *domains: str,
    sealing: Sealing = OPEN,
    header: bytes = HEADER,
) -> bytes:
    async def keys_of(domain: str) -> tuple[DkimKey, ...]:
        return directory.get(domain, ())

    async def main() -> bytes:
        signer = Signer(keys_of, sealing)
        letter = SignedLetter(header, signing=True)
        letter.update(b"hello\r\n")
        return await signer.sign(letter, domains, 1_700_000_000)

    return asyncio.run(main())


def test_the_authors_domain_signs_in_a_labels() -> None:
    """The closest domain above it that has keys; the first domain that has any."""
    of_author = keys("편지.test", "ed25519", "rsa")
    directory = {"편지.test": of_author, "b.test": keys("b.test", "ed25519")}
    domains = author_domains(header_fields(HEADER))
    assert domains == ["news.편지.test"]
    fields = signed(directory, *domains, "b.test")
    found = header_fields(fields)
    assert [b"a=rsa" in each.value for each in found] == [True, False]
    texts = {
        f"{key.selector}._domainkey.{'편지'.encode('idna').decode()}.test": key.record
        for key in of_author
    }
    letter = SignedLetter(fields + HEADER)
    letter.update(b"hello\r\n")
    verdicts = answered(letter.check_dkim(1_700_000_000), texts)
    assert [one.result for one in verdicts] == [Result.PASS, Result.PASS]
    assert b"d=b.test" in signed(directory, "nobody.test", "b.test")
    assert ours(fields + b"X: y\r\n") == (["xn--9b6b95p.test"], b"X: y\r\n")


def test_only_active_keys_sign() -> None:
    waiting = keys("a.test", "ed25519", state=KeyState.WAITING)
    retiring = keys("a.test", "ed25519", state=KeyState.RETIRING)
    assert signed({"a.test": waiting + retiring}, "a.test") == b""
    assert signed({}, "a.test") == b""
    assert signed({"test": keys("test", "ed25519")}, "a.test") == b""  # no TLD


def test_keys_of_another_installation_do_not_sign() -> None:
    """It goes out unsigned, and the log says why."""
    locked = Sealing(lambda _: b"", lambda _: None)
    assert (
        signed({"a.test": keys("a.test", "ed25519")}, "a.test", sealing=locked) == b""
    )
    spoilt = Sealing(lambda _: b"", lambda _: "bm90IGEga2V5")
    assert (
        signed({"a.test": keys("a.test", "ed25519")}, "a.test", sealing=spoilt) == b""
    )


def test_selectors_do_not_meet() -> None:
    first = keys("a.test", "rsa", "ed25519")
    assert [key.selector for key in first] == ["2023-11r", "2023-11e"]
    (second,) = make_keys(
        "a.test",
        types=["ed25519"],
        state=KeyState.WAITING,
        taken={key.selector for key in first},
        now=1_700_000_000,
        sealing=OPEN,
    )
    assert second.selector == "2023-11e2"
