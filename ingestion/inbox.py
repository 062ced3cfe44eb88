"""The door at which a shop's backend fetches a person's in-app messages, and says which of them were read."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from errors import EventError, EventTooLarge
from storage.database import UNREACHABLE, Database
from storage.inbox import InAppMessage, inbox_of, mark_read
from storage.people import read_person, write_people

from .answers import problem
from .bodies import read_body
from .keys import WRONG_KEY, write_key
from .opaque import Opaque

MOST = 100
"""Messages that are given, and ids that are taken, at once."""
LONGEST_ID = 200
BODY_LIMIT = 32 * 1024
PATIENCE = 10.0
"""Seconds that a body may take to arrive."""
log = structlog.get_logger()


def inbox_routes(database: Database, opaque: Opaque, lets_in: Callable[[str | None], bool]) -> list[Route]:
    """`GET /v1/inbox/{user_id}` and `POST /v1/inbox/{user_id}/read`, for who has a write key that `lets_in` knows."""
    inbox = Inbox(database, opaque, lets_in)
    return [
        Route("/v1/inbox/{user_id:path}/read", _guarded(inbox.read), methods=["POST"]),
        Route("/v1/inbox/{user_id:path}", _guarded(inbox.show), methods=["GET"]),
    ]


class Inbox:
    """People's in-app messages as JSON."""

    def __init__(self, database: Database, opaque: Opaque, lets_in: Callable[[str | None], bool]) -> None:
        self._database = database
        self._opaque = opaque
        self._lets_in = lets_in

    async def show(self, request: Request) -> Response:
        """The person's newest messages that have not expired; of somebody we have never heard of there are none."""
        if not self._lets_in(write_key(request.headers)):
            return problem(401, WRONG_KEY)
        user_id = self._user(request)
        async with self._database.read() as connection:
            found = await inbox_of(connection, user_id, datetime.now(UTC), MOST)
        answer = {"messages": [_written(message) for message in found]}
        return JSONResponse(answer, headers={"Cache-Control": "no-store"})

    async def read(self, request: Request) -> Response:
        """Note the messages under "ids" as read; one id that is wrong harms none of the others."""
        body = _object(await read_body(request, BODY_LIMIT, PATIENCE))
        if not self._lets_in(write_key(request.headers, body)):
            return problem(401, WRONG_KEY)
        user_id, ids = self._user(request), _ids(body)
        own = await self._mark(user_id, ids) if ids else {}
        strange = [place for place, one in enumerate(ids) if one not in own]
        if strange and not own:
            return problem(404, "ids: none of them is an in-app message of this person.")
        answer: dict[str, Any] = {"success": True}
        if strange:
            answer["rejected"] = [
                {"index": place, "error": "This is no in-app message of this person."} for place in strange
            ]
        return JSONResponse(answer)

    async def _mark(self, user_id: str, ids: list[str]) -> dict[str, bool]:
        now = datetime.now(UTC)
        async with self._database.write() as connection:
            # Not lock_people, which creates who is not there: somebody who was erased stays erased.
            await self._database.lock(connection, [user_id])
            own = await mark_read(connection, user_id, ids, now)
            if any(own.values()) and (person := await read_person(connection, user_id)) is not None:
                person.attend(now)  # once, however many messages were on the screen: it was one look
                await write_people(self._database, connection, [person])
        return own

    def _user(self, request: Request) -> str:
        """The id under which the person's events are stored."""
        user_id = str(request.path_params["user_id"])
        if not 0 < len(user_id) <= LONGEST_ID or not user_id.isprintable():
            raise EventError(f"user id: between 1 and {LONGEST_ID} printable characters.")
        return self._opaque.user_id(user_id)


def _guarded(act: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def door(request: Request) -> Response:
        try:
            return await act(request)
        except EventTooLarge as error:
            return problem(413, str(error))
        except EventError as error:
            return problem(400, str(error))
        except Exception as error:
            # The type alone is logged, texts may name people.
            level = log.warning if isinstance(error, UNREACHABLE) else log.error
            level("an inbox could not be opened", error=type(error).__name__)
            return problem(503, "The inbox cannot be opened; try again in a moment.", {"Retry-After": "2"})

    return door


def _object(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise EventError('The body is not JSON; send {"ids": [...]} in UTF-8.') from None
    if not isinstance(body, dict):
        raise EventError('The body is not a JSON object; send {"ids": [...]}.')
    return body


def _ids(body: dict[str, Any]) -> list[str]:
    ids = body.get("ids")
    if not isinstance(ids, list) or len(ids) > MOST:
        raise EventError(f"ids: expected a list of at most {MOST} messages' ids.")
    if not all(isinstance(one, str) and len(one) <= LONGEST_ID and one.isprintable() for one in ids):
        raise EventError("ids: each is a text, as the inbox gives it.")
    return ids


def _written(message: InAppMessage) -> dict[str, Any]:
    return {
        "id": message.id,
        "template": message.template,
        **vars(message.card),
        "sent_at": message.sent_at.isoformat(),
        "expires_at": message.expires_at and message.expires_at.isoformat(),
        "read_at": message.read_at and message.read_at.isoformat(),
    }
