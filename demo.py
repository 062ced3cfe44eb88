"""Plays some weeks of a shop in half a minute: real events, the real server, only the waiting left out."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import urllib.request
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus

from demo_people import Tracker, Visitor, visits
from demo_report import show, summed_up
from errors import JourneymanError, SettingsError
from ingestion.departures import workflow_id
from profiles.unsubscribe_links import UnsubscribeLinks
from service import Service, everything, listening
from settings import Settings
from storage.counts import accepted_events, held_messages, latencies, started_entries
from storage.runs import Place
from timelapse import MARGIN, Handle, Timelapse
from worker import stopped

ARRIVALS = 6.0
"""People who come in per second."""
AT_ONCE = 16
"""Runs that are moved ahead at the same time."""
MOST_STEPS = 1000
"""After so many looks, a run that works on something that does not succeed is left as it is."""
PATIENCE = 60.0
"""Seconds that one move ahead may take."""


async def play(settings: Settings, *, people: int, console: Console, stays: bool) -> dict[str, Any]:
    """The whole demo; returns what came of it. With `stays` the stack stays up until the process is asked to stop."""
    settings = _of_its_own(settings)
    async with everything(settings, time_skipping=True) as service:
        with _progress(console) as progress:
            async with _tracking(settings) as tracker:
                shop = Shop(service, tracker, [Visitor(number, tracker) for number in range(people)], progress)
                await shop.live()
        summary = await summed_up(service, shop.visitors, tracker.sent, shop.took, shop.held)
        await show(service, summary, console)
        if stays:
            console.print("Everything stays up to look at; Ctrl-C ends it.")
            await stopped()
    return summary


class Shop:
    """The shop over five weeks. Events come in real time; what sleeps is moved ahead between them."""

    def __init__(self, service: Service, tracker: Tracker, visitors: list[Visitor], progress: Progress) -> None:
        self.visitors = visitors
        self.took: list[timedelta] = []
        self.held: dict[str, str] = {}
        """Every message that had to wait, by its key, with the reason."""
        self._service = service
        self._tracker = tracker
        self._progress = progress
        self._timelapse = Timelapse(service.client)
        self._elapsed = timedelta(0)
        self._lived: dict[str, timedelta] = {}
        """How far each run has come on the shop's calendar, by the id of its first run."""

    async def live(self) -> None:
        """All acts in order."""
        await self._act("The day: people sign up, browse, fill carts, buy", self._day())
        await self._until("An hour later: first cart reminders", timedelta(minutes=90))
        await self._act("Some come back and buy", self._each("returner", Visitor.orders))
        await self._until("Eight days later: tips, thanks, last calls", timedelta(days=8))
        await self._act("Some give back what they bought", self._each("refunder", Visitor.gives_back))
        await self._until("Thirty-one days later: those who stayed away", timedelta(days=31))
        await self._act("Some return", self._return())
        await self._until("Forty days later: the last word", timedelta(days=40))

    # ── people do something ──

    async def _day(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            for visitor in self.visitors:
                group.create_task(self._visit(visitor))
                await asyncio.sleep(1 / ARRIVALS)
                yield

    async def _visit(self, visitor: Visitor) -> None:
        await visits(visitor)
        if visitor.unsubscribes_from:
            await asyncio.to_thread(_unsubscribe, self._service.settings, visitor.id, visitor.unsubscribes_from)
            self._tracker.sent += 1  # the page makes an event of it, which is accepted like any other

    async def _each(self, role: str, does: Callable[[Visitor], None]) -> AsyncIterator[None]:
        for visitor in self._role(role):
            does(visitor)
            await asyncio.sleep(1 / ARRIVALS)
            yield

    async def _return(self) -> AsyncIterator[None]:
        async for _ in self._each("looker", Visitor.browses):
            yield
        async for _ in self._each("buyer", lambda visitor: visitor.orders(2)):
            yield

    def _role(self, role: str) -> list[Visitor]:
        return [visitor for visitor in self.visitors if visitor.role == role]

    async def _act(self, title: str, doings: AsyncIterator[None]) -> None:
        """Let it happen, wait until all that follows at once has followed, and note how long it took."""
        began, task = datetime.now(UTC), self._progress.add_task(title, total=None)
        async for _ in doings:
            self._progress.advance(task)
        await self._tracker.flush()
        async with self._service.database.read() as connection:
            accepted = await accepted_events(connection)
        if accepted != self._tracker.sent:
            raise JourneymanError(f"{self._tracker.sent - accepted} of {self._tracker.sent} events were lost.")
        await self._routed()
        slots = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*[self._come_to(place, self._elapsed, slots) for place in await self._places()])
        async with self._service.database.read() as connection:
            # Nobody has been moved ahead since: these are latencies of the real clock.
            self.took += await latencies(connection, began)
        self._finish(task)

    # ── time passes ──

    async def _until(self, title: str, elapsed: timedelta) -> None:
        """Move every open run from wake to wake until it sleeps beyond that day of the shop."""
        self._elapsed = elapsed
        places, slots = await self._places(), asyncio.Semaphore(AT_ONCE)
        task = self._progress.add_task(title, total=len(places))

        async def one(place: Place) -> None:
            await self._come_to(place, elapsed, slots)
            self._progress.advance(task)

        await asyncio.gather(*map(one, places))
        await self._routed()
        self._finish(task)

    async def _routed(self) -> None:
        while not await self._service.relay.idle():  # noqa: ASYNC110  the relay may be another process
            await asyncio.sleep(0.02)

    async def _places(self) -> list[Place]:
        async with self._service.database.read() as connection:
            return list(dict.fromkeys(place for place, _ in await started_entries(connection)))

    async def _come_to(self, place: Place, elapsed: timedelta, slots: asyncio.Semaphore) -> None:
        """Move the run of this place on until it sleeps beyond that day, or has ended."""
        for _ in range(MOST_STEPS):
            try:
                async with slots, asyncio.timeout(PATIENCE):
                    pause = await self._step(place, elapsed)
            except TimeoutError:
                return  # The tables show it as open.
            if pause is None:
                return
            await asyncio.sleep(pause)

    async def _step(self, place: Place, elapsed: timedelta) -> float | None:
        """Move a run to its next wake; returns how many seconds to leave it alone, or None if there is nothing to do."""
        handle = self._service.client.get_workflow_handle(workflow_id(place))
        description = await handle.describe()
        if description.status is not WorkflowExecutionStatus.RUNNING:
            return None
        first_run = description.raw_description.workflow_execution_info.first_run_id
        if description.run_id != first_run and (rest := await self._rest(handle, description)) > timedelta(0):
            return rest.total_seconds()
        left = await self._timelapse.until_wake(handle)
        if left is None:
            return 0.05
        lived = self._lived.setdefault(first_run, self._elapsed)
        if lived + left > elapsed:
            return None
        async with self._service.database.read() as connection:
            self.held |= await held_messages(connection, place)
        left = max(left, timedelta(0)) + MARGIN
        await self._timelapse.forward(handle, left)
        self._lived[first_run] = lived + left
        return 0

    async def _rest(self, handle: Handle, description: WorkflowExecutionDescription) -> timedelta:
        """What is left of a quiet phase that was prolonged: seconds here, which pass by themselves.

        Moving such a run ahead would move it too far: the server counts what was skipped before once more.
        """
        async for event in handle.fetch_history_events(page_size=1):
            info = description.raw_description.workflow_extended_info.time_skipping_info
            told = event.workflow_execution_started_event_attributes.first_workflow_task_backoff.ToTimedelta()
            return event.event_time.ToDatetime(UTC) + told - info.current_time.ToDatetime(UTC)
        return timedelta(0)

    def _finish(self, task: TaskID) -> None:
        done = self._progress.tasks[task].completed
        self._progress.update(task, total=done, completed=done)


