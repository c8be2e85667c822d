"""What a signature costs: CPU for each letter, by its parts (microseconds).

python benchmarks/trust_signing.py
"""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from pyeonji.mta.signing.keys import Sealing
from pyeonji.mta.signing.signer import Signer, author_domains
from pyeonji.mta.trust.dkim_sign import SigningKey, dkim_signature, key_octets
from pyeonji.mta.trust.keys import public_key, read_record
from pyeonji.mta.trust.signed import SignedLetter
from pyeonji.storage.directory import DkimKey, KeyState

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = (
    b"From: Kim <kim@pyeonji.example>\r\nTo: lee@a.example\r\nSubject: hello\r\n"
    b"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@pyeonji.example>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
)
BODY = b"a line of text as people write it, of some 60 characters\r\n" * 70
ROUNDS = 1000


def microseconds(work: Callable[[], object], rounds: int = ROUNDS) -> float:
    start = time.process_time()
    for _ in range(rounds):
        work()
    return (time.process_time() - start) / rounds * 1e6


def hashed() -> SignedLetter:
    letter = SignedLetter(HEADER, signing=True)
    letter.update(BODY)
    letter.body_digest  # noqa: B018 - made when it is asked for
    return letter


async def together(keys: list[SigningKey]) -> float:
    """Through the signer, as the door does it, many letters at once."""
    sealed = {key.type: key_octets(key.material).hex().encode() for key in keys}
    kept = tuple(
        DkimKey(
            domain=key.domain,
            selector=key.selector,
            type=key.type,
            state=KeyState.ACTIVE,
            record=key.record,
            sealed=sealed[key.type],
            created_at=0,
            changed_at=0,
        )
        for key in keys
    )

    async def keys_of(_: str) -> tuple[DkimKey, ...]:
        return kept

    def unseal(octets: bytes) -> str:
        return base64.b64encode(bytes.fromhex(octets.decode())).decode()

    signer = Signer(keys_of, Sealing(lambda text: text.encode(), unseal))

    async def one() -> None:
        letter = hashed()
        await signer.sign(letter, author_domains(letter.fields), 1.0)

    await one()
    start = time.process_time()
    await asyncio.gather(*(one() for _ in range(ROUNDS)))
    spent = time.process_time() - start
    return spent / ROUNDS * 1e6


def main() -> None:
    by_rsa = SigningKey("pyeonji.example", "r", rsa.generate_private_key(65537, 2048))
    by_ed25519 = SigningKey(
        "pyeonji.example", "e", ed25519.Ed25519PrivateKey.generate()
    )
    letter = hashed()
    digest = letter.body_digest
    print(f"header and body hash ({len(BODY)} octets)  {microseconds(hashed):8.1f}")
    for key in (by_rsa, by_ed25519):
        cost = microseconds(
            lambda key=key: dkim_signature(letter.fields, digest, key, 1.0)  # type: ignore[misc]
        )
        print(f"signature {key.type:29}  {cost:8.1f}")
        public = public_key(key.type, read_record(key.record).key)
        assert not isinstance(public, str)
        signature = key.sign(b"x")
        cost = microseconds(lambda p=public, s=signature: p.verifies(s, b"x"))  # type: ignore[misc]
        print(f"verifying {key.type:29}  {cost:8.1f}")
    both = asyncio.run(together([by_rsa, by_ed25519]))
    print(f"a letter, both signatures, all in all    {both:8.1f}")


if __name__ == "__main__":
    main()
