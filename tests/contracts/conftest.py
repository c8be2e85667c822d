"""The engines that the contracts are tested with."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contracts.engines import Engine

from pyeonji.base.clock import SystemClock


@pytest.fixture(params=["embedded"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return Engine(tmp_path / "data", SystemClock())
