"""What support is shown of messages in doubt, and how its word settles their lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console, RenderableType

from doubt import doubts_of, settle
from errors import NotInDoubt, SettingsError
from settings import Settings
from storage.database import Database
from storage.ledger import Send, put_send, send_key, sends_of_person
from storage.migrate import migrate
from storage.people import lock_people
from tests.programs import Place, command

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await migrate(database)
    yield database
    await database.close()


@pytest.fixture
def settings(database_url: str, tmp_path: Path, database: Database) -> Settings:
    return Settings(database=database_url, data_dir=tmp_path, default_zone="Europe/Berlin")


def in_doubt(number: int, user: str = "u-42", **changes: Any) -> Send:
    line = Send(
        send_key=send_key(f"step {number}", "email"), step_key=f"step {number}", user_id=user, journey="onboarding",
        key="", entry_id="e", step="email onboarding/welcome #1", channel="email", template="onboarding/welcome",
        topic="onboarding", kind="service", status="unknown", at=NOW, machine_at=NOW + timedelta(minutes=number),
        reason="the answer was lost", provider="sendgrid", until=NOW + timedelta(minutes=number + 15),
    )  # fmt: skip
    return Send(**(vars(line) | changes))


async def write(database: Database, *lines: Send) -> None:
    async with database.write() as connection:
        await lock_people(database, connection, {line.user_id for line in lines}, NOW)
        for line in lines:
            await put_send(database, connection, line)


async def read(database: Database, user: str = "u-42") -> list[Send]:
    async with database.read() as connection:
        return sorted(await sends_of_person(connection, user), key=lambda line: line.machine_at)


def words(shown: RenderableType) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(shown)
    return captured.get()


async def test_list(database: Database, settings: Settings) -> None:
    """Those longest in doubt come first, no more than asked for, with the number of all; what is settled is not there."""
    lines = [in_doubt(number) for number in range(5)]
    await write(database, *reversed(lines), in_doubt(9, status="accepted"), in_doubt(10, status="held"))
    found = await doubts_of(settings, 3)
    assert (found.count, found.lines) == (5, lines[:3])
    text = words(found.table("Europe/Berlin"))
    assert "5 messages in doubt, of which these are the oldest 3. Times are in Europe/Berlin." in text
    assert lines[0].send_key[:12] in text
    for told in ("u-42", "onboarding", "email onboarding/welcome #1", "1 Mar 2026 10:00", "1 Mar 2026 10:15"):
        assert told in text
    assert [line["send_key"] for line in found.plain()["messages"]] == [line.send_key for line in lines[:3]]


async def test_none(settings: Settings) -> None:
    """Where nothing is in doubt, that is said."""
    assert "No message is in doubt" in words((await doubts_of(settings, 100)).table("UTC"))


@pytest.mark.parametrize(
    ("changes", "policy"),
    [
        ({"kind": "marketing"}, "marketing: is not sent again"),
        ({"kind": "service"}, "service: is sent once more if its journey still waits"),
        ({"kind": "marketing", "channel": "push"}, "marketing: is sent once more if its journey still waits"),
        (
            {"kind": "service", "channel": "webhook", "resent": True},
            "service: may have arrived, and is not called again",
        ),
        ({"kind": "service", "resent": True}, "service: was sent once more and is in doubt again"),
    ],
)
async def test_policy(database: Database, settings: Settings, changes: dict[str, Any], policy: str) -> None:
    """Each line says what becomes of the message if nobody says more."""
    await write(database, in_doubt(1, **changes))
    assert policy in words((await doubts_of(settings, 100)).table("UTC"))


async def test_settled(database: Database, settings: Settings) -> None:
    """A person's word settles the one message it is about, with who said it and why."""
    begun, lines = datetime.now(UTC), [in_doubt(1), in_doubt(2), in_doubt(3)]
    await write(database, *lines)
    assert "counts as accepted" in await settle(
        settings, lines[0].send_key, "accepted", "it stands in her inbox", "grace"
    )
    assert "counts as refused" in await settle(
        settings, lines[1].send_key[:12].upper(), "refused", "SendGrid has no trace", "grace"
    )
    first, second, third = await read(database)
    assert (first.status, first.reason) == ("accepted", "settled by grace: it stands in her inbox")
    assert (second.status, second.reason) == ("refused", "settled by grace: SendGrid has no trace")
    assert (first.until, second.until) == (None, None)
    assert first.at > begun, "caps count it from when it was known to have gone"
    assert second.at == NOW
    assert third == lines[2]
    assert (await doubts_of(settings, 100)).lines == [lines[2]]


