"""A webhook that may have arrived: it is called again, and whatever keeps it from that, the ledger does not call it withheld."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from activities.channels.endpoints import read_endpoints
from activities.channels.webhook import Webhooks
from stack import TemporalServer
from storage.consents import consent
from storage.ledger import Send, put_send
from tests.doubles.webhook import (
    CUT_AFTER_ACCEPT,
    ERROR_AFTER_ACCEPT,
    SERVER_ERROR,
    Behaviour,
    WebhookDouble,
    answer,
)
from tests.sending import Desk, desk
from tests.servers import free_port, wait_until
from tests.stage import staged

SECRET = "whsec_" + b64encode(b"thirty-two bytes of test secrets").decode()
NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BUSY = answer(429, retry_after="3600")
"""An answer that keeps the call from being repeated while the test looks."""


@pytest.fixture
async def double(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebhookDouble]:
    monkeypatch.setenv("no_proxy", "*")
    async with WebhookDouble(SECRET) as double:
        yield double


@asynccontextmanager
async def calling(database_url: str, folder: Path, address: str) -> AsyncIterator[Desk]:
    """Where one webhook is asked for, which needs consent and is good for an hour."""
    channel = Webhooks(read_endpoints(f"weekly={address}", SECRET))
    async with desk(
        database_url, folder, providers={"webhook": channel}, kind="marketing", topic="news", expires="1h"
    ) as at:
        yield at
    await channel.close()


@pytest.fixture
async def at(database_url: str, tmp_path: Path, double: WebhookDouble) -> AsyncIterator[Desk]:
    """The same, calling the double."""
    async with calling(database_url, tmp_path, double.url) as at:
        yield at


async def call(at: Desk, user: str, now: datetime = NOON) -> str:
    """One attempt; returns what has become of it, or that it is to be tried again."""
    try:
        return (await at.attempt(user, now, step="s", channel="webhook", due=NOON)).status
    except ApplicationError as error:
        return str(error.type)


async def line_of(at: Desk, user: str) -> Send:
    (line,) = await at.lines(user)
    return line


@pytest.mark.parametrize("lost", [CUT_AFTER_ACCEPT, ERROR_AFTER_ACCEPT, answer(408)], ids=["cut", "502", "408"])
@pytest.mark.parametrize("against", ["consent", "expiry", "refusal"])
async def test_kept_from_a_repeat(at: Desk, double: WebhookDouble, user: str, lost: Behaviour, against: str) -> None:
    """B3, B4: a call that may have arrived and is not made again, because consent or time ran out or the receiver refuses
    it by now, is in doubt, a 429 in between notwithstanding; the journey is told so.

    Killed by: raising TryLater for a call that broke in Webhooks._post or _failure, or not setting `resent` in Sender.
    """
    await at.person(user)
    double.script(lost, BUSY)
    assert [await call(at, user) for _ in range(2)] == ["TryLater", "TryLater"]
    assert ((await line_of(at, user)).status, (await line_of(at, user)).resent) == ("held", True)
    if against == "consent":
        await consent(at.database, user, "webhook", "news", given=False, reason="unsubscribed", now=datetime.now(UTC))
    double.script(answer(422))
    assert await call(at, user, NOON + 2 * HOUR if against == "expiry" else NOON) == "unknown"
    assert (await line_of(at, user)).status == "unknown"
    assert len(double.calls) == (3 if against == "refusal" else 2)


async def test_the_attempt_died(at: Desk, double: WebhookDouble, user: str) -> None:
    """B3: a call whose worker died is made again once its claim is over; where it must not be, it is in doubt.

    Killed by: leaving the dead claim as it is in Claims._lines.
    """
    await at.person(user)
    double.script(BUSY)
    assert await call(at, user) == "TryLater"
    before = datetime.now(UTC) - HOUR
    claimed = replace(await line_of(at, user), status="claimed", until=before)
    async with at.database.write() as connection:
        await put_send(at.database, connection, claimed)
    double.script(BUSY)
    assert await call(at, user) == "TryLater"
    assert len(double.calls) == 2
    async with at.database.write() as connection:
        await put_send(at.database, connection, claimed)
    assert await call(at, user, NOON + 2 * HOUR) == "unknown"
    assert (await line_of(at, user)).reason == "the attempt died in the provider call"


@pytest.mark.parametrize("answers", ["busy", "nobody"])
async def test_what_never_arrived(
    database_url: str, tmp_path: Path, double: WebhookDouble, user: str, answers: str
) -> None:
    """A call that the receiver has not taken is withheld when it has expired: there is nothing to doubt.

    Killed by: raising RepeatLater for every failure in Webhooks.
    """
    double.script(BUSY)
    address = double.url if answers == "busy" else f"http://127.0.0.1:{free_port()}"
    async with calling(database_url, tmp_path, address) as at:
        await at.person(user)
        assert await call(at, user) == "TryLater"
        assert await call(at, user, NOON + 2 * HOUR) == "withheld"
        assert (await line_of(at, user)).status == "withheld"


@pytest.mark.server
async def test_a_goal_comes(
    temporal: TemporalServer, database_url: str, tmp_path: Path, double: WebhookDouble, user: str
) -> None:
    """E2: a purchase ends the run while its call waits for a repeat; the ledger says that it may have arrived.

    Killed by: withdrawing every held line as withheld in storage/holds.py, or not setting `resent` in Sender.
    """
    channel = Webhooks(read_endpoints(f"crm={double.url}", SECRET))
    async with staged(database_url, temporal.address, tmp_path, providers={"webhook": channel}) as stage:
        await stage.knows(user)
        double.script(SERVER_ERROR, BUSY)
        await stage.happens(stage.event(user, "File Downloaded", file_name="tagger"))
        await wait_until(lambda: len(double.calls) == 2, 20)

        async def held() -> bool:
            return bool(await stage.sends(user, status="held"))

        await wait_until(held)
        await stage.happens(stage.event(user, "Order Completed", id=f"{user}-o", order_id="o"))
        assert (await stage.result("tagger", user))["outcome"] == f"ended by Order Completed ({user}-o)"
        (line,) = [line for line in await stage.sends(user) if line.journey == "tagger"]
        assert (line.status, line.until) == ("unknown", None)
    await channel.close()
