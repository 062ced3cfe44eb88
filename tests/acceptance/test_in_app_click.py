"""A click on an in-app message is an event that a journey waits for."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest

from service import Service, serving
from storage.ledger import kept
from tests.door import somebody
from tests.servers import free_port, wait_until
from tests.site import Tab, listening_to
from tests.stage import Stage

pytestmark = pytest.mark.server


async def test_from_the_journey_to_the_page_and_back(stage: Stage) -> None:
    """A message that a journey sends is on the open page within a second of its claim, and its click, however often it is
    told, is one event that the journey goes on with: which message it was, of which topic, and where it leads.

    Killed by: naming the event otherwise in ingestion/own_inbox.py; leaving out `topic`; a random id for the click.
    """
    user = somebody()
    settings = stage.settings.model_copy(update={"port": free_port(), "write_keys": "key"})
    service = Service(settings, stage.database, stage.client, stage.catalogue, stage.acceptor, stage.relay)
    async with serving(service), httpx.AsyncClient(base_url=settings.front_door, trust_env=False) as http:
        await stage.knows(user)
        token = (await http.post(f"/v1/inbox/{user}/token", auth=("key", ""))).json()["token"]
        tab, own = Tab(), {"Authorization": f"Bearer {token}"}
        async with listening_to(http, token, tab):
            await stage.happens(stage.event(user, "File Downloaded", file_name="clicker"))
            await stage.sent(user)
            sent = asyncio.get_running_loop().time()
            (message,) = await wait_until(lambda: tab.messages)
            assert tab.arrived[message["id"]] - sent < 1
            assert message["template"] == "onboarding/first_look"
            said = [http.post("/v1/inbox/clicked", json={"ids": [message["id"]]}, headers=own) for _ in range(5)]
            assert {answer.status_code for answer in await asyncio.gather(*said)} == {200}
        account = await stage.result("clicker", user)
    assert len(account["sent"]) == 2
    async with stage.database.read() as connection:
        newest, _ = await kept(connection, user_id=user)
    host_and_path = message["link"].partition("://")[2]
    assert f"onboarding/first_look/onboarding/{host_and_path}" in newest.rendered["text"]


async def test_the_front_door_stops(stage: Stage) -> None:
    """However many pages are open, the front door stops at once, and every page is let go in good order.

    Killed by: entering the streams before the server in service.serving; leaving them out of it.
    """
    user, loop = somebody(), asyncio.get_running_loop()
    settings = stage.settings.model_copy(update={"port": free_port(), "write_keys": "key"})
    service = Service(settings, stage.database, stage.client, stage.catalogue, stage.acceptor, stage.relay)
    tabs = [Tab() for _ in range(5)]
    async with httpx.AsyncClient(base_url=settings.front_door, trust_env=False) as http, AsyncExitStack() as stack:
        async with serving(service):
            token = (await http.post(f"/v1/inbox/{user}/token", auth=("key", ""))).json()["token"]
            for tab in tabs:
                await stack.enter_async_context(listening_to(http, token, tab))
            stopping = loop.time()
        assert loop.time() - stopping < 2.5
        await wait_until(lambda: all(tab.is_over for tab in tabs))
