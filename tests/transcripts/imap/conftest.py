"""Every script is played twice: against the bare door, and over TLS."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.transcripts.imap.imap_play import BARE, TLS, WAY

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test marked `way(name, reason)` is played that one way only."""
    only = metafunc.definition.get_closest_marker("way")
    ways = [only.args[0]] if only else [BARE, TLS]
    metafunc.parametrize("way", ways, indirect=True)


@pytest.fixture(autouse=True)
def way(request: pytest.FixtureRequest) -> Iterator[str]:
    """The way that the player goes in this test."""
    token = WAY.set(request.param)
    yield request.param
    WAY.reset(token)
