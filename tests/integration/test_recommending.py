"""What is recommended and foretold to whom, as the catalogue, the carts and the newest model have it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest_asyncio
from sqlalchemy import select

from activities.advice import Advice
from activities.policy import Policy
from activities.reach import Reach
from events import Recommended
from messages import Channel
from profiles.addresses import Addresses
from profiles.learning import learned
from profiles.model import Model
from profiles.person import Person
from storage.consents import put_dead
from storage.deliveries import put_deliveries
from storage.ledger import Send, put_send
from storage.models import KEPT, Models, publish
from storage.people import lock_people, write_people
from storage.products import Offer, put_offers, take_out
from storage.tables import models
from tests.door import Door, opened_door, said
from tests.shopping import DAY, NAMES, doings, events, incoming, line
from workflows.profile import Profile

ADDRESSES = Addresses("secret")
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"


@pytest_asyncio.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened_door(database_url) as door:
        yield door


def advice_of(door: Door) -> Advice:
    """As one of several workers has it."""
    return Advice(door.database, Reach(Policy(), ADDRESSES))


async def published(door: Door, model: Model | None = None, body: bytes | None = None) -> int:
    """Publish what is learned from the shop of tests.shopping, or this."""
    now = datetime.now(UTC)
    model = model or learned(doings(now), now)
    async with door.database.write() as connection:
        return await publish(connection, body or model.packed(), now)


async def offered(door: Door, *offers: Offer) -> None:
    """Put these into the catalogue."""
    async with door.database.write() as connection:
        await put_offers(door.database, connection, offers)


async def picks(door: Door, user: str, n: int = 8) -> list[str]:
    """What a new worker recommends."""
    return [each.product_id for each in await advice_of(door).recommended(user, n, datetime.now(UTC))]


async def test_nothing_yet(door: Door) -> None:
    """Before the first training, and for somebody who was never heard of, asking is safe.

    Killed by: leaving the check for no model out of Advice.
    """
    advice, now = advice_of(door), datetime.now(UTC)
    assert await advice.recommended("nobody", 5, now) == ()
    assert await advice.foretold(Profile(user_id="nobody"), now) == Profile(user_id="nobody")
    await published(door)
    assert len(await advice.recommended("nobody", 3, now)) == 3
    assert (await advice.foretold(Profile(user_id="nobody"), now)).next_category is None


async def test_by_what_they_did(door: Door) -> None:
    """Who has looked at tents is named more of that from that second on, with all that a template shows; what was bought is not.

    Killed by: leaving `_bought` out where there is no catalogue, or reading touches of another person.
    """
    await published(door)
    await door.take(said("ada", "Product Viewed", **line("tent", "Tents")))
    await door.take(said("ada", "Order Completed", products=[line("mat", "Tents")]))
    await door.take(said("bob", "Product Viewed", **line("mug", "Tea")))
    found = await advice_of(door).recommended("ada", 8, datetime.now(UTC))
    ids = [each.product_id for each in found]
    assert "mat" not in ids
    assert {"lamp", "stove"} == set(ids) & {"lamp", "stove"}
    assert ids.index("lamp") < ids.index("green")
    lamp = next(each for each in found if each.product_id == "lamp")
    assert lamp == Recommended(
        product_id="lamp",
        name=NAMES["lamp"],
        category="Tents",
        price=Decimal("19.90"),
        url="https://shop.example.com/lamp",
        image_url="https://cdn.example.com/lamp.jpg",
    )
    assert (await picks(door, "bob"))[0] in ("pot", "sieve", "green")


async def test_catalogue(door: Door) -> None:
    """Once there is a catalogue, only what it has in stock is named, at its price of this second, without another training.

    Killed by: leaving the check of `stock` out of Offer.fits, or falling back to what events say.
    """
    await published(door)
    await door.take(said("ada", "Product Viewed", **line("tent", "Tents")))
    lamp = Offer("lamp", "The lamp", "Tents", None, Decimal("12.00"), "USD", stock=1)
    await offered(door, lamp, Offer("stove", "The stove", stock=0), Offer("unheard", "Nobody has seen it"))
    advice = advice_of(door)
    (found,) = await advice.recommended("ada", 8, datetime.now(UTC))
    assert (found.name, found.price, found.currency) == ("The lamp", Decimal("12.00"), "USD")
    await offered(
        door, Offer("lamp", "The lamp", price=Decimal("9.00"), currency="USD"), Offer("stove", "The stove", stock=3)
    )
    now = await advice.recommended("ada", 8, datetime.now(UTC))
    assert {each.product_id: each.price for each in now} == {"lamp": Decimal("9.00"), "stove": None}
    async with door.database.write() as connection:
        await take_out(connection, ["lamp"])
    assert await picks(door, "ada") == ["stove"]


async def test_once_or_again(door: Door) -> None:
    """What is bought once is never named again; what is used up is, once its days are over; what is in the cart is not.

    Killed by: `replenish_days` of 0 for None in Offer.fits, or leaving `in_cart` out.
    """
    await published(door)
    await offered(door, *(Offer(each, each, replenish_days=30 if each == "green" else None) for each in NAMES))
    products = [line("green", "Leaves"), line("mug", "Tea")]
    await door.take(said("ada", "Order Completed", ago=29 * DAY, products=products))
    await door.take(said("bob", "Order Completed", ago=31 * DAY, products=products))
    await door.take(said("bob", "Product Added", **line("pot", "Tea")))
    assert {"green", "mug"}.isdisjoint(await picks(door, "ada"))
    assert "pot" in await picks(door, "ada")
    bob = await picks(door, "bob")
    assert "green" in bob
    assert {"mug", "pot"}.isdisjoint(bob)


async def test_next_version(door: Door) -> None:
    """Every running worker answers from what was published last, from its commit on; one that cannot be read harms nobody.

    Killed by: keeping the first version that was read, or letting the ValueError out of Models.
    """
    workers = [advice_of(door) for _ in range(3)]
    now = datetime.now(UTC)
    await published(door)
    assert all([len(await worker.recommended("ada", 8, now)) == 8 for worker in workers])
    few = learned(doings(now), now, {"tent", "mug"})
    version = await published(door, few)
    await offered(door, Offer("tent", "Tent"), Offer("mug", "Mug"), Offer("pot", "Pot"))
    for worker in workers:
        assert {each.product_id for each in await worker.recommended("ada", 8, now)} == {"tent", "mug"}
    assert await published(door, body=b"of another release") == version + 1
    for worker in workers:
        assert {each.product_id for each in await worker.recommended("ada", 8, now)} == {"tent", "mug"}
    assert await picks(door, "ada") == [], "a new worker has none to go on with"
    for _ in range(KEPT):
        await published(door)
    async with door.database.read() as connection:
        assert len((await connection.execute(select(models.c.version))).all()) == KEPT


async def test_read_once(door: Door) -> None:
    """However many ask at the same time, a model is unpacked once for its version.

    Killed by: leaving the lock out of Models.newest.
    """
    await published(door)
    found = Models(door.database)
    several = await asyncio.gather(*(found.newest() for _ in range(20)))
    assert several[0] is not None
    assert all(each is several[0] for each in several)


async def test_foretold(door: Door) -> None:
    """A profile says how probable an order is, 0 to 1, and the category that is next, by what the person did up to now.

    Killed by: leaving one of the two out of Advice.foretold.
    """
    now = datetime.now(UTC)
    await door.take(*incoming(200))
    await published(door, learned(doings(now, events(200)), now))
    advice, reach, told = advice_of(door), Reach(Policy(), ADDRESSES), []
    for user in ("camper-1", "drinker-0"):
        async with door.database.read() as connection:
            profile = await reach.told(connection, (await people(door, user))[user], now)
        told.append(await advice.foretold(profile, now))
    assert [each.next_category for each in told] == ["Tents", "Tea"]
    assert all(0 < (each.buy_probability or 0) < 1 for each in told)
    assert Profile.model_validate(told[0].model_dump(mode="json", exclude_defaults=True)) == told[0]


async def people(door: Door, *users: str) -> dict[str, Person]:
    async with door.database.write() as connection:
        return await lock_people(door.database, connection, users, datetime.now(UTC))


async def chosen(door: Door, user: str, ago: timedelta = -timedelta(minutes=10)) -> Channel:
    """The best channel ten minutes from now, when nobody is there any more, or at another time."""
    return (await advice_of(door).choose(user, datetime.now(UTC) - ago)).channel


async def reachable(door: Door, user: str, context: dict[str, object] | None = None) -> None:
    """Somebody with an address and a token, who has just been seen."""
    await door.take(said(user, "Identified", traits={"email": f"{user}@example.com"}))
    person = (await people(door, user))[user]
    person.hold("token", f"token-of-{user}")
    async with door.database.write() as connection:
        await write_people(door.database, connection, [person])
    await door.take(said(user, "Page Viewed", context=context))


async def sent(door: Door, user: str, channel: Channel, count: int, opened: int = 0) -> None:
    """Messages that went, of which the person opened some."""
    now, rows = datetime.now(UTC), []
    async with door.database.write() as connection:
        for number in range(count):
            key = f"{user}-{channel}-{number}"
            facts: dict[str, Any] = {"journey": "news", "key": "", "entry_id": "e", "step": "s", "template": "t"}
            facts |= {"channel": channel, "topic": "general", "kind": "marketing", "status": "accepted"}
            send = Send(key, key, user, **facts, at=now, machine_at=now)
            await put_send(door.database, connection, send)
            base = {"send_key": key, "at": now, "received_at": now}
            rows += [
                {"id": f"{key}-{each}", "event": "open", "by_machine": number >= opened, **base} for each in range(2)
            ]
        if channel == "email":
            await put_deliveries(door.database, connection, rows)
    if channel == "push":
        await door.take(*(said(user, "Push Notification Tapped", ago=DAY) for _ in range(opened)))


async def test_best_channel(door: Door) -> None:
    """In-app within five minutes of an event, push where it came from a phone and there is a token, else email.

    Killed by: leaving `on_mobile` or `active` out of the choice.
    """
    await reachable(door, "desk")
    await reachable(door, "phone", {"userAgent": PHONE})
    assert await chosen(door, "phone", timedelta(0)) == "in_app"
    assert await chosen(door, "phone") == "push"
    assert await chosen(door, "desk") == "email"
    assert await chosen(door, "nobody") == "email"


async def test_what_they_want(door: Door) -> None:
    """A channel that the person has refused, and an address that is dead, is never the best one.

    Killed by: leaving the consents, or the dead address, out of Reach.open_to.
    """
    await reachable(door, "phone", {"userAgent": PHONE})
    await door.take(said("phone", "Unsubscribed", channel="push"))
    assert await chosen(door, "phone") == "email"
    await door.take(said("phone", "Unsubscribed", channel="in_app"))
    assert await chosen(door, "phone", timedelta(0)) == "email"
    await reachable(door, "desk")
    async with door.database.write() as connection:
        hashed = ADDRESSES.hash("email", "desk@example.com")
        await put_dead(door.database, connection, "email", hashed, "bounced", datetime.now(UTC))
    assert await chosen(door, "desk") == "push"


async def test_what_they_answer(door: Door) -> None:
    """Who taps what is pushed, and opens none of the emails, is written to by push; machines' opens, and second ones, count nothing.

    Killed by: counting every open in storage/answers.py, those of machines, or all users' messages.
    """
    await reachable(door, "taps")
    await sent(door, "taps", "push", 6, opened=4)
    await sent(door, "taps", "email", 6, opened=2)
    assert await chosen(door, "taps") == "push"
    await reachable(door, "reads", {"userAgent": PHONE})
    await sent(door, "reads", "push", 6)
    await sent(door, "reads", "email", 6, opened=4)
    assert await chosen(door, "reads") == "email"
    await reachable(door, "new", {"userAgent": PHONE})
    await sent(door, "new", "push", 4)
    await sent(door, "new", "email", 6, opened=6)
    assert await chosen(door, "new") == "push", "four are too few to know"
