"""The door at which a shop's backend sees who somebody is to us, and which journeys they are in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from events import Context
from profiles.carts import Cart
from profiles.person import Person
from storage.consents import Consents, consents_of
from storage.database import Database
from storage.facts import newest_context
from storage.people import read_carts, read_person
from storage.profiles import profile_of
from storage.runs import Entry, OpenRun, Place, entries_of_person, runs_of
from workflows.profile import Did, Profile

from .answers import problem
from .inbox_json import LONGEST_ID, NO_STORE, guarded
from .keys import Keys, write_key
from .opaque import Opaque
from .path_ids import USER_ID

NOBODY = "Nobody is known by that id; tell who it is with POST /v1/identify, and ask again."


def people_routes(database: Database, opaque: Opaque, keys: Keys, default_zone: str) -> list[Route]:
    """`GET /v1/people/{user_id}`, for who has a key that may read."""
    people = People(database, opaque, keys, default_zone)
    return [Route(f"/v1/people/{USER_ID}", guarded(people.show, "The profile"), methods=["GET"])]


class People:
    """What is known of people, as JSON."""

    def __init__(self, database: Database, opaque: Opaque, keys: Keys, default_zone: str) -> None:
        self._database = database
        self._opaque = opaque
        self._keys = keys
        self._default_zone = default_zone

    async def show(self, request: Request) -> Response:
        """The person as of this moment; 404 for an id that nobody has, or can have."""
        await self._keys.admit(write_key(request.headers), "read")
        asked = str(request.path_params["user_id"])
        if not asked or len(asked) > LONGEST_ID or not asked.isprintable():
            return problem(404, NOBODY, reason="unknown")
        user_id, now = self._opaque.user_id(asked), datetime.now(UTC)
        async with self._database.read() as connection:
            person = await read_person(connection, user_id)
            if person is None:
                return problem(404, NOBODY, reason="unknown")
            consents = await consents_of(connection, user_id)
            carts = (await read_carts(connection, [user_id])).get(user_id, {})
            entries, runs = await entries_of_person(connection, user_id), await runs_of(connection, user_id)
            context = await newest_context(connection, user_id)
            profile = await profile_of(connection, person, now)
        body = {
            "userId": user_id,
            "traits": person.traits,
            "createdAt": person.created_at.isoformat(),
            "lastSeenAt": _moment(person.last_seen_at),
            "zone": _zone(person, context, self._default_zone),
            "language": person.language,
            "country": person.country,
            "segments": sorted(profile.segments),
            "scores": profile.scores.model_dump(),
            "engagement": {"points": profile.engagement, "level": profile.engagement_level},
            "habits": _habits(profile),
            "behaviour": [_did(did) for did in profile.behaviour],
            "orders": {
                "count": person.orders,
                "spent": str(person.spent),
                "currency": person.currency,
                "lastAt": _moment(person.last_order_at),
            },
            "consent": _consent(consents),
            "carts": [_cart(cart) for cart in carts.values() if cart.closed_at is None and not cart.is_empty],
            "journeys": _journeys(entries, runs),
        }
        return JSONResponse(body, headers=NO_STORE)


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _zone(person: Person, context: Context, default: str) -> dict[str, str]:
    """The zone that is believed, and by what: the profile, what an event told, or the default."""
    if person.zone:
        return {"name": person.zone, "source": "profile"}
    if person.seen_zone:
        told = context.location
        known = told.zone == person.seen_zone and told.zone_source in ("event", "geoip", "country")
        return {"name": person.seen_zone, "source": str(told.zone_source) if known else "event"}
    return {"name": default, "source": "default"}


def _habits(profile: Profile) -> dict[str, Any]:
    return {
        "categories": [affinity.model_dump() for affinity in profile.affinities],
        "browsesOn": profile.browses_on,
        "buysOn": profile.buys_on,
        "channel": profile.best_channel,
        "hour": profile.best_hour,
    }


def _did(did: Did) -> dict[str, Any]:
    counts = did.model_dump(include={"event", "count", "week", "month", "quarter"})
    return counts | {"lastAt": _moment(did.last_at)}


def _consent(consents: Consents) -> list[dict[str, Any]]:
    pairs = [(pair, True) for pair in consents.given] + [(pair, False) for pair in consents.refused]
    return [{"channel": channel, "topic": topic, "given": given} for (channel, topic), given in sorted(pairs)]


def _cart(cart: Cart) -> dict[str, Any]:
    return {
        "cartId": cart.cart_id,
        "value": str(cart.value),
        "currency": cart.currency,
        "products": [line.model_dump(mode="json", exclude_defaults=True) for line in cart.products],
        "touchedAt": _moment(cart.touched_at),
    }


def _journeys(entries: Sequence[Entry], runs: dict[Place, OpenRun]) -> dict[str, list[dict[str, Any]]]:
    """`open`: passes whose run may be open, or is still to start; `passed`: those that are over or came to nothing."""
    found: dict[str, list[dict[str, Any]]] = {"open": [], "passed": []}
    for entry in entries:
        run = runs.get(entry.place)
        is_open = entry.state in ("waiting", "starting") or (run is not None and run.entry_id == entry.event_id)
        line = {
            "journey": entry.place.journey,
            "key": entry.place.key or None,
            "enteredAt": entry.entered_at.isoformat(),
            "state": entry.state,
        }
        if entry.reason:
            line["reason"] = entry.reason
        found["open" if is_open else "passed"].append(line)
    return found
