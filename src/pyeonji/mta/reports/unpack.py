"""From an attachment to the report in it: gzip, zip or plain, never too much."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import Final

from pyeonji.mta.reports.tree import NotReadable

MAX_PACKED: Final = 10 * 1024 * 1024
"""Octets of an attachment that is opened."""

MAX_REPORT: Final = 20 * 1024 * 1024
"""Octets that it may become; 25,000 rows of DMARC are about half as much."""

MAX_MEMBERS: Final = 16
"""Files of a zip that are looked at; there should be one."""

_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"


def unpacked(octets: bytes) -> bytes:
    """The report in an attachment, whatever its type says it is.

    Raises:
        NotReadable: broken, empty, or becoming larger than MAX_REPORT.
    """
    if len(octets) > MAX_PACKED:
        raise NotReadable(f"larger than {MAX_PACKED} octets")
    if octets.startswith(_GZIP):
        return _gunzipped(octets)
    if octets.startswith(_ZIP):
        return _unzipped(octets)
    return octets


def _gunzipped(octets: bytes) -> bytes:
    opener = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        whole = opener.decompress(octets, MAX_REPORT + 1)
    except zlib.error as error:
        raise NotReadable(f"broken gzip: {error}") from error
    if len(whole) > MAX_REPORT:
        raise NotReadable(f"unpacks to more than {MAX_REPORT} octets")
    if not opener.eof:
        raise NotReadable("gzip that ends too early")
    return whole


def _unzipped(octets: bytes) -> bytes:
    """The first file of a zip; no more than MAX_REPORT is ever unpacked."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            files = [x for x in archive.infolist()[:MAX_MEMBERS] if not x.is_dir()]
            if not files:
                raise NotReadable("a zip without a file")
            if files[0].compress_type not in _METHODS:  # LZMA may ask for gigabytes
                raise NotReadable("a zip packed as reports never are")
            with archive.open(files[0]) as member:
                whole = member.read(MAX_REPORT + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        RuntimeError,  # it has a password
        NotImplementedError,  # zipfile: packed or encrypted as it does not know
        LookupError,  # a name of no characters
        struct.error,
        ValueError,
    ) as error:
        raise NotReadable(f"broken zip: {error}") from error
    if len(whole) > MAX_REPORT:
        raise NotReadable(f"unpacks to more than {MAX_REPORT} octets")
    return whole
