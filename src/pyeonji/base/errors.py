"""The roots of all errors that packages raise.

Each package draws its own tree below these. An error carries facts, not wire
text; every door has one table from error to its own words. A caller needs to
know one thing of any error: does trying again later help?

    PyeonjiError
      TemporaryError     the same request may succeed later (4xx, NO, retry)
      PermanentError     it will not (5xx, NO, bounce)
"""

from __future__ import annotations


class PyeonjiError(Exception):
    """Anything that this package raises on purpose."""


class TemporaryError(PyeonjiError):
    """Trying the same again later may succeed."""


class PermanentError(PyeonjiError):
    """Trying the same again will fail again."""
