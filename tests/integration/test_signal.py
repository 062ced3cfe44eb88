"""A backend tells a run directly, with Temporal's own command line and the documented JSON."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import pytest
from temporalio.api.sdk.v1 import WorkflowMetadata

from stack import temporal_binary
from tests.door import somebody
from tests.servers import wait_until
from tests.stage import Stage, kinds

pytestmark = pytest.mark.server
HOUR = timedelta(hours=1)


@pytest.fixture
def user() -> str:
    return somebody()


async def signal(stage: Stage, workflow_id: str, payload: Any) -> None:
    """`temporal workflow signal`, as a backend's script would call it."""
    command = ["workflow", "signal", "--workflow-id", workflow_id, "--name", "event", "--input", json.dumps(payload)]
    process = await asyncio.create_subprocess_exec(
        *(temporal_binary(), *command, "--address", stage.client.service_client.config.target_host),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, out.decode()


def happened(kind: str, event_id: str, **facts: Any) -> dict[str, Any]:
    return {"type": kind, "event_id": event_id, "occurred_at": "2026-03-01T09:30:00Z", **facts}


async def begun(stage: Stage, user: str) -> None:
    """A cart run whose first reminder is out and which waits for the cart to change."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    await stage.forward("cart_abandonment", user, "c", by=HOUR)
    await stage.sent(user)


async def test_an_event_for_a_begun_run(stage: Stage, user: str) -> None:
    """An event that is signalled is what the run was waiting for; the same id again is nothing new."""
    await begun(stage, user)
    updated = happened("Cart Updated", "direct-1", cart_id="c", value="99.00", currency="EUR")
    await signal(stage, f"cart_abandonment/{user}/c", updated)
    await signal(stage, f"cart_abandonment/{user}/c", [updated, {"type": "Nothing We Know"}, "no event"])

    async def heard() -> bool:
        handle = stage.handle("cart_abandonment", user, "c")
        told = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
        return told.current_details.count("Cart Updated came") == 1 and "could not be read" in told.current_details

    await wait_until(heard)
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == "went to its end"
    (_, last) = await stage.sent(user, 2)
    assert last.template == "cart/last_call"


async def test_a_goal_for_a_begun_run(stage: Stage, user: str) -> None:
    """A4: a goal that is signalled ends a begun run within a second, and nothing more is sent."""
    await begun(stage, user)
    await signal(
        stage, f"cart_abandonment/{user}/c", happened("Order Completed", "direct-2", cart_id="c", order_id="o")
    )
    told = time.monotonic()
    account = await stage.result("cart_abandonment", user, "c")
    assert time.monotonic() - told < 1
    assert account["outcome"] == "ended by Order Completed (direct-2)"
    assert kinds(await stage.sends(user)) == ["email cart/still_here"]


async def test_a_goal_of_another_cart(stage: Stage, user: str) -> None:
    """A5: the purchase of another cart, signalled to this run, does not end it."""
    await begun(stage, user)
    await signal(
        stage, f"cart_abandonment/{user}/c", happened("Order Completed", "direct-3", cart_id="other", order_id="o")
    )
    await stage.wake("cart_abandonment", user, "c")
    assert (await stage.result("cart_abandonment", user, "c"))["outcome"] == "went to its end"


async def test_a_goal_for_a_delayed_run(stage: Stage, user: str) -> None:
    """A goal that is signalled to a run which has not begun does not wake it, and ends it on waking before any message."""
    await stage.knows(user)
    await stage.happens(stage.event(user, "Cart Updated", cart_id="c", value="59.90", currency="EUR"))
    await signal(
        stage, f"cart_abandonment/{user}/c", happened("Order Completed", "direct-4", cart_id="c", order_id="o")
    )
    assert await stage.is_open("cart_abandonment", user, "c")
    await stage.wake("cart_abandonment", user, "c")
    account = await stage.result("cart_abandonment", user, "c")
    assert account["outcome"] == "ended by Order Completed (direct-4)"
    assert await stage.sends(user) == []
