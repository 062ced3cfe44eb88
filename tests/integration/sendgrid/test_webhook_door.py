"""Who is let in by the webhook's door, and what everybody else is told."""

from __future__ import annotations

import json
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from errors import SettingsError
from ingestion.deliveries import Deliveries
from ingestion.sendgrid_webhook import PATH, sendgrid_webhook
from settings import Settings
from tests.door import somebody
from tests.doubles.sendgrid_webhooks import Signer, body_of, report
from tests.reporting import ADDRESSES, Desk, desk_over


@pytest_asyncio.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    """The door for webhooks over an empty database."""
    async with desk_over(f"sqlite:///{tmp_path / 'journeyman.db'}") as desk:
        yield desk


def problem(answer: httpx.Response) -> str:
    """The one sentence that says what is wrong."""
    body = answer.json()
    assert body["success"] is False
    assert body["error"].endswith((".", "?"))
    assert "\n" not in body["error"]
    return str(body["error"])


async def test_a_bad_signature(desk: Desk) -> None:
    """Without a signature 401, with another's 403, each with what to do; nothing is changed."""
    user = somebody()
    message = await desk.sent(user)
    body = body_of([report(message, "delivered")])
    bare = await desk.http.post(PATH, content=body)
    assert bare.status_code == 401
    assert "Signed Event Webhook" in problem(bare)
    for signature in (Signer().headers(body)["X-Twilio-Email-Event-Webhook-Signature"], "no base64!", "AAAA", b"\xe4"):
        forged = await desk.post(body, signature=signature)
        assert forged.status_code == 403
        assert "SENDGRID_WEBHOOK_KEY" in problem(forged)
    other = await desk.post(body, timestamp=str(int(time.time()) + 1))
    assert other.status_code == 403
    assert (await desk.line(message, user)).status == "claimed"


@pytest.mark.parametrize(("minutes", "status"), [(-11, 400), (-9, 200), (9, 200), (11, 400)])
async def test_age(desk: Desk, minutes: int, status: int) -> None:
    """What was signed more than ten minutes ago, or so much ahead, is not taken."""
    user = somebody()
    message = await desk.sent(user)
    body = body_of([report(message, "delivered")])
    answer = await desk.http.post(PATH, content=body, headers=desk.signer.headers(body, time.time() + 60 * minutes))
    assert answer.status_code == status
    assert (await desk.line(message, user)).status == ("accepted" if status == 200 else "claimed")
    if status == 400:
        assert "clock" in problem(answer)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[", 400),
        (b"{}", 400),
        (b'"text"', 400),
        (b"\xff\xfe", 400),
        (b"[" * 200_000, 400),
        (b"[" + b" " * (1024 * 1024), 413),
        (b"[]", 200),
    ],
    ids=["empty", "cut", "object", "text", "no utf-8", "deep", "large", "nothing"],
)
async def test_unreadable(desk: Desk, body: bytes, status: int) -> None:
    """A signed body that cannot be read is refused with a sentence; one that says nothing is taken."""
    answer = await desk.post(body)
    assert answer.status_code == status
    assert status == 200 or problem(answer)


BAD: list[Any] = [
    None, 1, "text", [], {},
    {"event": "open", "send_key": "k"},
    {"event": "open", "send_key": "k", "sg_event_id": "e" * 201, "timestamp": 1},
    {"event": "open", "send_key": "k", "sg_event_id": "e\x00", "timestamp": 1},
    {"event": "open", "send_key": "k", "sg_event_id": "e", "timestamp": "soon"},
    {"event": "open", "send_key": "k", "sg_event_id": "e", "timestamp": 1e300},
    {"event": "open", "send_key": "k", "sg_event_id": "e", "timestamp": float("nan")},
    {"event": "open", "send_key": "k", "sg_event_id": "e", "timestamp": True},
    {"event": "open", "send_key": {"a": 1}, "sg_event_id": "e", "timestamp": 1},
    {"event": "x" * 31, "send_key": "k", "sg_event_id": "e", "timestamp": 1},
    {"event": ["open"], "send_key": "k", "sg_event_id": "e", "timestamp": 1},
]  # fmt: skip
STRANGE: list[Any] = [
    {"event": "never heard of", "send_key": "k", "sg_event_id": "s1", "timestamp": 1},
    {"event": "click", "url": "http://[", "send_key": "k", "sg_event_id": "s2", "timestamp": 1.5},
    {"event": "click", "url": 1, "send_key": "k", "sg_event_id": "s3", "timestamp": 99_999_999_999},
    {"event": "dropped", "reason": [], "send_key": "k", "sg_event_id": "s4", "timestamp": 0},
    {"event": "delivered", "sg_message_id": 5, "send_key": "k", "sg_event_id": "s5", "timestamp": -1},
    {"event": "bounce", "type": "bounce", "send_key": "k", "sg_event_id": "s6", "timestamp": 1},
]


