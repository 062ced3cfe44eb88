"""What support's word about a message in doubt does to the journey that waits for its provider's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from activities.channels.sendgrid import SendGrid
from doubt import settle
from stack import TemporalServer
from tests.acceptance.support import story
from tests.door import somebody
from tests.doubles.sendgrid import CUT_AFTER_ACCEPT, SendGridDouble
from tests.servers import wait_until
from tests.stage import Stage, staged


@pytest.fixture
async def mailing(
    temporal: TemporalServer, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Stage]:
    """The whole system, with a SendGrid that takes one mail and cuts the connection."""
    monkeypatch.setenv("no_proxy", "*")
    async with SendGridDouble() as double:
        double.script(CUT_AFTER_ACCEPT)
        channel = SendGrid(double.api_key, sender=("hello@example.com", "Shop"), reply_to=None, host=double.url)
        async with staged(database_url, temporal.address, tmp_path, providers={"email": channel}) as stage:
            yield stage
        assert len(double.calls) == 1
        await channel.close()


@pytest.mark.server
@pytest.mark.parametrize("verdict", ["accepted", "refused"])
async def test_what_follows(mailing: Stage, verdict: Any) -> None:
    """The journey that waits for the provider's word takes support's instead and sends nothing more; the story says whose it was.

    Killed by: leaving `until` or the status as it was in settle_doubt.
    """
    user = somebody()
    await mailing.knows(user, birthday="1990-01-01")
    await mailing.happens(mailing.event(user, "File Downloaded", file_name="newcomer"))

    async def doubted() -> bool:
        return bool(await mailing.sends(user, status="unknown"))

    await wait_until(doubted, 20)
    (line,) = await mailing.sends(user)
    await settle(mailing.settings, line.send_key, verdict, "asked at the shop", "grace")
    await mailing.wake("newcomer", user)
    account = await mailing.result("newcomer", user)
    told = account["sent"] if verdict == "accepted" else account["unsent"]
    assert len(account["sent"] + account["unsent"]) == 1
    assert "email onboarding/welcome" in told[0]
    told_to_support = await story(mailing, user)
    assert f"email onboarding/welcome: {verdict}" in told_to_support
    assert "settled by grace: asked at the shop" in told_to_support
