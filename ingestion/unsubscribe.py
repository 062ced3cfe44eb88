"""How a person stops the messages of one topic: GET only asks, POST does it (RFC 8058)."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from profiles.unsubscribe_links import UnsubscribeLinks
from storage.consents import consent
from storage.database import Database

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>body{{font:18px/1.5 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1rem;color:#1f2933}}
button{{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.5rem;background:#1f4b99;color:#fff}}</style>
<h1>{title}</h1><p>{text}</p>{form}</html>"""


def unsubscribe_routes(database: Database, links: UnsubscribeLinks) -> list[Route]:
    """The page behind the link in each marketing email."""

    async def ask(request: Request) -> Response:
        told = links.read(request.path_params["token"])
        if told is None:
            return _page(
                "This link is not valid", "It may have been cut in two by your mail program. Open it whole.", status=404
            )
        topic = escape(told[2].replace("_", " "))
        return _page(
            "Unsubscribe?",
            f"You will get no more messages about <b>{topic}</b>.",
            '<form method="post"><button>Unsubscribe</button></form>',
        )

    async def leave(request: Request) -> Response:
        told = links.read(request.path_params["token"])
        if told is None:
            return _page("This link is not valid", "Nothing was changed.", status=404)
        user_id, channel, topic = told
        await consent(database, user_id, channel, topic, given=False, reason="unsubscribed", now=datetime.now(UTC))
        return _page("You are unsubscribed", f"No more messages about <b>{escape(topic.replace('_', ' '))}</b>.")

    return [
        Route("/unsubscribe/{token}", ask, methods=["GET"]),
        Route("/unsubscribe/{token}", leave, methods=["POST"]),
    ]


def _page(title: str, text: str, form: str = "", status: int = 200) -> Response:
    return HTMLResponse(PAGE.format(title=title, text=text, form=form), status)