async def test_one_bad_element(desk: Desk) -> None:
    """An element that cannot be read is named by its place, and the others around it are taken."""
    user = somebody()
    message = await desk.sent(user)
    elements = [BAD[0], report(message, "delivered"), *BAD[1:], *STRANGE, report(message, "click")]
    answer = await desk.post(json.dumps(elements).encode())
    assert answer.status_code == 200
    assert [each["index"] for each in answer.json()["rejected"]] == [0, *range(2, len(BAD) + 1)]
    assert {row.event for row in await desk.deliveries(message)} == {"delivered", "click"}
    assert (await desk.line(message, user)).status == "accepted"


async def test_what_was_rejected_is_logged(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    """Elements that cannot be read are logged in one line: how many, which fields, and nothing of what they held."""
    message = await desk.sent(somebody())
    bad = [report(message, "open") | change for change in ({"sg_event_id": ""}, {"timestamp": message.address})]
    assert len((await desk.post([*bad, 1, report(message, "delivered")])).json()["rejected"]) == 3
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "could not be read" in line]
    for told in ("count=3", "not a JSON object", "sg_event_id", "timestamp"):
        assert told in line
    assert message.address not in line
    await desk.tells(message, "click")
    assert "could not be read" not in capsys.readouterr().out


async def test_forged_and_repeated(desk: Desk) -> None:
    """T7: of 1,000 posts, forged, old, cut, repeated or huge, none fails; bad ones change nothing, repeats once.

    Killed by: answering before `signed` is asked, or putting deliveries without ON CONFLICT DO NOTHING.
    """
    user, dice = somebody(), random.Random(7)
    message, target = await desk.sent(user), await desk.sent(user, "target")
    body = body_of([report(message, word) for word in ("processed", "delivered", "open", "click")])
    for _ in range(46):
        assert (await desk.post(body)).status_code == 200
    before = await desk.door.everything()

    attack = body_of([report(target, word) for word in ("delivered", "bounce", "spamreport", "unsubscribe", "dropped")])
    forger, statuses = Signer(), []
    for number in range(1_000):
        content, signer, at = attack, desk.signer, time.time()
        match number % 5:
            case 0:
                signer = forger
            case 1:
                at -= dice.randrange(601, 1_000_000)
            case 2:
                content = attack[: dice.randrange(len(attack) - 3)]
            case 3:
                content = body  # a repetition
        headers = signer.headers(content, at)
        if number % 5 == 4:
            place = dice.randrange(len(content))
            content = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        if number % 250 == 2:
            content += b" " * (1024 * 1024)
        statuses.append((await desk.http.post(PATH, content=content, headers=headers)).status_code)
    assert {status for place, status in enumerate(statuses) if place % 5 == 3} == {200}
    assert {status for place, status in enumerate(statuses) if place % 5 != 3} == {400, 403, 413}
    assert await desk.door.everything() == before
    assert (await desk.line(target, user)).status == "claimed"
    assert len(await desk.deliveries(message)) == 4
    assert len(await desk.door.stored()) == 3


async def test_without_a_key(desk: Desk) -> None:
    """Where no key is set nothing is taken, and the answer says which setting is missing."""
    taking = Deliveries(desk.door.database, desk.door.acceptor, ADDRESSES, front_door="http://localhost")
    app = Starlette(routes=[sendgrid_webhook(taking, None)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://door") as http:
        body = body_of([])
        answer = await http.post(PATH, content=body, headers=desk.signer.headers(body))
    assert answer.status_code == 404
    assert "SENDGRID_WEBHOOK_KEY" in problem(answer)


@pytest.mark.parametrize("key", ["MFkw", "no key at all", "AAAA", "-----BEGIN PUBLIC KEY-----"])
def test_a_key_that_is_none(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """A key that cannot be read stops the start, and the text says where to find the right one."""
    monkeypatch.setenv("SENDGRID_WEBHOOK_KEY", key)
    with pytest.raises(SettingsError, match=r"SENDGRID_WEBHOOK_KEY.*Verification Key"):
        Settings.read()


async def test_database_gone(desk: Desk) -> None:
    """Where the database does not answer, SendGrid is asked to post it again."""
    message = await desk.sent(somebody())
    async with desk.door.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE deliveries RENAME TO elsewhere")
    answer = await desk.post([report(message, "delivered")])
    assert answer.status_code == 503
    async with desk.door.database.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE elsewhere RENAME TO deliveries")
    assert (await desk.post([report(message, "delivered")])).status_code == 200
