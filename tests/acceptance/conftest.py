"""Who the acceptance tests are about, and a system that mails them by SendGrid."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from activities.channels.sendgrid import SendGrid
from stack import TemporalServer
from tests.doubles.sendgrid import SendGridDouble
from tests.stage import Stage, staged

NUMBERS = itertools.count(1)


@pytest.fixture
def user() -> str:
    """A person nobody else is: all tests share one Temporal server, where runs of earlier tests may still be open."""
    return f"ada-{next(NUMBERS)}"


@pytest_asyncio.fixture
async def double() -> AsyncIterator[SendGridDouble]:
    """A SendGrid that answers as told, and counts what it is given."""
    async with SendGridDouble() as double:
        yield double


@pytest_asyncio.fixture
async def mailing(
    temporal: TemporalServer, database_url: str, tmp_path: Path, double: SendGridDouble
) -> AsyncIterator[Stage]:
    """The whole system on either database, with email going out by SendGrid."""
    channel = SendGrid(double.api_key, sender=("hello@example.com", "Shop"), reply_to=None, host=double.url)
    async with staged(database_url, temporal.address, tmp_path, providers={"email": channel}) as stage:
        yield stage
        await channel.close()
