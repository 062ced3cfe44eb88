"""What the ledger says stays true: what may have gone counts as gone, and nothing writes over what a provider has said."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from activities.channels.envelope import Envelope
from activities.policy import QuietHours
from errors import InDoubt, ProviderError, Refused, TryLater
from storage.consents import consent
from storage.ledger import put_send, settle
from tests.sending import Desk, desk

NIGHT = QuietHours(time(22), time(8))
EVENING = datetime(2026, 3, 3, 23, tzinfo=UTC)
MORNING = datetime(2026, 3, 4, 8, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Drawn:
    """A provider that answers what it is told to, and says when it has been called."""

    name = "drawn"

    def __init__(self) -> None:
        self.answers: list[ProviderError | None] = []
        self.calls: list[str] = []
        self.called = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def send(self, envelope: Envelope) -> str:
        self.calls.append(envelope.send_key)
        self.called.set()
        await self.goes_on.wait()
        if self.answers and (answer := self.answers.pop(0)) is not None:
            raise answer
        return "id"


async def silent(at: Desk, user: str) -> None:
    """Let the provider have been silent about this person's message for a quarter of an hour."""
    for line in await at.lines(user):
        async with at.database.write() as connection:
            await put_send(at.database, connection, replace(line, until=datetime.now(UTC)))


@pytest.mark.parametrize("answer", [None, InDoubt("lost")], ids=["under way", "in doubt"])
async def test_what_may_have_gone_takes_its_place(
    database_url: str, tmp_path: Path, user: str, answer: ProviderError | None
) -> None:
    """E3, E4: a message that was held through the night takes its place from the claim on, while it is under way or in doubt.

    Killed by: leaving `at` as it was in ledger.taken.
    """
    mail = Drawn()
    async with desk(
        database_url, tmp_path, caps="1 a calendar day", quiet_hours=NIGHT, providers={"email": mail}
    ) as at:
        await at.person(user)
        for step in ("first", "second"):
            assert (await at.ask(user, EVENING, step=step)).status == "held"
        mail.answers = [answer]
        if answer is None:
            mail.goes_on.clear()
        one = asyncio.create_task(at.ask(user, MORNING, step="first"))
        await mail.called.wait()
        if answer is not None:
            await one
        assert (await at.ask(user, MORNING + HOUR, step="second")).reason == "cap: 1 a calendar day"
        mail.goes_on.set()
        await one
        assert len(mail.calls) == 1


@pytest.mark.parametrize("second", ["quiet hours", "over the rate"])
async def test_a_doubt_stays_one(database_url: str, tmp_path: Path, user: str, second: str) -> None:
    """E2, H1: what may have arrived is never called withheld, whatever comes before its second way.

    Killed by: looking for `unknown` alone in Claims._withhold.
    """
    mail = Drawn()
    async with desk(
        database_url, tmp_path, quiet_hours=NIGHT, providers={"email": mail}, kind="service", topic="news"
    ) as at:
        await at.person(user)
        mail.answers = [InDoubt("lost"), TryLater("slow down", HOUR)]
        assert (await at.ask(user, EVENING - 2 * HOUR, step="s")).status == "unknown"
        await silent(at, user)
        if second == "quiet hours":
            assert (await at.ask(user, EVENING, step="s")).status == "held"
        else:
            mail.goes_on.clear()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(at.ask(user, EVENING - 2 * HOUR, step="s"), 1)
            (line,) = await at.lines(user)
            async with at.database.write() as connection:
                await put_send(at.database, connection, replace(line, status="held"))
        await consent(at.database, user, "email", "news", given=False, reason="unsubscribed", now=datetime.now(UTC))
        assert (await at.ask(user, MORNING, step="s")).status == "unknown"
        (line,) = await at.lines(user)
        assert (line.status, line.resent) == ("unknown", True)


async def test_refused_the_second_time(database_url: str, tmp_path: Path, user: str) -> None:
    """B3: a message in doubt that is refused on its second way stays in doubt, and goes by no other channel.

    Killed by: settling it as refused in Sender._hand_over.
    """
    push, mail = Drawn(), Drawn()
    async with desk(database_url, tmp_path, providers={"push": push, "email": mail}) as at:
        await at.person(user, tokens=[{"kind": "token", "value": "t"}])
        push.answers = [InDoubt("lost"), Refused("too long")]
        assert (await at.ask(user, EVENING, step="s", channels=("push", "email"))).status == "unknown"
        await silent(at, user)
        answer = await at.ask(user, EVENING, step="s", channels=("push", "email"))
        assert (answer.status, answer.until) == ("unknown", None)
        assert (len(push.calls), len(mail.calls)) == (2, 0)


async def test_a_database_away_for_a_moment(
    database_url: str, tmp_path: Path, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B3: what the provider has said is written down although the database was away just then, and nothing goes twice.

    Killed by: trying only once in Sender._settle.
    """
    mail, failures = Drawn(), iter([True])

    async def away(*of: object, **facts: object) -> object:
        if next(failures, False):
            raise OperationalError("UPDATE", {}, Exception("gone"))
        return await settle(*of, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr("activities.send.settle", away)
    async with desk(database_url, tmp_path, providers={"email": mail}, kind="service") as at:
        await at.person(user)
        assert (await at.ask(user, EVENING, step="s")).status == "accepted"
        (line,) = await at.lines(user)
        assert (line.status, len(mail.calls)) == ("accepted", 1)


async def test_only_by_the_same_way(database_url: str, tmp_path: Path, user: str) -> None:
    """B3: what is in doubt goes by no other channel of a choice.

    Killed by: choosing among all messages for a step that is in doubt in Claims.decide.
    """
    push, mail = Drawn(), Drawn()
    async with desk(database_url, tmp_path, providers={"push": push, "email": mail}) as at:
        await at.person(user, tokens=[{"kind": "token", "value": "t"}])
        push.answers = [InDoubt("lost")]
        assert (await at.ask(user, EVENING, step="s", channels=("push", "email"))).status == "unknown"
        await silent(at, user)
        await consent(at.database, user, "push", "*", given=False, reason="unsubscribed", now=datetime.now(UTC))
        assert (await at.ask(user, EVENING, step="s", channels=("push", "email"))).status == "unknown"
        assert (len(push.calls), len(mail.calls)) == (1, 0)


async def test_nothing_personal_in_an_error(database_url: str, tmp_path: Path, user: str) -> None:
    """H6: what a database error says does not hold what was to be written.

    Killed by: leaving `hide_parameters` out where an engine is made.
    """
    async with desk(database_url, tmp_path) as at:
        await at.person(user)
        async with at.database.write() as connection:
            await connection.exec_driver_sql("DROP TABLE outbox")
        with pytest.raises(Exception, match="outbox") as raised:
            await at.ask(user, EVENING)
        assert "INSERT" in str(raised.value)
        assert user not in str(raised.value)
