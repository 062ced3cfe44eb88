"""Clicks, scanners and forgers at the unsubscribe pages of the front door, and when each click was confirmed."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable

import httpx

from profiles.unsubscribe_links import UnsubscribeLinks

from .shop import Shop

ONE_CLICK = {"List-Unsubscribe": "One-Click"}
FORGERS = 4


class Fire:
    """What happens at the pages while messages are sent."""

    def __init__(self, town: Shop, chances: random.Random) -> None:
        self.confirmed: dict[str, float] = {}
        """When (monotonic) the POST of each person was answered with 200."""
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._links = UnsubscribeLinks(town.secret, town.url)
        self._chances = chances
        self._http = httpx.AsyncClient(trust_env=False, timeout=30)

    async def close(self) -> None:
        await self._http.aclose()

    async def click(self, user: str, topics: Iterable[str]) -> None:
        """Leave these topics as a mail program does it, again until that is confirmed."""
        for topic in topics:
            while True:
                answer = await self._ask("POST", self._links.link(user, "email", topic), data=ONE_CLICK)
                if answer == 200:
                    break
                await asyncio.sleep(0.2)
        self.confirmed[user] = time.monotonic()
        self.counts["posts"] += 1

    async def scan(self, user: str, topic: str) -> None:
        """Look at the link without asking for anything, as virus scanners do with every link of a mail."""
        method = self._chances.choice(["GET", "GET", "HEAD"])
        status = await self._ask(method, self._links.link(user, "email", topic))
        # A page that is only looked at may also say that HEAD is not for it.
        if status not in (200, 405):
            self.problems.append(f"a scanner's {method} was answered with {status}")
        self.counts["scans"] += 1

    async def forge(self, user: str, topic: str) -> None:
        """Post to a link that nobody has made."""
        token = self._links.token(user, "email", topic)
        place = self._chances.randrange(len(token))
        other = self._chances.choice([letter for letter in "Aa0_-" if letter != token[place]])
        forged = self._chances.choice(
            [
                token[:place] + other + token[place + 1 :],
                token[:place] or "x",
                token + "AA",
                UnsubscribeLinks("another secret", "").token(user, "email", topic),
                "%00" + token,
                "A" * 5000,
            ]
        )
        url = self._links.link(user, "email", topic).replace(token, forged)
        status = await self._ask("POST", url, data=ONE_CLICK)
        if status == 200 or status >= 500:
            self.problems.append(f"a forged link was answered with {status}")
        self.counts["forged"] += 1

    async def scanners(self, users: list[str], topic: str, over: Callable[[], bool]) -> None:
        """Scan and forge, a few at once, until it is over."""

        async def one() -> None:
            while not over():
                user = self._chances.choice(users)
                await (self.scan(user, topic) if self._chances.random() < 0.5 else self.forge(user, topic))
                await asyncio.sleep(0.02)

        await asyncio.gather(*(one() for _ in range(FORGERS)))

    async def _ask(self, method: str, url: str, **more: dict[str, str]) -> int:
        try:
            return (await self._http.request(method, url, data=more.get("data"))).status_code
        except httpx.TransportError:
            return 0