@pytest.mark.parametrize("status", ["accepted", "refused", "withheld", "held", "claimed"])
async def test_no_doubt(database: Database, settings: Settings, status: str) -> None:
    """What is not in doubt is left as it is, and said to be."""
    line = in_doubt(1, status=status)
    await write(database, line)
    with pytest.raises(NotInDoubt, match=f"is not in doubt: {status}, the answer was lost. Nothing was changed"):
        await settle(settings, line.send_key, "accepted", "because", "grace")
    assert await read(database) == [line]


async def test_which(database: Database, settings: Settings) -> None:
    """A key that is none, is nobody's, or could be two messages', changes nothing; nor does a word without a reason."""
    lines = [in_doubt(number, send_key=f"{'ab' * 6}{number:052x}") for number in (1, 2)]
    await write(database, *lines)
    for key, reason, says in (
        ("u-42", "because", "no send key"),
        ("ab' OR 1=1", "because", "no send key"),
        ("abab", "because", "at least its first 8"),
        ("cd" * 32, "because", "has no message"),
        ("ab" * 6, "because", "Several messages"),
        (lines[0].send_key, "  ", "--reason"),
    ):
        with pytest.raises(SettingsError, match=says):
            await settle(settings, key, "accepted", reason, "grace")
    assert await read(database) == lines


async def test_at_the_same_time(database: Database, settings: Settings) -> None:
    """Of many who settle one message at once the first is believed, and the others are told what it was.

    Killed by: leaving the status out of the condition in settle_doubt.
    """
    line = in_doubt(1)
    await write(database, line)
    each = [settle(settings, line.send_key, "accepted" if n % 2 else "refused", f"word {n}", "grace") for n in range(6)]
    told = await asyncio.gather(*each, return_exceptions=True)
    assert sum(isinstance(word, NotInDoubt) for word in told) == 5
    (believed,) = [n for n, word in enumerate(told) if isinstance(word, str)]
    (settled,) = await read(database)
    assert settled.reason == f"settled by grace: word {believed}"
    assert settled.status == ("accepted" if believed % 2 else "refused")


async def test_under_the_lock(database: Database, settings: Settings) -> None:
    """An attempt that takes the message up first wins: the person's lock is waited for, and the doubt is gone by then.

    Killed by: not taking the person's lock in settle_doubt (on PostgreSQL; SQLite has one lock for all).
    """
    line = in_doubt(1)
    await write(database, line)
    async with database.write() as connection:
        await lock_people(database, connection, [line.user_id], NOW)
        asked = asyncio.create_task(settle(settings, line.send_key, "refused", "because", "grace"))
        done, _ = await asyncio.wait({asked}, timeout=0.3)
        assert not done
        await put_send(database, connection, in_doubt(1, status="claimed", resent=True))
    with pytest.raises(NotInDoubt):
        await asked
    assert [line.status for line in await read(database)] == ["claimed"]


async def test_commands(tmp_path: Path) -> None:
    """`unknown` lists as a table or as JSON; `settle` ends with 0, or 3 where nothing is in doubt any more, or 1."""
    place = Place(tmp_path / "data")
    place.home.mkdir()
    database = Database(f"sqlite:///{place.home / 'journeyman.db'}")
    await migrate(database)
    line = in_doubt(1)
    await write(database, line)
    await database.close()
    table = await command(place, "starter.py", "unknown")
    assert (table.code, table.err) == (0, "")
    assert line.send_key[:12] in table.out
    found = json.loads((await command(place, "starter.py", "unknown", "--json", "--limit", "1")).out)
    assert (found["count"], found["messages"][0]["send_key"]) == (1, line.send_key)
    words = ("starter.py", "unknown", "settle", line.send_key[:12], "accepted", "--reason", "seen", "--by", "grace")
    first, second = await command(place, *words), await command(place, *words)
    assert (first.code, first.err) == (0, "")
    assert "counts as accepted" in first.out
    assert (second.code, second.out) == (3, "")
    assert "is not in doubt: accepted, settled by grace: seen" in second.err
    assert (await command(place, *words[:3], "0" * 64, *words[4:])).code == 1
    assert (await command(place, *words[:4], "lost", *words[5:])).code == 2
    assert (await command(place, "starter.py", "unknown", "--limit", "101")).code == 2
    assert "No message is in doubt" in (await command(place, "starter.py", "unknown")).out
