"""Who comes to the front doors of a fleet, what they do there, and what of it was answered with 200."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from storage.ledger import send_key, step_key

from .fleet import KEY
from .line import line

CLIENTS = 32
"""Connections at each door, that each wait for an answer before they send again."""
BATCH = 5
"""Events of one person in one call, as a page's script collects them; a purchase comes alone."""
Message = dict[str, Any]


class Crowd:
    """Knows the doors by their ports, and notes the ids of all events that were acknowledged."""

    def __init__(self, doors: Sequence[int]) -> None:
        self._doors = doors
        self.acknowledged: set[str] = set()

    async def say(self, messages: Iterable[Message], *, together: int = BATCH) -> None:
        """Post these in calls of so many, as fast as they are answered."""
        calls = _calls(iter(messages), together)
        await asyncio.gather(*(self._client(number, calls) for number in range(CLIENTS * len(self._doors))))

    async def _client(self, number: int, calls: Iterator[list[Message]]) -> None:
        async with line(self._doors[number % len(self._doors)], KEY) as door:
            for batch in calls:
                answer = await door.post("/v1/batch", {"batch": batch})
                assert json.loads(answer) == {"success": True}, "a front door has refused an event"
                self.acknowledged.update(message["messageId"] for message in batch)


def people(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def arrivals(users: Iterable[str]) -> Iterator[Message]:
    """Each tells who they are and looks at a page: from then on they are asleep in the win-back journey, as regulars are."""
    for user in users:
        traits = {"email": f"{user}@example.com", "firstName": "Ada", "timezone": "Europe/Berlin"}
        yield {"type": "identify", "userId": user, "messageId": f"{user}-who", "traits": traits}
        yield {"type": "page", "userId": user, "messageId": f"{user}-page", "properties": {"path": "/"}}


def readings(users: Sequence[str], count: int) -> Iterator[Message]:
    """Events that no journey names: the relay never sees them."""
    for number, user in _page_by_page(users, count):
        facts = {"article": f"a-{number % 100}", "seconds": number % 60}
        yield _track("Help Article Read", user, f"read-{number}", facts)


def looks(users: Sequence[str], count: int) -> Iterator[Message]:
    """Events that journeys name and that change nothing: the relay looks at each and says nothing to Temporal."""
    for number, user in _page_by_page(users, count):
        facts = {"product_id": f"p-{number % 50}", "name": "Blue Shoes", "category": "Shoes", "price": "59.90"}
        yield _track("Product Viewed", user, f"look-{number}", facts)


def purchases(users: Iterable[str]) -> Iterator[Message]:
    """Events that each open a journey whose first email goes at once."""
    shoes = {"product_id": "p-1", "name": "Blue Shoes", "category": "Shoes", "price": "59.90", "quantity": 1}
    for user in users:
        facts = {"order_id": f"o-{user}", "value": "59.90", "currency": "EUR", "products": [shoes]}
        yield _track("Order Completed", user, "buy", facts)


def wanted(user: str) -> str:
    """The send key of the email that follows a purchase, whatever the ledger says."""
    return send_key(step_key("post_purchase", f"o-{user}", f"{user}-buy", "email post_purchase/thanks", 1), "email")


def _page_by_page(users: Sequence[str], count: int) -> Iterator[tuple[int, str]]:
    """Numbers up to `count`, each with whose it is: one call is one person's, and the next call somebody else's."""
    for number in range(count):
        yield number, users[number // BATCH % len(users)]


def _track(event: str, user: str, name: str, facts: Message) -> Message:
    return {"type": "track", "event": event, "userId": user, "messageId": f"{user}-{name}", "properties": facts}


def _calls(messages: Iterator[Message], together: int) -> Iterator[list[Message]]:
    while batch := list(islice(messages, together)):
        yield batch
