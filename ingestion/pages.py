"""What every page behind a link in a message has in common: whose it is, in which language, and how it fails."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import structlog
from liquid import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from errors import EventError, EventTooLarge
from events import Subscribed, Unsubscribed
from profiles.unsubscribe_links import UnsubscribeLinks
from storage.consents import Consents, consents_of
from storage.database import UNREACHABLE, Database
from storage.people import read_person

from .accept import Acceptor
from .bodies import read_body
from .incoming import Incoming
from .page_texts import PageTexts

FOLDER = Path(__file__).parent.parent / "templates" / "pages"
LONGEST_BODY: Final = 64 * 1024
PATIENCE: Final = 10.0
"""Seconds that a body may take to arrive."""
ATTEMPTS: Final = 5
log = structlog.get_logger()

Pair = tuple[str, str]
"""Channel and topic."""
Word = tuple[bool, Pair]
"""Whether it is a consent, and to what."""


class Unreadable(Exception):
    """A body that is not what the page's form sends."""


@dataclass(frozen=True)
class Visit:
    """Somebody has opened a link that we made."""

    user_id: str
    channel: str
    topic: str
    token: str
    language: str
    body: bytes


Handler = Callable[[Visit], Awaitable[Response]]


class Pages:
    """Opens links, renders pages, and says what people chose through the one way in that there is: accept."""

    def __init__(self, database: Database, acceptor: Acceptor, links: UnsubscribeLinks, *, shop: str) -> None:
        self.texts = PageTexts(FOLDER / "texts")
        self._database = database
        self._acceptor = acceptor
        self._links = links
        self._shop = shop
        layout = (FOLDER / "layout.html.liquid").read_text(encoding="utf-8")
        environment = Environment(autoescape=True)
        self._templates = {
            name: environment.from_string(
                layout.replace("{{ content }}", (FOLDER / f"{name}.html.liquid").read_text(encoding="utf-8"))
            )
            for name in ("unsubscribe", "preferences", "notice")
        }
        style = re.search(r"<style>(.*?)</style>", layout, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        self._headers = {
            "Cache-Control": "no-store",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "X-Robots-Tag": "noindex",
            "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
            "base-uri 'none'; frame-ancestors 'none'",
        }

    def route(self, path: str, method: str, handler: Handler) -> Route:
        """A route for a link; the handler sees only visits by links that we made."""

        async def answer(request: Request) -> Response:
            token, wishes = request.path_params["token"], request.headers.get("accept-language", "")
            language = self.texts.choose(None, wishes)
            if (told := self._links.read(token)) is None:
                return self.notice("invalid", language, 404)
            try:
                body = await read_body(request, LONGEST_BODY, PATIENCE) if method == "POST" else b""
            except EventError as error:
                return self.notice("unreadable", language, 413 if isinstance(error, EventTooLarge) else 400)
            try:
                async with self._database.read() as connection:
                    person = await read_person(connection, told[0])
                language = self.texts.choose(person.language if person else None, wishes)
                return await handler(Visit(*told, token, language, body))
            except Unreadable:
                return self.notice("unreadable", language, 400)
            except Exception as error:
                # Only the type is logged: texts may name people.
                level = log.warning if isinstance(error, UNREACHABLE) else log.error
                level("a page could not be answered", error=type(error).__name__)
                return self.notice("away", language, 503, {"Retry-After": "10"})

        return Route(path, answer, methods=[method])

    def page(self, template: str, language: str, *, title: str, status: int = 200, **names: Any) -> Response:
        """A page that loads nothing from anywhere, and that nothing may keep."""
        told = {"language": language, "shop": self._shop, "texts": self.texts[language], "title": title, **names}
        return HTMLResponse(
            self._templates[template].render(told), status, self._headers | {"Content-Language": language}
        )

    def notice(self, what: str, language: str, status: int, headers: dict[str, str] | None = None) -> Response:
        """A page that only says something, by its name in the catalogue."""
        said = self.texts[language][what]
        page = self.page("notice", language, status=status, title=said["title"], text=said["text"], rest="", token="")
        page.headers.update(headers or {})
        return page

    async def consents(self, user_id: str) -> Consents:
        """What the person has said so far."""
        async with self._database.read() as connection:
            return await consents_of(connection, user_id)

    async def settle(self, visit: Visit, missing: Callable[[Consents], list[Word]], *, via: str) -> Consents:
        """Say what is missing until nothing is; returns what is stored then, whoever else has written meanwhile."""
        for _ in range(ATTEMPTS):
            consents = await self.consents(visit.user_id)
            if not (words := missing(consents)):
                return consents
            await self._say(visit, words, via)
        raise RuntimeError("what was said was not stored")

    async def _say(self, visit: Visit, words: list[Word], via: str) -> None:
        """Let accept take these in this order; returns after the commit."""
        now = datetime.now(UTC)
        messages = [
            Incoming(
                event_id=f"{via}-{uuid4()}",
                name=(Subscribed if given else Unsubscribed).event_name,
                occurred_at=now,
                received_at=now,
                user_id=visit.user_id,
                anonymous_id=None,
                properties={"channel": channel, "topic": topic, "via": via},
                second_hand=True,  # one click comes from the mail provider's machines
            )
            for given, (channel, topic) in words
        ]
        for taken in await self._acceptor.accept(messages):
            if taken is not True:
                raise RuntimeError("a word was not taken")
