"""How one event is handed to the front door from the command line."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from typing import Any

from errors import EventError, SettingsError
from settings import Settings


async def send_event(settings: Settings, user: str, event: str, pairs: list[str]) -> str:
    """Track one event; returns a line for people. EventError repeats what the front door found wrong."""
    call = {"event": event, "properties": _values(pairs)}
    return await _post(settings, "track", user, call, f"Accepted: {event} of {user}.")


async def send_traits(settings: Settings, user: str, pairs: list[str]) -> str:
    """Identify a person by traits; returns a line for people."""
    return await _post(
        settings, "identify", user, {"traits": _values(pairs)}, f"Accepted: {len(pairs)} traits of {user}."
    )


def _values(pairs: list[str]) -> dict[str, Any]:
    """name=value pairs; a value that is JSON is taken as such, but numbers stay exact as text."""
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise EventError(f"{pair!r} is no name=value pair, such as value=59.90.")
        try:
            values[name] = (
                json.loads(value, parse_float=str)
                if value[:1] in '[{"' or value in ("true", "false", "null")
                else value
            )
        except ValueError:
            values[name] = value
    return values


async def _post(settings: Settings, path: str, user: str, call: dict[str, Any], done: str) -> str:
    body = {
        "userId": user,
        "messageId": str(uuid.uuid4()),
        "timestamp": datetime.now(UTC).isoformat(),
        "context": {"library": {"name": "journeyman-python"}},
        **call,
    }
    key = min(settings.keys())
    request = urllib.request.Request(
        f"http://{settings.host}:{settings.port}/v1/{path}",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {key}"},
    )
    try:
        await asyncio.to_thread(_open, request)
    except urllib.error.HTTPError as error:
        raise EventError(_told(error.read())) from None
    except OSError:
        raise SettingsError(
            f"No front door answers at {settings.host}:{settings.port}. "
            "Start it with `python starter.py run`, or set JOURNEYMAN_HOST and JOURNEYMAN_PORT."
        ) from None
    return done


def _open(request: urllib.request.Request) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the front door is not behind a proxy
    with opener.open(request, timeout=10) as answer:
        answer.read()


def _told(raw: bytes) -> str:
    try:
        return str(json.loads(raw)["error"])
    except (ValueError, KeyError, TypeError):
        return "The front door refused the event without saying why."
