"""The door at which a person's own browser or app has their in-app messages, and says which were seen and clicked."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from events import InAppClicked
from profiles.inbox_tokens import InboxPass, InboxTokens
from storage.arrivals import beyond, known_since, place_of, start_of
from storage.database import Database
from storage.inbox import Clickable, clickable, inbox_of

from .accept import Acceptor
from .answers import problem
from .inbox_json import IDS, LONGEST_ID, MOST, NoPass, body_of, done, ids_of, listed, sse
from .incoming import Incoming, checked
from .reading import note_read
from .streams import HEADERS, Full, Streams

FULL = "Too many pages are connected just now; try again, and ask GET /v1/inbox meanwhile."
NO_STREAMS = "This front door holds no connections open; ask GET /v1/inbox from time to time."


class OwnInbox:
    """A person's in-app messages, for whoever shows a token that was made for that person."""

    def __init__(
        self, database: Database, acceptor: Acceptor, tokens: InboxTokens, streams: Streams | None = None
    ) -> None:
        self._database = database
        self._acceptor = acceptor
        self._tokens = tokens
        self._streams = streams

    async def show(self, request: Request) -> Response:
        """The newest messages that have not expired, read and unread."""
        one = await self._pass(_bearer(request))
        async with self._database.read() as connection:
            return listed(await inbox_of(connection, one.user_id, datetime.now(UTC), MOST))

    async def seen(self, request: Request) -> Response:
        """Note the messages under "ids" as read, as a backend may."""
        user_id = (await self._pass(_bearer(request))).user_id
        ids = ids_of(await body_of(request, IDS))
        return done(ids, await note_read(self._database, user_id, ids) if ids else {})

    async def clicked(self, request: Request) -> Response:
        """Make an event of each of the messages under "ids", once for ever; what is clicked has been seen."""
        user_id = (await self._pass(_bearer(request))).user_id
        ids = ids_of(await body_of(request, IDS))
        async with self._database.read() as connection:
            own = await clickable(connection, user_id, ids)
        await self._acceptor.accept([_event(request, user_id, key, message) for key, message in own.items()])
        if own:
            await note_read(self._database, user_id, [*own], counts=False)  # the event counts
        return done(ids, own)

    async def stream(self, request: Request) -> Response:
        """What is there and what comes, as server-sent events, after the one in `Last-Event-ID` where that is known.

        The token may stand in the address: a browser's EventSource sends no headers.
        """
        token, now = _bearer(request) or request.query_params.get("token"), datetime.now(UTC)
        one = await self._pass(token)
        if self._streams is None:
            return problem(501, NO_STREAMS)
        if request.method == "HEAD":
            return Response(headers=HEADERS)
        last = request.headers.get("last-event-id", "")
        try:
            self._streams.check(one.user_id)
            async with self._database.read() as connection:
                place = await place_of(connection, one.user_id, last) if 0 < len(last) <= LONGEST_ID else None
                if place is None:
                    place = await start_of(connection, one.user_id, now, MOST)
                first = await beyond(self._database, connection, {one.user_id: place}, now, MOST)
            stream = self._streams.open(one, place)
        except Full:
            return problem(503, FULL, {"Retry-After": "10"})
        for _, reached, message in first:
            stream.take(reached, sse(message))
        return stream

    async def _pass(self, token: str | None) -> InboxPass:
        one = self._tokens.read(token or "", datetime.now(UTC))
        if one is None:
            raise NoPass
        async with self._database.read() as connection:
            if not one.opens((await known_since(connection, [one.user_id])).get(one.user_id)):
                raise NoPass
        return one


def _bearer(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _event(request: Request, user_id: str, send_key: str, message: Clickable) -> Incoming:
    """The click as a tracking client would have told it, under an id that is the message's own."""
    now = datetime.now(UTC)
    facts = {"template": message.template, "topic": message.topic, "send_key": send_key, "link": _link(message.link)}
    return checked(
        Incoming(
            event_id=f"in-app-click-{hashlib.sha256(send_key.encode()).hexdigest()[:32]}",
            name=InAppClicked.event_name,
            occurred_at=now,
            received_at=now,
            user_id=user_id,
            anonymous_id=None,
            properties={name: value for name, value in facts.items() if value is not None},
            peer=request.client.host if request.client else None,
            headers=dict(request.headers),
        )
    )


def _link(address: str) -> str | None:
    """Host and path: the rest may hold anything."""
    try:
        parts = urlsplit(address)
        return f"{parts.hostname}{parts.path}"[:1000] if parts.hostname else None
    except ValueError:
        return None