@asynccontextmanager
async def _tracking(settings: Settings) -> AsyncIterator[Tracker]:
    tracker = Tracker(settings)
    try:
        yield tracker
    finally:
        await tracker.close()


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _of_its_own(settings: Settings) -> Settings:
    """The same ports and rules, but an empty shop in a directory below, and nothing that could leave this machine."""
    listening(settings.host, settings.port).close()
    folder = settings.data_dir / "demo"
    _empty(folder)
    own = {"data_dir": folder, "database": "", "public_url": "", "geoip_db": None, "sendgrid_api_key": SecretStr("")}
    return settings.model_copy(update=own)


def _empty(folder: Path) -> None:
    """Remove what an earlier demo left, unless its server still runs."""
    log = folder / "temporal.log"
    if log.exists():
        with log.open("ab") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise SettingsError(f"Another demo uses {folder}; stop it, or set JOURNEYMAN_DATA_DIR.") from None
    shutil.rmtree(folder, ignore_errors=True)


def _unsubscribe(settings: Settings, user_id: str, topic: str) -> None:
    """Press the button behind the link that stands in every marketing email."""
    link = UnsubscribeLinks(settings.secret_key(), settings.front_door).link(user_id, "email", topic)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(link, b"", method="POST"), timeout=10) as answer:  # noqa: S310  our own front door
        answer.read()
