"""Keys that were given out: what each opens, how they are changed for others, and how they are taken back."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from errors import NotAdmitted, SettingsError
from ingestion import keys as doors
from ingestion.keys import Keys, Scope, digest_of, new_key
from keys import give_out, keys_of, take_back
from storage.database import UNREACHABLE, Database
from storage.keys import GivenKey, add_key
from storage.tables import consents, people
from storage.tables import keys as table
from tests.fronts import KEY, Front, fronted, fronting, track
from tests.inboxes import put
from tests.programs import Place, command
from tests.servers import wait_until

STARTER = "starter.py"
NUMBERS = itertools.count(1)
ELSEWHERE = {"X-Forwarded-For": "203.0.113.9"}
"""Says of a request that it comes from another machine, as a proxy on this one does."""


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    async with fronted(f"sqlite:///{tmp_path / 'journeyman.db'}", tmp_path) as front:
        yield front


async def a_key(front: Front, *scopes: Scope) -> str:
    """One that was just given out."""
    key = new_key()
    given = GivenKey(f"k-{next(NUMBERS)}", digest_of(key), "somebody", frozenset(scopes), datetime.now(UTC))
    async with front.door.database.write() as connection:
        await add_key(connection, given)
    return key


async def events_taken(front: Front, key: str | None) -> int:
    """The status with which an event is answered that was sent with that key."""
    return (await front.post("track", track(next(NUMBERS)), key=key)).status_code


async def test_only_the_hash_is_kept(front: Front) -> None:
    """A key is shown once: the database holds its SHA-256 hash, and the list its name.

    Killed by: storing the key in add_key, or making keys of fewer than 192 bits.
    """
    key_id, key = await give_out(front.settings, "shop-backend", ["write", "read"])
    assert len(base64.urlsafe_b64decode(key.removeprefix("jm_"))) == 24
    (row,) = await front.door.rows(table)
    assert key.removeprefix("jm_") not in repr(row)
    (line,) = (await keys_of(front.settings)).plain()["keys"]
    assert line | {"created_at": ""} == {
        "id": key_id, "name": "shop-backend", "scopes": ["read", "write"], "created_at": "", "revoked_at": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("scope", "sends", "reads"), [("write", 200, 403), ("browser", 200, 403), ("read", 403, 200), (None, 401, 401)]
)
async def test_scopes(front: Front, scope: Scope | None, sends: int, reads: int) -> None:
    """A key opens what its scope names and nothing else; a wrong one nothing. Each refusal says what to do about it.

    Killed by: admitting any known key in Keys.admit, or asking for another scope in Intake, Inbox or the outbox.
    """
    message = await put(front.door.database, "u")
    key = await a_key(front, scope) if scope else "jm_wrong"
    answers = [
        (sends, await front.post("track", track(1), key=key)),
        (sends, await front.post("batch", {"batch": [track(2)], "writeKey": key}, key=None)),
        (reads, await front.http.get("/v1/inbox/u", auth=(key, ""))),
        (reads, await front.post("inbox/u/read", {"ids": [message]}, key=key)),
        (reads, await front.post("inbox/u/token", b"", key=key)),
        (reads, await front.http.get("/outbox", auth=(key, ""), headers=ELSEWHERE)),
    ]
    for status, answer in answers:
        assert answer.status_code == status, answer.text
        if status == 403:
            assert answer.json()["reason"] == "scope"
            assert "keys add" in answer.json()["error"]
        assert key not in answer.text
    assert await front.stored() == (["m-1", "m-2"] if sends == 200 else [])


async def test_keys_of_the_environment(front: Front) -> None:
    """A key of the environment opens every door, also while others are given out.

    Killed by: leaving a scope out of EVERYTHING.
    """
    await a_key(front, "write")
    assert await events_taken(front, KEY) == 200
    for answer in (
        await front.http.get("/v1/inbox/u", auth=(KEY, "")),
        await front.http.get("/outbox", auth=(KEY, ""), headers=ELSEWHERE),
    ):
        assert answer.status_code == 200
    answer = await front.post("identify", {"userId": "u", "traits": {"email": "ada@example.com"}})
    assert answer.json() == {"success": True}


async def test_rotation(database_url: str, tmp_path: Path) -> None:
    """Two keys are valid side by side; one that is taken back opens nothing after a second, at no front door, and the
    other goes on being let in.

    Killed by: raising FRESH to 5, or leaving `revoked_at` out of Keys._read.
    """
    async with fronted(database_url, tmp_path) as front, fronting(front.door, tmp_path) as other:
        old_id, old = await give_out(front.settings, "shop", ["write"])
        _, new = await give_out(front.settings, "shop", ["write"])
        for key, door in itertools.product((old, new), (front, other)):
            assert await events_taken(door, key) == 200
        said = await take_back(front.settings, old_id)
        began = time.monotonic()
        assert said == f"Taken back: {old_id}. Within a second no front door lets it in."
        for door in (front, other):
            await wait_until(partial(_is_out, door, old), 5)
        assert time.monotonic() - began < 1
        for door in (front, other):
            assert await events_taken(door, new) == 200
        (gone, kept) = (await keys_of(front.settings)).lines
        assert (gone.id, gone.revoked_at is not None, kept.revoked_at) == (old_id, True, None)
        with pytest.raises(SettingsError, match=old_id):
            await take_back(front.settings, old_id)


async def _is_out(front: Front, key: str) -> bool:
    return await events_taken(front, key) == 401


class Counting(Database):
    """Counts how often it is read, and can be away."""

    reads = 0
    away = False

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        self.reads += 1
        if self.away:
            raise OSError("the database is away")
        async with super().read() as connection:
            yield connection


@pytest.fixture
async def counting(front: Front) -> AsyncIterator[Counting]:
    database = Counting(front.settings.database_url)
    yield database
    await database.close()


async def test_no_query_for_each_request(front: Front, counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often keys are presented, right or wrong, the database is asked once in the time they are believed.

    Killed by: reading in every call of Keys._scopes_of, or only noting the time where a key was found.
    """
    monkeypatch.setattr(doors, "FRESH", 1000.0)
    keys, key = Keys([KEY], (), counting), await a_key(front, "read")
    for _ in range(100):
        assert await keys.admit(key, "read") == {"read"}
        with pytest.raises(NotAdmitted):
            await keys.admit("jm_wrong", "read")
        await keys.admit(KEY, "write")
    assert counting.reads == 1


