"""What happens between the rendering of a message and its claim: the claim goes by what is true at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio.exceptions import ApplicationError

from activities.channels.sendgrid import SendGrid
from activities.guard import Moments
from activities.send import Sender
from rehearsal.run import Run
from settings import Settings
from storage.database import Database
from storage.facts import event_of
from storage.ledger import Send, sends_of_person
from tests.door import Door, opened_door, said
from tests.doubles.sendgrid import SendGridDouble, delay
from tests.performing import walk
from tests.servers import wait_until
from worker import sender_of
from workflows.catalogue import Catalogue
from workflows.inbox import written
from workflows.input import JourneyInput
from workflows.requests import SendRequest

NAMED = {"email": "old@example.com", "firstName": "Ada", "birthday": "02-03"}


class Doorstep(Database):
    """The shipped database; while it is not `open`, who wants to write is told of by `knocked` and waits."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.knocked, self.open = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        self.knocked.set()
        await self.open.wait()
        async with super().write() as connection:
            yield connection


@dataclass(frozen=True)
class Desk:
    """A person who is about to be greeted, and everything that takes part in it."""

    user: str
    door: Door
    database: Doorstep
    double: SendGridDouble
    sender: Sender
    run: Run

    async def knows(self, **traits: Any) -> None:
        """Accept traits of the person."""
        await self.door.take(said(self.user, "Identified", traits=traits))

    async def lines(self) -> list[Send]:
        """The ledger's lines about the person."""
        async with self.database.read() as connection:
            return await sends_of_person(connection, self.user)

    def request(self) -> SendRequest:
        """What the journey asks for first."""
        self.run.begin()
        (asked,) = self.run.activities.values()
        return SendRequest.model_validate(asked.argument)


@pytest_asyncio.fixture
async def desk(database_url: str, tmp_path: Path, user: str) -> AsyncIterator[Desk]:
    """Ada is known by an old address and has asked to be greeted; nothing of it is rendered yet."""
    settings, catalogue = Settings(data_dir=tmp_path, quiet_hours="", caps=""), Catalogue.load()
    database = Doorstep(database_url)
    async with opened_door(database_url) as door, SendGridDouble() as double:
        channel = SendGrid(double.api_key, sender=("hello@example.com", "Shop"), reply_to=None, host=double.url)
        await door.take(said(user, "Identified", traits=NAMED), said(user, "File Downloaded", file_name="newcomer"))
        (row,) = await door.stored("File Downloaded")
        event = event_of(row)
        assert event is not None
        given = JourneyInput(user=user, entry=event.event_id, entry_seq=event.seq, event=written(event))
        run = Run("newcomer", given.written(), datetime.now(UTC))
        yield Desk(user, door, database, double, sender_of(settings, database, catalogue, {"email": channel}), run)
        await double.close()
        await channel.close()
        await database.close()


async def test_another_address(desk: Desk) -> None:
    """A message that was rendered before the person's address changed goes to the new one, rendered anew, and to no other.

    Killed by: leaving the comparison of the draft's address out of the claim, or keeping the draft that is there.
    """
    sending = asyncio.create_task(walk(desk.sender, desk.run))
    async with asyncio.timeout(20):
        await desk.database.knocked.wait()
        await desk.knows(email="new@example.com", firstName="Grace")
        desk.database.open.set()
        run = await sending
    (call,) = desk.double.calls
    assert call.body is not None
    assert call.body["personalizations"][0]["to"] == [{"email": "new@example.com"}]
    assert "Grace" in call.body["subject"]
    assert "Ada" not in str(call.body)
    assert [line.status for line in await desk.lines()] == ["accepted"]
    assert "email onboarding/welcome" in run.result["sent"][0]


async def test_no_address_any_more(desk: Desk) -> None:
    """A message that was rendered before the person's address was removed is withheld, with the reason.

    Killed by: choosing the channel by the person that was rendered for.
    """
    sending = asyncio.create_task(walk(desk.sender, desk.run))
    async with asyncio.timeout(20):
        await desk.database.knocked.wait()
        await desk.knows(email=None)
        desk.database.open.set()
        run = await sending
    assert desk.double.calls == []
    assert [(line.status, line.reason) for line in await desk.lines()] == [("withheld", "email: no email address")]
    assert "no email address" in run.result["unsent"][0]


async def test_waited_for_too_long(desk: Desk) -> None:
    """An attempt that got the person's lock only after more than 10 s claims nothing and begins anew; the next one sends.

    Killed by: leaving out the look at how long the attempt has waited.
    """
    desk.database.open.set()
    request, now = desk.request(), datetime.now(UTC)
    with pytest.raises(ApplicationError) as refused:
        await desk.sender.perform(request, Moments(now, now - timedelta(seconds=11)))
    assert refused.value.next_retry_delay is not None
    assert refused.value.next_retry_delay <= timedelta(seconds=5)
    assert await desk.lines() == []
    assert desk.double.calls == []
    answer = await desk.sender.perform(request, Moments(now, datetime.now(UTC)))
    assert answer.status == "accepted"
    assert desk.double.accepted.total() == 1


async def test_the_lease_runs_from_the_claim(desk: Desk) -> None:
    """An attempt that waited nine seconds for the lock has its whole lease from then on: twice what the call may take.

    Killed by: counting the lease from the attempt's beginning.
    """
    desk.database.open.set()
    desk.double.script(delay(0.5))
    request, now = desk.request(), datetime.now(UTC)
    sending = asyncio.create_task(desk.sender.perform(request, Moments(now, now - timedelta(seconds=9))))
    await wait_until(lambda: desk.double.calls)
    (line,) = await desk.lines()
    assert line.status == "claimed"
    assert line.until is not None
    assert line.until - datetime.now(UTC) > timedelta(seconds=15)
    assert (await sending).status == "accepted"
