"""How the messages that were not really sent look to somebody who wants to read them: one page, newest first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlencode

from liquid import Environment

from messages import Channel, Rendered, RenderedCall, RenderedCard, RenderedEmail

MAX_MESSAGES: Final = 100
"""How many one page shows; the rest is found by filtering."""

_NAMES: Final[dict[Channel, str]] = {"email": "Email", "push": "Push", "in_app": "In-app", "webhook": "Webhook"}
_PAGE = Environment(autoescape=True).from_string(
    (Path(__file__).parent.parent / "templates" / "pages" / "outbox.html.liquid").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class OutboxMessage:
    """One message as a provider would have been given it; all moments are aware."""

    id: str
    channel: Channel
    user_id: str
    template: str
    sent_at: datetime
    provider: str
    rendered: Rendered
    read_at: datetime | None = None
    expires_at: datetime | None = None
    is_expired: bool = False


def outbox_page(messages: Sequence[OutboxMessage], *, channel: str | None = None, user: str | None = None) -> str:
    """A self-contained HTML page of the messages, newest first, only those of `channel` and `user` where given.

    Every email stands in a frame that may not run scripts; nothing a message holds becomes part of the page itself.
    """
    mine = [message for message in messages if user in (None, "", message.user_id)]
    chosen = [message for message in mine if channel in (None, "", message.channel)]
    chosen.sort(key=lambda message: message.sent_at, reverse=True)
    return _PAGE.render(
        shown=[_row(message, channel) for message in chosen[:MAX_MESSAGES]],
        count=len(chosen),
        hidden=max(0, len(chosen) - MAX_MESSAGES),
        any=bool(messages),
        user=user or "",
        everyone=_query(channel, None),
        tabs=[
            {
                "name": name,
                "query": _query(kind, user),
                "count": sum(kind in (None, message.channel) for message in mine),
                "current": (channel or None) == kind,
            }
            for kind, name in [(None, "All"), *((kind, _NAMES[kind]) for kind in get_args(Channel))]
        ],
    )


def _row(message: OutboxMessage, channel: str | None) -> dict[str, object]:
    rendered = message.rendered
    is_email = isinstance(rendered, RenderedEmail)
    return {
        "id": message.id,
        "channel": message.channel,
        "channel_name": _NAMES[message.channel],
        "user": message.user_id,
        "user_query": _query(channel, message.user_id),
        "template": message.template,
        "provider": message.provider,
        "at": _said(message.sent_at),
        "iso": message.sent_at.isoformat(),
        "clock": f"{message.sent_at:%H:%M}",
        "is_email": is_email,
        "subject": rendered.subject if isinstance(rendered, RenderedEmail) else "",
        "preheader": rendered.preheader if isinstance(rendered, RenderedEmail) else "",
        "frame": _framed(rendered.html) if isinstance(rendered, RenderedEmail) else "",
        "text": rendered.text if isinstance(rendered, RenderedEmail) else "",
        "state": _state(message) if message.channel == "in_app" else "",
        "is_expired": message.is_expired,
        "card": vars(rendered) | {"link": _web(rendered.link)} if isinstance(rendered, RenderedCard) else None,
        "call": json.dumps(rendered.data, indent=2, ensure_ascii=False) if isinstance(rendered, RenderedCall) else "",
    }


def _state(message: OutboxMessage) -> str:
    """What the person has seen of it, and until when they can."""
    read = "unread" if message.read_at is None else f"read {_said(message.read_at)}"
    if message.expires_at is None:
        return read
    return f"{read} · {'expired' if message.is_expired else 'expires'} {_said(message.expires_at)}"


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}".strip()


def _framed(html: str) -> str:
    """The email with its links opening beside the page; the frame itself goes nowhere."""
    return html.replace("<head>", '<head><base target="_blank">', 1)


def _web(address: str) -> str:
    return address if address.startswith(("https://", "http://")) else ""


def _query(channel: str | None, user: str | None) -> str:
    """A link to this page with these filters."""
    return "?" + urlencode({key: value for key, value in (("channel", channel), ("user", user)) if value})
