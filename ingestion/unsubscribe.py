"""How a person leaves one topic: looking at the link only asks, one click does it (RFC 8058)."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Route

from .pages import Pages, Visit


def unsubscribe_routes(pages: Pages) -> list[Route]:
    """What is behind the link in each message that one can unsubscribe from."""

    async def ask(visit: Visit) -> Response:
        title, text = _told(pages, visit, "unsubscribe")
        return pages.page("unsubscribe", visit.language, title=title, text=text, token=visit.token)

    async def leave(visit: Visit) -> Response:
        # Mail programs post "List-Unsubscribe=One-Click", our own button an empty form: it is the POST that counts.
        pair = (visit.channel, visit.topic)
        await pages.settle(
            visit, lambda consents: [] if pair in consents.refused else [(False, pair)], via="unsubscribe"
        )
        title, text = _told(pages, visit, "unsubscribed")
        rest = pages.texts[visit.language]["unsubscribed"]["rest"]
        return pages.page("notice", visit.language, title=title, text=text, rest=rest, token=visit.token)

    return [
        pages.route("/unsubscribe/{token}", "GET", ask),
        pages.route("/unsubscribe/{token}", "POST", leave),
    ]


def _told(pages: Pages, visit: Visit, what: str) -> tuple[str, str]:
    """The title of a page, and the sentence that names channel and topic."""
    said, topic = pages.texts[visit.language][what], pages.texts.topic(visit.language, visit.topic)[0]
    return said["title"], said.get(visit.channel, said["any"]).replace("{topic}", topic)
