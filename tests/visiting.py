"""Somebody who opens the links in their messages, with the pages behind them in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html.parser import HTMLParser

import httpx
from starlette.applications import Starlette

from ingestion.accept import Acceptor
from ingestion.pages import Pages, Pair
from ingestion.preferences import preference_routes
from ingestion.unsubscribe import unsubscribe_routes
from profiles.unsubscribe_links import UnsubscribeLinks
from service import offer_of
from settings import Settings
from storage.consents import Consents, consents_of
from storage.database import Database

AWAY = "http://links.example.com"


class Links:
    """The pages of a shop, without a server."""

    def __init__(
        self, database: Database, acceptor: Acceptor, http: httpx.AsyncClient, links: UnsubscribeLinks
    ) -> None:
        self.database = database
        self.acceptor = acceptor
        self.http = http
        self._links = links

    def to_leave(self, user: str, channel: str = "email", topic: str = "carts") -> str:
        """The path of the link in a message."""
        return f"/unsubscribe/{self._links.token(user, channel, topic)}"

    def to_choose(self, user: str) -> str:
        """The path of the person's preference page."""
        return f"/preferences/{self._links.token(user, 'email', 'carts')}"

    async def consents(self, user: str) -> Consents:
        """What is committed."""
        async with self.database.read() as connection:
            return await consents_of(connection, user)


@asynccontextmanager
async def links_of(
    database: Database, acceptor: Acceptor, *, secret: str = "secret", opt_in: str = ""
) -> AsyncIterator[Links]:
    """The pages over this database, writing by this acceptor."""
    settings, links = Settings(opt_in=opt_in), UnsubscribeLinks(secret, AWAY)
    pages = Pages(database, acceptor, links, shop="Fjord & Fern")
    app = Starlette(routes=[*unsubscribe_routes(pages), *preference_routes(pages, offer_of(settings))])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=AWAY) as http:
        yield Links(database, acceptor, http, links)


class Form(HTMLParser):
    """The form of a preference page: what it shows and what of it is ticked."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ticked: set[Pair] = set()
        self.had: set[Pair] = set()
        self.lacked: set[Pair] = set()
        self.feed(html)

    @property
    def shown(self) -> set[Pair]:
        return self.had | self.lacked

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "input" and (told["type"] == "hidden" or "checked" in told):
            channel, _, topic = (told["value"] or "").partition("/")
            {"had": self.had, "lacked": self.lacked, "wanted": self.ticked}[told["name"] or ""].add((channel, topic))

    def filled(self, *ticked: Pair, do: str = "save") -> dict[str, str | list[str]]:
        """What a browser posts with these boxes ticked."""
        pairs = {"had": self.had, "lacked": self.lacked, "wanted": set(ticked)}
        return {"do": do} | {
            name: [f"{channel}/{topic}" for channel, topic in sorted(told)] for name, told in pairs.items()
        }
