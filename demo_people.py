"""Who visits the shop in the demo, from where, on what, and what they do there."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from segment.analytics import Client

from settings import Settings

PAUSE = 0.4
"""Seconds between two things that one visitor does."""

NAMES = [
    "ada", "ben", "cleo", "dario", "emma", "finn", "greta", "hugo", "ines", "jonas", "klara", "luis", "mia", "noah",
    "olga", "pia", "quinn", "rosa", "sven", "tara", "uma", "vito", "wim", "xenia", "yara", "zoe", "amir", "bea",
    "carl", "dina", "elif", "fritz", "gwen", "hana", "ivo", "juna", "kim", "lena", "milo", "nora",
]  # fmt: skip
# (address of the demo's city database, language, time zone if the browser tells one)
CITIES = (
    ("192.0.2.10", "de", None),  # Berlin
    ("192.0.2.140", "en-GB", None),  # London
    ("192.0.2.200", "en-US", None),  # New York
    ("198.51.100.20", "en", None),  # Tokyo
    ("203.0.113.70", "de-AT", None),  # Vienna, known without its zone
    ("192.0.2.70", "de", "Europe/Berlin"),  # Hamburg
    ("198.51.100.80", "en", "Europe/Stockholm"),  # Linköping
    ("198.51.100.200", "en-US", None),  # no more than the country is known
    ("203.0.113.200", "en", "Australia/Sydney"),  # an address that lies nowhere
)
BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.5 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/605.1.15",
)
PHONES: tuple[dict[str, Any], ...] = (
    {"device": {"type": "ios", "model": "iPhone15,2"}, "os": {"name": "iOS", "version": "17.5"}},
    {"device": {"type": "android", "model": "Pixel 8"}, "os": {"name": "Android", "version": "14"}},
)
PRODUCTS = (
    ("tent-2", "Two-person tent", "tents", 189.0),
    ("boots-7", "Hiking boots", "footwear", 129.9),
    ("stove-1", "Camping stove", "cooking", 49.9),
    ("bag-40", "Rucksack 40 l", "bags", 89.0),
    ("lamp-3", "Head torch", "lights", 34.5),
)
ROLES = ("buyer", "leaver", "returner", "looker", "newcomer", "refunder", "offline", "emptier")


class Tracker:
    """The real, unmodified tracking client, with our front door as its host."""

    def __init__(self, settings: Settings) -> None:
        self.client = Client(
            min(settings.keys()),
            host=f"http://{settings.host}:{settings.port}",
            upload_interval=0.05,
            proxies={"http": "", "https": ""},  # the front door is not behind a proxy, whatever the environment says
        )
        self.sent = 0

    def track(self, **call: Any) -> None:
        self._count(self.client.track(**call))

    def identify(self, **call: Any) -> None:
        self._count(self.client.identify(**call))

    def page(self, **call: Any) -> None:
        self._count(self.client.page(**call))

    async def flush(self) -> None:
        """Return when the front door has answered for everything."""
        await asyncio.to_thread(self.client.flush)

    async def close(self) -> None:
        """End the client's thread."""
        await asyncio.to_thread(self.client.join)

    def _count(self, answer: tuple[bool, object]) -> None:
        self.sent += 1


