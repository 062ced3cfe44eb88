"""Nothing that tells who somebody is enters Temporal or a log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from ingestion.incoming import Incoming
from storage.runs import Place
from storage.tables import entries
from tests.servers import wait_until
from tests.stage import Stage

ADDRESS = "Canary.Person@example.net"
PHONE = "+49 170 5550199"
CANARIES = (
    "canary.person",
    "zebulon",
    "quarterstaff",
    "5550199",
    "192.0.2.1",
    "canary-token",
    "52.5219",
    "canary lane",
)
"""In lower case; each is only ever a part of what tells who somebody is."""
TRAITS = {
    "email": ADDRESS,
    "firstName": "Zebulon",
    "lastName": "Quarterstaff",
    "phone": PHONE,
    "address": {"street": "Canary Lane 7", "country": "DE"},
}
CONTEXT = {
    "ip": "192.0.2.1",
    "device": {"token": "canary-token-" + "x" * 40},
    "location": {"latitude": 52.5219, "longitude": 13.4132, "country": "DE"},
    "page": {"referrer": f"https://search.example/?q={ADDRESS}", "url": f"https://shop.example/?mail={ADDRESS}"},
    "traits": TRAITS,
}


@pytest.mark.parametrize("identity", [f"{{}}.{ADDRESS}", f"{PHONE} {{}}"], ids=["address", "phone"])
async def test_canaries(
    stage: Stage, user: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, identity: str
) -> None:
    """H6: an address as user id, cart id, coupon or message id, and every trait, stays out of Temporal and of the log.

    Killed by: leaving Opaque out of Acceptor._named or _row, declaring a personal field in events.py, or logging a person.
    """
    noted, identity = Noted(capsys, caplog), identity.format(user.partition("-")[2])
    cart = {"cart_id": f"cart of {ADDRESS}", "value": 59, "currency": "EUR", "coupon": f"FOR-{ADDRESS}"}

    def event(name: str, **facts: Any) -> Incoming:
        # The message id is one that a client has made of the address.
        return stage.event(identity, name, id=f"{name} by {ADDRESS}", context=CONTEXT, **facts)

    await stage.happens(
        stage.event(identity, "Identified", traits=TRAITS, context=CONTEXT),
        event("Page Viewed", path=f"/account/{ADDRESS}"),
        event("Cart Updated", **cart),
        event("File Downloaded", file_name="nap"),
        event("Video Playback Completed", content_asset_id=f"rerun-:{ADDRESS}"),
    )
    places = await places_of(stage)
    assert sorted(place.journey for place in places) == ["cart_abandonment", "nap", "rerun", "win_back"]
    at = next(place for place in places if place.journey == "cart_abandonment")
    await stage.wake("cart_abandonment", at.user_id, at.key)
    await stage.sent(at.user_id, 2)
    # A journey's condition that throws is the relay's most talkative moment.
    await stage.take(stage.event(identity, "File Downloaded", file_name="picky", context=CONTEXT))
    await wait_until(lambda: "an event cannot be routed" in noted())
    await stage.happens(event("Order Completed", order_id=f"order of {ADDRESS}", value=20))
    await stage.result("cart_abandonment", at.user_id, at.key)

    scanned = 0
    for place in await places_of(stage):
        async for what, raw in everything(stage, place):
            scanned += len(raw)
            assert not [canary for canary in CANARIES if canary.encode() in raw.lower()], what
    assert scanned > 10_000
    assert not [canary for canary in CANARIES if canary in noted().lower()]


class Noted:
    """All that was logged or printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self._capsys, self._caplog, self._text = capsys, caplog, ""

    def __call__(self) -> str:
        printed = self._capsys.readouterr()
        self._text += printed.out + printed.err
        return self._text + self._caplog.text


async def places_of(stage: Stage) -> list[Place]:
    """Every place at which anybody has entered a journey."""
    async with stage.database.read() as connection:
        query = select(entries.c.journey, entries.c.user_id, entries.c.key).distinct()
        return [Place(*row) for row in await connection.execute(query)]


async def everything(stage: Stage, place: Place) -> AsyncIterator[tuple[str, bytes]]:
    """All that Temporal holds about a run: id, attributes, memo, summaries, details and the whole history."""
    handle = stage.handle(place.journey, place.user_id, place.key)
    description = await handle.describe()
    yield f"the description of {place.journey}", description.raw_description.SerializeToString()
    for event in (await handle.fetch_history()).events:
        yield f"event {event.event_id} of {place.journey}", event.SerializeToString()
    if place.journey != "win_back":  # a run that has not begun answers no query
        details = await handle.query("__temporal_workflow_metadata")
        yield f"the details of {place.journey}", str(details).encode()
