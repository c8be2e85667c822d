"""A server may open as many files as the system lets it."""

from __future__ import annotations

import resource

from pyeonji.serve.supervisor import MAX_DESCRIPTORS, raise_descriptors


def test_the_soft_limit_becomes_the_hard_one() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        raise_descriptors()
        raised, same = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert same == hard
        assert raised in {hard, MAX_DESCRIPTORS}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
