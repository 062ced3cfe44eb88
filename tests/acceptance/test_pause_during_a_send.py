"""Support pauses a run whose message is with the provider, or waits for its next try there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from stack import TemporalServer
from tests.acceptance.details import awaited, details
from tests.doubles.sendgrid import HANG, SendGridDouble, delay, rate_limited
from tests.mailing import sendgrid_at
from tests.servers import wait_until
from tests.stage import Stage, staged


@pytest_asyncio.fixture
async def double() -> AsyncIterator[SendGridDouble]:
    """A SendGrid that answers as told."""
    async with SendGridDouble() as double:
        yield double


@pytest_asyncio.fixture
async def mailing(temporal: TemporalServer, tmp_path: Path, double: SendGridDouble) -> AsyncIterator[Stage]:
    """The whole system, with email going out by SendGrid; a call that has no answer within two seconds is in doubt."""
    channel = sendgrid_at(double.url, call_timeout=2)
    url = f"sqlite+aiosqlite:///{tmp_path / 'journeyman.db'}"
    async with staged(url, temporal.address, tmp_path, providers={"email": channel}) as stage:
        yield stage
        await channel.close()


async def test_waiting_for_its_next_try(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """G4: a message that the provider has put off is called back by a pause, and goes out at once when it is resumed.

    Killed by: waiting for the activity alone in Errands.send, whatever is paused meanwhile.
    """
    double.script(rate_limited(60))
    await woken(mailing, double, user)
    await wait_until(lambda: retried(mailing, user))
    await mailing.handle("skipper", user).execute_update("pause", args=["complained", "kim"])
    await awaited(mailing, "is due", "skipper", user)
    assert len(double.calls) == 1
    assert not await retried(mailing, user)


async def test_with_the_provider(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """What the provider is accepting as the pause comes is accepted once, told, and not sent again after the resume.

    Killed by: taking every activity that was called off for one that nobody has had, in Errands.send.
    """
    double.script(delay(1))
    await woken(mailing, double, user)
    began = time.monotonic()
    await mailing.handle("skipper", user).execute_update("pause", "complained")
    assert time.monotonic() - began < 1, "the update does not wait for the provider"
    await awaited(mailing, "sleep 1 hour", "skipper", user)
    await mailing.handle("skipper", user).execute_update("resume", "all is well")
    assert [line.status for line in await mailing.sends(user)] == ["accepted"]
    assert sum(double.accepted.values()) == len(double.calls) == 1


async def test_in_doubt(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """A message whose answer is lost while the run is paused stays in doubt: the rule `skip` never calls it withheld.

    Killed by: forgetting the doubt in Sending.outcome once a message is withheld.
    """
    double.script(HANG)
    await woken(mailing, double, user)
    await mailing.handle("skipper", user).execute_update("pause", "complained")
    # The quarter of an hour for the provider's word is one by the machine's clock: in the skipped time it is long over.
    await awaited(mailing, "is due", "skipper", user)
    await mailing.handle("skipper", user).execute_update("resume", "all is well")
    line = await awaited(mailing, "sleep 1 hour", "skipper", user)
    assert "paused" not in line
    assert "email onboarding/welcome: unknown, " in await details(mailing, "skipper", user)
    assert [line.status for line in await mailing.sends(user)] == ["unknown"]
    assert len(double.calls) == 1


async def woken(mailing: Stage, double: SendGridDouble, user: str) -> None:
    """Bring the first message of `skipper` to the provider."""
    await mailing.knows(user)
    await mailing.happens(mailing.event(user, "File Downloaded", file_name="skipper"))
    await awaited(mailing, "sleep", "skipper", user)
    await mailing.wake("skipper", user)
    async with asyncio.timeout(20):
        await double.arrived(1)


async def retried(mailing: Stage, user: str) -> bool:
    """Whether an activity of the run waits for its next try."""
    description = await mailing.handle("skipper", user).describe()
    return any(activity.attempt > 1 for activity in description.raw_description.pending_activities)
