"""What one person has been through, in words: from our ledger, and from Temporal for what is still open."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.text import Text
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.service import RPCError

from connect import connect, opened
from errors import JourneymanError, SettingsError
from ingestion.departures import workflow_id
from ingestion.opaque import Opaque
from settings import Settings
from storage.deliveries import words_of
from storage.ledger import Send, sends_of_person
from storage.people import read_person
from storage.runs import Entry, Place, entries_of_person
from workflows.clock import shown, zone_of
from workflows.pausing import PAUSED

NOW = "**Now:** "


async def story_of(settings: Settings, user: str, client: Client | None = None) -> RenderableType:
    """Every journey of the person, newest last; SettingsError if nobody has that id."""
    user_id = Opaque(settings.secret_key()).user_id(user)
    async with opened(settings) as database, database.read() as connection:
        person = await read_person(connection, user_id)
        entries = await entries_of_person(connection, user_id)
        sends = await sends_of_person(connection, user_id)
        words = await words_of(connection, [send.send_key for send in sends])
    if person is None:
        raise SettingsError(f"Nobody with the id {user} has been heard of in this database.")
    zone = zone_of(person.believed_zone or settings.default_zone)
    client = client or await _client(settings)
    parts: list[RenderableType] = [Text(f"{user_id}, times in {zone.key}", style="bold")]
    for entry in entries:
        place = entry.place
        parts.append(Text(f"\n{workflow_id(place)}", style="bold cyan"))
        parts.append(Text(f"  {shown(entry.entered_at, zone)}: entered{_because(entry)}"))
        mine = [
            send
            for send in sends
            if (send.journey, send.key, send.entry_id) == (place.journey, place.key, entry.event_id)
        ]
        for send in mine:
            parts.append(Text(f"  {shown(send.at, zone)}: {_line(send, zone)}"))
            parts += [Text(f"    {shown(at, zone)}: {word}") for word, at in words.get(send.send_key, ())]
        if entry.state == "started" and client is not None:
            parts.append(Text(f"  now: {await _now(client, place, entry, zone)}"))
    if not entries:
        parts.append(Text("No journey has begun for this person."))
    if client is None:
        parts.append(Text("\nTemporal does not answer: what is being waited for cannot be told.", style="yellow"))
    return Group(*parts)


async def _client(settings: Settings) -> Client | None:
    try:
        return await connect(settings)
    except JourneymanError:
        return None


def _because(entry: Entry) -> str:
    """What there is to say about an entry whose run is not simply there."""
    told = [word for word in ("" if entry.state == "started" else entry.state, entry.reason) if word]
    drawn = [f"{experiment}: {arm}" for experiment, arm in entry.arms.items() if arm]
    return f" ({'; '.join(filter(None, (': '.join(told), *drawn)))})" if told or drawn else ""


def _line(send: Send, zone: ZoneInfo) -> str:
    words = f"{send.channel} {send.template}: {send.status}"
    if send.status == "accepted":
        words += f" by {send.provider}"
    if send.status == "held" and send.until is not None:
        words += f" until {shown(send.until, zone)}"
    return words + (f", {send.reason}" if send.reason else "")


async def _now(client: Client, place: Place, entry: Entry, zone: ZoneInfo) -> str:
    handle = client.get_workflow_handle(workflow_id(place))
    try:
        description = await handle.describe()
        if await description.memo_value("entry", None) != entry.event_id:
            return "ended; a later pass has begun since"
        if description.status is WorkflowExecutionStatus.RUNNING:
            if description.execution_time and description.execution_time > description.start_time:
                waits = f"waits for the quiet to be over, until {shown(description.execution_time, zone)}"
            else:
                waits = "open"
            paused = await description.memo_value(PAUSED, "")
            return await _awaited(handle) or "; ".join(filter(None, (paused, waits)))
        if description.status is WorkflowExecutionStatus.COMPLETED:
            result = await handle.result()
            return str(result.get("outcome", "ended"))
        return str(description.status.name if description.status else "unknown").lower()
    except RPCError as error:
        return f"not known to Temporal ({error.status.name})"


async def _awaited(handle: WorkflowHandle[Any, Any]) -> str | None:
    """What the run awaits, by its current details; None if it has not begun or no worker answers."""
    try:
        told: WorkflowMetadata = await handle.query(
            "__temporal_workflow_metadata", result_type=WorkflowMetadata, rpc_timeout=timedelta(seconds=5)
        )
    except (RPCError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None
    now = (line for line in told.current_details.splitlines() if line.startswith(NOW))
    return next((line.removeprefix(NOW) for line in now), None)
