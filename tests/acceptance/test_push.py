"""Push through Firebase, from the event that tells of a device to the notification on it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from activities.channels.firebase import Firebase
from settings import Settings
from stack import TemporalServer
from storage.ledger import put_send
from tests.doubles.firebase import FirebaseDouble
from tests.doubles.firebase_behaviour import CUT_AFTER_ACCEPT, ERROR_AFTER_ACCEPT, FORBIDDEN, quota
from tests.sending import desk
from tests.servers import wait_until
from tests.stage import Stage, kinds, staged
from worker import providers

pytestmark = pytest.mark.server

FID = "dPhone_0123456789-abcd"
TOKEN = "cTablet_0123456789-abc:APA91bTablet"


@pytest_asyncio.fixture
async def double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FirebaseDouble]:
    """A Firebase that answers as told; this process takes it for the real one."""
    async with FirebaseDouble() as double:
        for name, value in double.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FIREBASE_CREDENTIALS", str(double.key_file(tmp_path)))
        yield double


@pytest_asyncio.fixture
async def pushing(
    temporal: TemporalServer, database_url: str, tmp_path: Path, double: FirebaseDouble
) -> AsyncIterator[Stage]:
    """The whole system on either database; push goes out as soon as FIREBASE_CREDENTIALS is set."""
    reach = providers(Settings(data_dir=tmp_path))
    async with staged(database_url, temporal.address, tmp_path, providers=reach) as stage:
        yield stage
        await cast(Firebase, reach["push"]).close()


async def leaves_a_cart(stage: Stage, user: str, *devices: dict[str, Any]) -> None:
    """Somebody with these devices leaves a cart behind, and the quiet is over."""
    await stage.knows(user)
    for device in devices:
        await stage.happens(stage.event(user, "Identified", context={"device": device}))
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value=59, currency="EUR"))
    await stage.wake("cart_abandonment", user, "c")


async def test_on_the_device(pushing: Stage, double: FirebaseDouble, user: str) -> None:
    """H7: the push of a journey is seen once on the device used last, and loses its worth when its template says.

    Killed by: passing no address_kind or no valid_for in Draft.envelope; reading only context.device.token.
    """
    await leaves_a_cart(pushing, user, {"token": TOKEN}, {"fid": FID, "type": "android"})
    (line,) = await pushing.sent(user)
    (call,) = double.calls
    assert kinds([line]) == ["push cart/still_here"]
    assert (line.provider, line.provider_id) == ("firebase", call.name)
    assert double.visible(FID, line.send_key) == 1
    assert 11 * 3600 < int(call.message["android"]["ttl"].removesuffix("s")) <= 12 * 3600


async def test_gone(pushing: Stage, double: FirebaseDouble, user: str) -> None:
    """B6, H7: where an address is gone the next device is tried, then the next channel; the dead one is never called again.

    Killed by: Refused in place of AddressGone for UNREGISTERED.
    """
    double.gone |= {FID, TOKEN}
    await leaves_a_cart(pushing, user, {"token": TOKEN}, {"fid": FID})
    (line,) = await pushing.sent(user)
    assert kinds([line]) == ["email cart/still_here"]
    assert [call.message.get("fid") or call.message["token"] for call in double.calls] == [FID, TOKEN]

    double.gone.clear()
    await pushing.happens(pushing.event(user, "File Downloaded", file_name="nap"))
    await pushing.wake("nap", user)
    assert "push: " in (await pushing.result("nap", user))["unsent"][0]
    assert len(double.calls) == 2


async def test_seen_once(double: FirebaseDouble, user: str, database_url: str, tmp_path: Path) -> None:
    """B3: a push whose answer is lost goes once more after fifteen minutes of silence, and is seen once all the same.

    Killed by: a tag that is made of anything but the send_key.
    """
    reach, now = providers(Settings(data_dir=tmp_path)), datetime.now(UTC)
    double.script(CUT_AFTER_ACCEPT)
    async with desk(database_url, tmp_path, providers=reach) as asked:
        await asked.person(user, tokens=[{"kind": "fid", "value": FID}])
        for _ in range(2):
            assert (await asked.ask(user, now, channel="push", step="s")).status == "unknown"
        (line,) = await asked.lines(user)
        assert double.accepted == {line.send_key: 1}

        async with asked.database.write() as connection:
            await put_send(asked.database, connection, replace(line, until=now))
        for _ in range(2):
            assert (await asked.ask(user, now, channel="push", step="s")).status == "accepted"
    await cast(Firebase, reach["push"]).close()
    assert double.accepted == {line.send_key: 2}
    assert double.visible(FID, line.send_key) == 1


async def test_seen_once_after_unavailable(
    double: FirebaseDouble, user: str, database_url: str, tmp_path: Path
) -> None:
    """B3, B4: a push that Firebase has delivered, and yet called itself unavailable, goes again at once and is seen once.

    Killed by: InDoubt in place of TryLater for 503, or a tag that is made of anything but the send_key.
    """
    reach, now = providers(Settings(data_dir=tmp_path)), datetime.now(UTC)
    double.script(ERROR_AFTER_ACCEPT)
    async with desk(database_url, tmp_path, providers=reach) as asked:
        await asked.person(user, tokens=[{"kind": "fid", "value": FID}])
        assert (await asked.ask(user, now, channel="push", step="s")).status == "accepted"
        (line,) = await asked.lines(user)
    await cast(Firebase, reach["push"]).close()
    assert double.accepted == {line.send_key: 2}
    assert double.visible(FID, line.send_key) == 1


async def test_resent_to_the_same_device(double: FirebaseDouble, user: str, database_url: str, tmp_path: Path) -> None:
    """B3: a push in doubt goes once more to the device that may have it, not to one that was told of meanwhile.

    Killed by: leaving out Claims._keep_to_address.
    """
    reach, now = providers(Settings(data_dir=tmp_path)), datetime.now(UTC)
    double.script(CUT_AFTER_ACCEPT)
    tablet, phone = {"kind": "fid", "value": FID}, {"kind": "token", "value": TOKEN}
    async with desk(database_url, tmp_path, providers=reach) as asked:
        for device, gone in (("tablet", False), ("gone", True)):
            await asked.person(user, tokens=[tablet])
            assert (await asked.ask(user, now, channel="push", step=device)).status == "unknown"
            (line,) = [line for line in await asked.lines(user) if line.entry_id == device]
            await asked.person(user, tokens=[phone] if gone else [tablet, phone])
            async with asked.database.write() as connection:
                await put_send(asked.database, connection, replace(line, until=now))
            answer = await asked.ask(user, now, channel="push", step=device)
            assert answer.status == ("unknown" if gone else "accepted")
            double.script(CUT_AFTER_ACCEPT)
    await cast(Firebase, reach["push"]).close()
    assert [call.message.get("token") for call in double.calls] == [None, None, None]


async def test_over_the_quota(pushing: Stage, double: FirebaseDouble, user: str) -> None:
    """B4: a push that Firebase did not take because of its quota goes when Firebase says, once.

    Killed by: Refused or InDoubt in place of TryLater for 429.
    """
    double.script(quota("1"), quota("1"))
    await leaves_a_cart(pushing, user, {"fid": FID})
    (line,) = await pushing.sent(user)
    assert [call.send_key for call in double.calls] == [line.send_key] * 3
    assert double.accepted == {line.send_key: 1}


async def test_no_right_to_send(pushing: Stage, double: FirebaseDouble, user: str) -> None:
    """B6: while the service account may not send, the person is not lost: the message waits, and its line says for what.

    Killed by: Refused in place of TryLater for 403.
    """
    double.script(FORBIDDEN)
    await leaves_a_cart(pushing, user, {"fid": FID})
    (line,) = await wait_until(lambda: pushing.sends(user, status="held"), 20)
    assert "FIREBASE_CREDENTIALS" in (line.reason or "")
    assert await pushing.is_open("cart_abandonment", user, "c")
