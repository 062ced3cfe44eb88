"""The shipped channel and a SendGrid for it to call."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.channels.sendgrid import SendGrid
from tests.door import somebody
from tests.doubles.sendgrid import SendGridDouble
from tests.mailing import KEY, sendgrid_at
from tests.reporting import Desk, desk_over


@pytest.fixture(autouse=True)
def _loopback_without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest_asyncio.fixture
async def double() -> AsyncIterator[SendGridDouble]:
    """A SendGrid that answers as told."""
    async with SendGridDouble(api_key=KEY) as double:
        yield double


@pytest_asyncio.fixture
async def channel(double: SendGridDouble) -> AsyncIterator[SendGrid]:
    """The shipped channel, calling the double."""
    channel = sendgrid_at(double.url)
    yield channel
    await double.close()
    await channel.close()


@pytest_asyncio.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    """The door for webhooks over an empty database, of either kind."""
    async with desk_over(database_url) as desk:
        yield desk


@pytest.fixture
def user() -> str:
    """A person of this test."""
    return somebody()
