"""What nobody has said, and a journey or a template asks for: what the person may like, will do next, and where to reach them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError
from temporalio import activity

from events import Recommended
from profiles.choice import Choice, choice
from profiles.forecast import buy_probability
from profiles.model import Model
from profiles.person import Person
from profiles.recommender import Touch
from storage.answers import answers_of
from storage.database import Database
from storage.facts import newest_context
from storage.models import Models
from storage.people import read_carts, read_person
from storage.products import offers_of
from storage.profiles import profile_of
from storage.touches import touches_of
from workflows.profile import Profile
from workflows.requests import BEST_CHANNEL, RECOMMEND, Pass, RecommendRequest

from .reach import Reach

CANDIDATES = 200
"""How many products are looked up in the catalogue, beside those that the person has already."""
MOST = 50
SHOWN = 10
"""How many a template sees."""


class Advice:
    """Answers from the model that training has published last; without one nothing is recommended or foretold."""

    def __init__(self, database: Database, reach: Reach) -> None:
        self._database = database
        self._reach = reach
        self._models = Models(database)

    @activity.defn(name=RECOMMEND)
    async def recommend(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Takes a RecommendRequest and returns `products`, each a Recommended, all as JSON."""
        request = RecommendRequest.model_validate(payload)
        found = await self.recommended(request.walk.user, min(request.n, MOST), activity.info().started_time)
        return {"products": written(found)}

    @activity.defn(name=BEST_CHANNEL)
    async def best_channel(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Takes a Pass and returns the `channel` and the `reason`, both as JSON."""
        walk, now = Pass.model_validate(payload), activity.info().started_time
        chosen = await self.choose(walk.user, now)
        return {"channel": chosen.channel, "reason": chosen.reason}

    async def recommended(self, user: str, n: int, now: datetime) -> tuple[Recommended, ...]:
        """Up to `n` products that are sold, in stock, neither in the cart nor bought for good, the most promising first."""
        model = await self._models.newest()
        if model is None or n <= 0:
            return ()
        async with self._database.read() as connection:
            touches = await touches_of(connection, user)
            carts = (await read_carts(connection, [user])).get(user, {}).values()
            bought = _bought(touches)
            in_cart = {line.product_id for cart in carts if cart.closed_at is None for line in cart.products}
            most = CANDIDATES + len(bought) + len(in_cart)
            ranked = [each for each in model.recommender.ranked(touches, now, most) if each not in in_cart]
            offers = await offers_of(connection, ranked)
        if offers is None:
            found = (_as_told(model, each) for each in ranked if each not in bought)
        else:
            known = (offers[each] for each in ranked if each in offers)
            found = (offer.recommended() for offer in known if offer.fits(bought.get(offer.product_id), now))
        return tuple([each for each in found if each is not None][:n])

    async def foretold(self, known: Profile, now: datetime) -> Profile:
        """The same with what the person will probably do, where that could be learned."""
        model = await self._models.newest()
        if model is None:
            return known
        found: dict[str, Any] = {}
        if model.buying is not None:
            found["buy_probability"] = buy_probability(model.buying, known, now)
        if model.next_category is not None:
            async with self._database.read() as connection:
                touches = await touches_of(connection, known.user_id)
            found["next_category"] = model.next_category.most_likely(touches, now)
        return known.model_copy(update=found)

    async def choose(self, user: str, now: datetime) -> Choice:
        """The best channel at that moment of journey time."""
        async with self._database.read() as connection:
            person = await read_person(connection, user) or Person(user, now)
            reach = await self._reach.open_to(connection, person, now)
            answers = await answers_of(connection, user, now)
            device = (await newest_context(connection, user)).device
            profile = await profile_of(connection, person, now)
        usual = device.kind == "unknown" and profile.browses_on in ("mobile", "tablet")
        return choice(reach, answers, on_mobile=device.is_mobile or usual)


def written(products: tuple[Recommended, ...]) -> list[dict[str, Any]]:
    """As JSON, without what is not known."""
    return [each.model_dump(mode="json", exclude_defaults=True) for each in products]


def _bought(touches: list[Touch]) -> dict[str, datetime]:
    """When each product was last bought."""
    return {touch.product_id: touch.at for touch in touches if touch.is_bought}


def _as_told(model: Model, product_id: str) -> Recommended | None:
    """The product as the newest events tell it; None without a name, for nothing could be shown of it."""
    facts = model.recommender.told_of(product_id)
    if not facts.get("name"):
        return None
    try:
        return Recommended.model_validate({"product_id": product_id} | facts)
    except ValidationError:
        # What clients call a price need not be one.
        plain = {name: value for name, value in facts.items() if name not in ("price", "currency")}
        return Recommended.model_validate({"product_id": product_id} | plain)
