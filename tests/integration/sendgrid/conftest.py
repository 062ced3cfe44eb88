"""The shipped channel and a SendGrid for it to call."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from activities.channels.sendgrid import SendGrid
from tests.doubles.sendgrid import SendGridDouble
from tests.mailing import KEY, sendgrid_at


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