@dataclass(frozen=True)
class Visitor:
    """One person, and everything about them that follows from their number."""

    number: int
    tracker: Tracker

    @property
    def id(self) -> str:
        name, again = NAMES[self.number % len(NAMES)], self.number // len(NAMES)
        return f"{name}-{again + 1}" if again else name

    @property
    def role(self) -> str:
        return ROLES[self.number % len(ROLES)]

    @property
    def unsubscribes_from(self) -> str | None:
        """The topic that this person wants no more email about."""
        if self.number % 13 != 4:
            return None
        return "carts" if self.role in ("leaver", "returner") else "onboarding"

    def signs_up(self) -> None:
        """Looks around without a name first, then opens an account."""
        unknown = {"anonymous_id": f"visit-{self.number}", "context": self._context()}
        self.tracker.page(**unknown, name="Home", properties={"path": "/"})
        self.introduces()
        self._track("Signed Up")

    def introduces(self, **more: str) -> None:
        """Says who they are; some have no email address."""
        _, language, _ = CITIES[self.number % len(CITIES)]
        traits = {"firstName": self.id.split("-")[0].title(), "language": language} | more
        if self.number % 11 != 3:
            traits["email"] = f"{self.id}@example.com"
        self.tracker.identify(
            user_id=self.id, anonymous_id=f"visit-{self.number}", traits=traits, context=self._context()
        )

    def browses(self) -> None:
        self.tracker.page(
            user_id=self.id, category="shop", name="Tents", properties={"path": "/tents"}, context=self._context()
        )

    def views(self) -> None:
        self._track("Product Viewed", **self._product(0))

    def watches(self) -> None:
        self._track("Video Playback Started", content_asset_id="welcome-film")

    def adds(self, which: int = 0, ago: timedelta = timedelta(0)) -> None:
        self._track("Product Added", ago, **self._product(which), **self._cart())

    def removes(self, which: int = 0) -> None:
        self._track("Product Removed", **self._product(which), **self._cart())

    def views_cart(self) -> None:
        lines = [self._product(0), self._product(1)]
        self._track("Cart Viewed", products=lines, currency="EUR", **self._cart())

    def checks_out(self) -> None:
        self._track("Checkout Started", **self._basket(), **self._cart())

    def orders(self, count: int = 1) -> None:
        basket = self._basket()
        self._track("Order Completed", order_id=self._order(count), **basket, revenue=basket["value"], **self._cart())

    def gives_back(self, count: int = 1) -> None:
        self._track("Order Refunded", order_id=self._order(count))

    def _track(self, event: str, ago: timedelta = timedelta(0), /, **properties: Any) -> None:
        at = datetime.now(UTC) - ago if ago else None
        self.tracker.track(user_id=self.id, event=event, properties=properties, context=self._context(), timestamp=at)

    def _context(self) -> dict[str, Any]:
        """Segment's context: a browser's, or the shop's app with a push token on some phones."""
        address, language, zone = CITIES[self.number % len(CITIES)]
        context: dict[str, Any] = {"ip": address, "locale": language}
        if zone:
            context["timezone"] = zone
        if self.number % 3 and self.role != "offline":
            return context | {"userAgent": BROWSERS[self.number % len(BROWSERS)]}
        phone = PHONES[self.number % len(PHONES)]
        token = {} if self.role == "offline" else {"token": f"push-token-{self.number}"}
        app = {"app": {"name": "Northwind", "version": "3.2"}, "os": phone["os"], "device": phone["device"] | token}
        return context | app

    def _product(self, which: int) -> dict[str, Any]:
        product_id, name, category, price = PRODUCTS[(self.number + which) % len(PRODUCTS)]
        facts = {"product_id": product_id, "name": name, "category": category, "price": price, "quantity": 1}
        return facts | {"url": f"https://shop.example.com/{product_id}", "currency": "EUR"}

    def _basket(self) -> dict[str, Any]:
        line = self._product(0)
        return {"value": line["price"], "currency": "EUR", "products": [line]}

    def _cart(self) -> dict[str, str]:
        """Half of the shops name their carts."""
        return {"cart_id": f"cart-{self.number + 1}"} if self.number % 8 < 4 else {}

    def _order(self, count: int) -> str:
        return f"order-{self.number + 1}-{count}"


async def visits(visitor: Visitor) -> None:
    """What this person does on the first day."""

    async def then() -> None:
        await asyncio.sleep(PAUSE)

    if visitor.role == "offline":
        # The app could not reach us when the cart was filled; it catches up now, while the person is looking at it.
        visitor.introduces()
        visitor.browses()
        visitor.adds(ago=timedelta(minutes=70))
        return
    visitor.signs_up()
    await then()
    match visitor.role:
        case "looker":
            visitor.browses()
        case "newcomer":
            visitor.introduces(birthday="1990-04-01")
            await then()
            visitor.watches()
            await then()
            visitor.views()
        case _:
            visitor.views()
            await then()
            visitor.adds()
    await then()
    match visitor.role:
        case "buyer" | "refunder":
            visitor.checks_out()
            await then()
            visitor.orders()
        case "leaver":
            visitor.adds(1)
            await then()
            visitor.views_cart()
        case "emptier":
            visitor.removes()
