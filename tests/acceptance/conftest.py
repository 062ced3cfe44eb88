"""Who the acceptance tests are about."""

from __future__ import annotations

import itertools

import pytest

NUMBERS = itertools.count(1)


@pytest.fixture
def user() -> str:
    """A person nobody else is: all tests share one Temporal server, where runs of earlier tests may still be open."""
    return f"ada-{next(NUMBERS)}"