async def test_while_the_database_is_away(front: Front, counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the database is away, keys that were known stay known; of any other nobody says that it is wrong, for it may
    have been given out meanwhile, and a client that hears 401 throws its events away.

    Killed by: forgetting the keys in Keys._read, or leaving out the raise in Keys._scopes_of.
    """
    monkeypatch.setattr(doors, "FRESH", 0.0)
    keys, known = Keys([KEY], (), counting), await a_key(front, "write")
    await keys.admit(known, "write")
    counting.away, fresh = True, await a_key(front, "write")
    assert await keys.admit(known, "write") == {"write"}
    assert await keys.admit(KEY, "write")
    with pytest.raises(UNREACHABLE):
        await keys.admit(fresh, "write")
    counting.away = False
    assert await keys.admit(fresh, "write") == {"write"}


async def test_refused_before_the_body(front: Front) -> None:
    """Who presents a wrong key in the headers is told so before the body has come.

    Killed by: reading the body first in Intake.take.
    """
    reader, writer = await asyncio.open_connection(front.settings.host, front.settings.port)
    try:
        writer.write(
            b"POST /v1/track HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer no\r\nContent-Length: 100\r\n\r\n{"
        )
        assert (await asyncio.wait_for(reader.readline(), 5)).startswith(b"HTTP/1.1 401 ")
    finally:
        writer.close()
        await writer.wait_closed()


def page(number: int, **more: Any) -> dict[str, Any]:
    """One message of a page, with everything that such a key may not say."""
    return {
        "messageId": f"m-{number}",
        "userId": "victim",
        "anonymousId": "a",
        "type": "identify",
        "traits": {"email": "thief@example.com", "Phone": "+49 30 1", "firstName": "Ada", "timezone": "Europe/Berlin"},
        "context": {"ip": "192.0.2.1", "device": {"type": "android", "token": "x" * 30}, "locale": "de"},
        **more,
    }


async def test_what_a_page_may_not_say(front: Front) -> None:
    """With a page's key nobody can have another's messages sent to themselves: addresses are left out, which the answer
    says, and everything else is taken.

    Killed by: leaving ADDRESSES or PUSH out of `limited`, comparing traits' names exactly, or not calling it in Intake.
    """
    await front.post("identify", {"userId": "victim", "traits": {"email": "ada@example.com"}})
    key = await a_key(front, "browser")
    answer = await front.post("batch", {"batch": [track(1), page(2)]}, key=key)
    fields = ["traits.email", "traits.Phone", "context.device.token", "context.ip"]
    assert answer.json() == {"success": True, "ignored": [{"index": 1, "fields": fields}]}
    (person,) = [row for row in await front.door.rows(people) if row.user_id == "victim"]
    assert person.traits == {"email": "ada@example.com", "firstName": "Ada", "timezone": "Europe/Berlin"}
    assert person.tokens == []
    traced = await front.post(
        "track", page(3, type="track", event="x", context=page(0) | {"traits": page(0)["traits"]}), key=key
    )
    assert traced.json()["ignored"][0]["fields"][:2] == fields[:2]


@pytest.mark.parametrize("name", ["Subscribed", "Unsubscribed"])
async def test_consent_from_a_page(front: Front, name: str) -> None:
    """With a page's key nobody can say for others what they want to get; the other messages of the batch are taken.

    Killed by: leaving CONSENT out of `limited`.
    """
    key = await a_key(front, "browser")
    alone = await front.post("track", track(1, event=name), key=key)
    assert (alone.status_code, alone.json()["reason"]) == (403, "scope")
    answer = await front.post("batch", {"batch": [track(2, event=name), track(3)]}, key=key)
    assert [(each["index"], each["reason"]) for each in answer.json()["rejected"]] == [(0, "scope")]
    assert (await front.door.rows(consents), await front.stored()) == ([], ["m-3"])


async def test_the_commands(tmp_path: Path) -> None:
    """`keys add` prints nothing but the key to standard output, `keys` shows no key, `keys revoke` takes one back once.

    Killed by: printing the key in list_keys, or an exit code of 0 where there is nothing to take back.
    """
    place = Place(tmp_path)
    assert "keys add" in (await command(place, STARTER, "keys")).out
    said = await command(place, STARTER, "keys", "add", "shop backend", "--scope", "write", "--scope", "read")
    assert re.fullmatch(r"jm_[\w-]{32}\n", said.out)
    shown = await command(place, STARTER, "keys")
    (key_id,) = re.findall(r"k-[0-9a-f]{8}", shown.out)
    assert key_id in said.err
    assert "shop backend" in shown.out
    assert "read, write" in shown.out
    assert said.out.strip() not in shown.out + said.err
    assert (await command(place, STARTER, "keys", "revoke", key_id)).code == 0
    again = await command(place, STARTER, "keys", "revoke", key_id)
    assert (again.code, key_id in again.err) == (1, True)
    for wrong in (("add", "x"), ("add", "x", "--scope", "all"), ("add", "", "--scope", "read")):
        assert (await command(place, STARTER, "keys", *wrong)).code in (1, 2)
    assert len(json.loads((await command(place, STARTER, "keys", "--json")).out)["keys"]) == 1
