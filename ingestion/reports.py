"""What one element of SendGrid's Event Webhook says, in our words and without anything personal but the address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from errors import EventError

LONGEST_ID = 200
DROPPED = {
    "bounced address": "bounced",
    "unsubscribed address": "unsubscribed",
    "spam reporting address": "spam reporter",
    "spam content (if spam checker app enabled)": "spam content",
    "spam content": "spam content",
    "recipient list over package quota": "over quota",
    "invalid": "invalid",
    "invalid smtpapi header": "invalid",
}
"""SendGrid's reasons to drop a message; any other text is not repeated, for it may quote the address."""


@dataclass(frozen=True)
class Report:
    """What became of one message. `word` is SendGrid's event, a bounce told apart by its type, a drop with its class."""

    id: str
    send_key: str
    word: str
    at: datetime
    by_machine: bool = False
    provider_id: str | None = None
    link: str | None = None
    """Host and path of what was clicked; the query may hold anything."""
    address: str = field(default="", repr=False)


def read_report(item: object, now: datetime) -> Report | None:
    """The report in an element; None where it is about no message of ours. EventError names the field that is wrong."""
    if not isinstance(item, Mapping):
        raise EventError("not a JSON object")
    word = _string(item, "event", 30)
    if "send_key" not in item:
        return None  # Something else is sent through the same account.
    return Report(
        id=_string(item, "sg_event_id", LONGEST_ID),
        send_key=_string(item, "send_key", 64),
        word=_told_apart(word, item),
        at=min(_moment(item), now),
        by_machine=item.get("sg_machine_open") is True,
        provider_id=_message_id(item),
        link=_link(item.get("url")) if word == "click" else None,
        address=_address(item.get("email")) if word == "bounce" else "",
    )


def _told_apart(word: str, item: Mapping[str, Any]) -> str:
    if word == "bounce":
        # "blocked" is temporary: the server did not want this message, the address is there.
        return "bounce" if item.get("type") == "bounce" else "blocked"
    if word == "dropped":
        reason = item.get("reason")
        return f"dropped: {DROPPED.get(reason.strip().lower(), 'other') if isinstance(reason, str) else 'other'}"
    return word


def _string(item: Mapping[str, Any], name: str, longest: int) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest or not value.isprintable():
        raise EventError(f"{name}: expected 1 to {longest} printable characters")
    return value


def _moment(item: Mapping[str, Any]) -> datetime:
    value = item.get("timestamp")
    try:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValueError
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        raise EventError("timestamp: expected Unix time in seconds") from None


def _message_id(item: Mapping[str, Any]) -> str | None:
    """What mail/send answered as X-Message-Id: the part before the first dot."""
    value = item.get("sg_message_id")
    return value.partition(".")[0][:200] or None if isinstance(value, str) and value.isprintable() else None


def _address(value: object) -> str:
    """Where the message went; empty where it cannot be read, for the rest of the report holds all the same."""
    return value if isinstance(value, str) and len(value) <= 320 and value.isprintable() else ""


def _link(url: object) -> str | None:
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        host, path = parts.hostname or "", parts.path
    except ValueError:
        return None
    link = f"{host}{path}"[:1000]
    return link if host and link.isprintable() else None
