"""The door at which a shop's backend fetches a person's in-app messages, and says which of them were read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from errors import EventError, NotAdmitted
from profiles.inbox_tokens import InboxPass, InboxTokens
from storage.arrivals import known_since
from storage.database import Database
from storage.inbox import inbox_of

from .accept import Acceptor
from .inbox_json import IDS, LONGEST_ID, MOST, NO_STORE, body_of, done, guarded, ids_of, listed
from .keys import Keys, write_key
from .opaque import Opaque
from .own_inbox import OwnInbox
from .path_ids import USER_ID
from .reading import note_read
from .streams import Streams

USUAL = timedelta(days=1)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)
"""For how long a token opens somebody's inbox."""
EXPIRES_IN = '{"expires_in": seconds}, or nothing'
STREAM = "stream"


def inbox_routes(
    database: Database,
    acceptor: Acceptor,
    opaque: Opaque,
    keys: Keys,
    tokens: InboxTokens,
    streams: Streams | None = None,
) -> list[Route]:
    """For who has a key that may read: `GET /v1/inbox/{user_id}`, and `POST` to `read` and `token` below it.

    For the person, who has a token: `GET /v1/inbox`, `/v1/inbox/stream` where there are streams, and `POST` to
    `/v1/inbox/seen` and `/v1/inbox/clicked`.
    """
    inbox, own = Inbox(database, opaque, keys, tokens), OwnInbox(database, acceptor, tokens, streams)

    async def stream(request: Request) -> Response:
        # Somebody may have that very id: who asks with a key means them.
        try:
            return await inbox.show(request)
        except NotAdmitted:
            return await own.stream(request)

    return [
        Route("/v1/inbox", guarded(own.show), methods=["GET"]),
        Route(f"/v1/inbox/{STREAM}", guarded(stream), methods=["GET"]),
        Route("/v1/inbox/seen", guarded(own.seen), methods=["POST"]),
        Route("/v1/inbox/clicked", guarded(own.clicked), methods=["POST"]),
        Route(f"/v1/inbox/{USER_ID}/token", guarded(inbox.token), methods=["POST"]),
        Route(f"/v1/inbox/{USER_ID}/read", guarded(inbox.read), methods=["POST"]),
        Route(f"/v1/inbox/{USER_ID}", guarded(inbox.show), methods=["GET"]),
    ]


class Inbox:
    """People's in-app messages as JSON."""

    def __init__(self, database: Database, opaque: Opaque, keys: Keys, tokens: InboxTokens) -> None:
        self._database = database
        self._opaque = opaque
        self._keys = keys
        self._tokens = tokens

    async def show(self, request: Request) -> Response:
        """The person's newest messages that have not expired; of somebody we have never heard of there are none."""
        await self._keys.admit(write_key(request.headers), "read")
        user_id = self._user(request)
        async with self._database.read() as connection:
            return listed(await inbox_of(connection, user_id, datetime.now(UTC), MOST))

    async def read(self, request: Request) -> Response:
        """Note the messages under "ids" as read; one id that is wrong harms none of the others."""
        body = await body_of(request, IDS)
        await self._keys.admit(write_key(request.headers, body), "read")
        user_id, ids = self._user(request), ids_of(body)
        return done(ids, await note_read(self._database, user_id, ids) if ids else {})

    async def token(self, request: Request) -> Response:
        """A token with which the person's own browser or app opens this inbox, for "expires_in" seconds."""
        body = await body_of(request, EXPIRES_IN, or_nothing=True)
        await self._keys.admit(write_key(request.headers, body), "read")
        user_id, lifetime = self._user(request), _lifetime(body)
        async with self._database.read() as connection:
            since = (await known_since(connection, [user_id])).get(user_id)
        expires_at = (datetime.now(UTC) + lifetime).replace(microsecond=0)
        token = self._tokens.token(InboxPass(user_id, expires_at, since))
        return JSONResponse({"token": token, "expires_at": expires_at.isoformat()}, headers=NO_STORE)

    def _user(self, request: Request) -> str:
        """The id under which the person's events are stored."""
        user_id = str(request.path_params.get("user_id", STREAM))
        if not 0 < len(user_id) <= LONGEST_ID or not user_id.isprintable():
            raise EventError(f"user id: between 1 and {LONGEST_ID} printable characters.")
        return self._opaque.user_id(user_id)


def _lifetime(body: dict[str, Any]) -> timedelta:
    seconds = body.get("expires_in", int(USUAL.total_seconds()))
    least, most = int(SHORTEST.total_seconds()), int(LONGEST.total_seconds())
    if not isinstance(seconds, int) or not least <= seconds <= most:
        raise EventError(f"expires_in: a whole number of seconds, from {least} to {most}.")
    return timedelta(seconds=seconds)
