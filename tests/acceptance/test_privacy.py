"""Nothing that tells who somebody is enters Temporal or a log."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from ingestion.departures import workflow_id
from storage.runs import entries_of_person
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


@pytest.mark.parametrize("identity", [ADDRESS, PHONE], ids=["address", "phone"])
async def test_canaries(
    stage: Stage, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, identity: str
) -> None:
    """H6: an address or phone number as user id, cart id, coupon, asset or message id, and every trait, stay out of Temporal and logs.

    Killed by: leaving Opaque out of Acceptor._named or _row, declaring a personal field in events.py, or logging a person.
    """
    caplog.set_level("DEBUG")
    cart = {"cart_id": f"cart of {ADDRESS}", "value": 59, "currency": "EUR", "coupon": f"FOR-{ADDRESS}"}
    await stage.happens(stage.event(identity, "Identified", traits=TRAITS, context=CONTEXT))
    # The person's own page, with a message id that a client has made of the address.
    visit = stage.event(identity, "Page Viewed", id=f"{ADDRESS}-1", path=f"/account/{ADDRESS}", context=CONTEXT)
    await stage.happens(visit)
    await stage.happens(stage.event(identity, "Cart Updated", id=f"{ADDRESS}-2", context=CONTEXT, **cart))
    await stage.happens(stage.event(identity, "File Downloaded", file_name="nap", context=CONTEXT))
    await stage.happens(
        stage.event(identity, "Video Playback Completed", content_asset_id=f"rerun-{ADDRESS}", context=CONTEXT)
    )
    user = stage.acceptor._opaque.user_id(identity)
    places = await begun(stage, user)
    assert sorted(place.journey for place in places) == ["cart_abandonment", "nap", "rerun", "win_back"]
    await stage.sent(user)
    cart_run = next(place for place in places if place.journey == "cart_abandonment")
    await stage.wake("cart_abandonment", user, cart_run.key)
    await stage.sent(user, 2)
    # A journey's condition that throws is the relay's most talkative moment.
    await stage.take(stage.event(identity, "File Downloaded", file_name="picky", context=CONTEXT))
    await wait_until(lambda: "an event could not be routed" in noted(), 10) if (
        noted := Noted(capsys, caplog)
    ) else None
    await stage.happens(
        stage.event(
            identity, "Order Completed", id=f"{ADDRESS}-3", order_id=f"order of {ADDRESS}", traits=TRAITS, value=20
        )
    )
    await stage.result("cart_abandonment", user, cart_run.key)

    scanned = 0
    async for place, raw in everything(stage, user):
        scanned += len(raw)
        for canary in CANARIES:
            assert canary.encode() not in raw.lower(), f"{canary!r} in {place}"
    assert scanned > 10_000
    for canary in CANARIES:
        assert canary not in noted().lower()


class Noted:
    """All that was logged or printed so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
        self._capsys, self._caplog, self._text = capsys, caplog, ""

    def __call__(self) -> str:
        printed = self._capsys.readouterr()
        self._text += printed.out + printed.err
        return self._text + self._caplog.text


async def begun(stage: Stage, user: str) -> list[object]:
    async with stage.database.read() as connection:
        return [entry.place for entry in await entries_of_person(connection, user)]


async def everything(stage: Stage, user: str) -> AsyncIterator[tuple[str, bytes]]:
    """All that Temporal holds about this person's runs: ids, attributes, memo, summaries, details and whole histories."""
    async with stage.database.read() as connection:
        ids = {workflow_id(entry.place) for entry in await entries_of_person(connection, user)}
    for each in ids:
        handle = stage.client.get_workflow_handle(each)
        description = await handle.describe()
        yield f"the description of {description.workflow_type}", description.raw_description.SerializeToString()
        for event in (await handle.fetch_history()).events:
            yield f"{description.workflow_type}, event {event.event_id}", event.SerializeToString()
        if description.close_time is None:
            metadata = await handle.query("__temporal_workflow_metadata")
            yield f"the details of {description.workflow_type}", str(metadata).encode()
