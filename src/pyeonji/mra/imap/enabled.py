"""What a client has turned on in its connection (RFC 5161 §3.1, RFC 7162 §3.1)."""

from __future__ import annotations

from typing import Final

SPELLINGS: Final = {
    b"CONDSTORE": b"CONDSTORE",
    b"QRESYNC": b"QRESYNC",
    b"UIDONLY": b"UIDONLY",
    b"METADATA": b"METADATA",
    b"IMAP4REV2": b"IMAP4rev2",
    b"UTF8=ACCEPT": b"UTF8=ACCEPT",
}
"""How names are written in ENABLED; `Enabled` keeps them in upper case."""


class Enabled(set[bytes]):
    """Names in upper case, and what follows from them."""

    __slots__ = ()

    @property
    def mod_seqs(self) -> bool:
        """Untagged FETCH responses tell MODSEQ and UID (RFC 7162 §3.2.4)."""
        return b"CONDSTORE" in self

    @property
    def resync(self) -> bool:
        """QRESYNC is on."""
        return b"QRESYNC" in self

    @property
    def uid_only(self) -> bool:
        """No sequence numbers, either way (RFC 9586 §3)."""
        return b"UIDONLY" in self

    @property
    def vanished(self) -> bool:
        """VANISHED takes the place of EXPUNGE (RFC 7162 §3.2.10, RFC 9586 §3)."""
        return b"QRESYNC" in self or b"UIDONLY" in self

    @property
    def rev2(self) -> bool:
        """The client speaks IMAP4rev2 (RFC 9051 §6.3.1)."""
        return b"IMAP4REV2" in self

    @property
    def utf8(self) -> bool:
        """Quoted strings may have UTF-8 (RFC 9051 §4.3, RFC 6855 §3)."""
        return b"IMAP4REV2" in self or b"UTF8=ACCEPT" in self

    def turn_on(self, names: list[bytes]) -> list[bytes]:
        """Add names and what they bring along; returns those that are new."""
        new = [name for name in dict.fromkeys(names) if name not in self]
        self.update(new)
        if b"QRESYNC" in self:
            self.add(b"CONDSTORE")  # RFC 7162 §3.2.3
        return new
