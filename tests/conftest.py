"""For all tests: chance is fixed, and what was left open is found where it was left."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# The same examples each time: a test that passes does so for everybody. How long
# one takes says more about the machine than about us. `make explore` looks further.
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "explore", settings.get_profile("same"), derandomize=False, print_blob=True
)
settings.load_profile(os.environ.get("PYEONJI_EXAMPLES", "same"))


def pytest_collection_finish() -> None:
    """What importing made stays: looking for rubbish need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True, scope="module")
def rubbish() -> Iterator[None]:
    """A socket or file left open fails its own module, always, not some later test."""
    yield
    gc.collect()
