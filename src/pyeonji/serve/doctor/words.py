"""What each finding means and what to do, in English and Korean.

`{subject}` and the finding's values are filled in. "dns.failed" and the like
are in `host_words` or `zone_words`, by what they are about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pyeonji.serve.doctor.host_words import HOST_WORDS
from pyeonji.serve.doctor.zone_words import ZONE_WORDS

if TYPE_CHECKING:
    from pyeonji.serve.doctor.findings import Finding
    from pyeonji.serve.doctor.zone_words import Told

WORDS: Final = {**ZONE_WORDS, **HOST_WORDS}
"""By code: English, Korean; of each what is so, and what to do."""


def told(finding: Finding, *, korean: bool) -> Told:
    """What is so, and what to do."""
    said, to_do = WORDS[finding.code][1 if korean else 0]
    values = {"subject": finding.subject, **finding.values}
    return said.format(**values), to_do.format(**values)
