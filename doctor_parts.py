"""Whether the parts answer: the database, Temporal, a worker, the front door."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError
from temporalio.api.enums.v1 import IndexedValueType, TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from connect import connect
from doctor_finding import Finding, broken, warning, well
from errors import SettingsError
from ingestion.sendgrid_webhook import PATH
from settings import Settings
from storage.aside import count_aside
from storage.database import Database
from storage.standing import clock_of, tables_of, try_to_write

ANSWER = timedelta(seconds=5)
"""How long one question may take."""
DRIFT = timedelta(seconds=2)
"""How far two clocks may differ without anybody noticing."""
TOO_FAR = timedelta(seconds=10)
"""A run that wakes sooner than this counts as on time (activities.guard.EARLY)."""
RETENTION = 30
"""Days for which support should be able to read an ended run."""
RECENTLY = timedelta(minutes=5)
LATER = "It is made at the first start of `python worker.py` or `python starter.py serve`."


async def database(settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, of this release, writable, and its clock."""
    try:
        found = Database(settings.database_url)
    except SettingsError as error:
        yield broken("Database", str(error), "Mend JOURNEYMAN_DATABASE.")
        return
    if found.is_sqlite and not _is_there(settings.database_url):
        # To look into a file that is not there would make it.
        yield warning("Database", "there is no database file yet", LATER)
        return
    try:
        await found.check()
        tables = await _tables(found)
        yield tables
        if tables.mark == "well":
            yield await _set_aside(found)
        async for each in _clock(found):
            yield each
    except SettingsError as error:
        yield broken("Database", str(error), "See docs/operate.md, PostgreSQL.")
    except (DBAPIError, OSError) as error:
        yield broken("Database", f"it cannot be read ({type(error).__name__})", "Check the file, or the server's log.")
    finally:
        await found.close()


def _is_there(url: str) -> bool:
    file = make_url(url).database
    return file is None or Path(file).exists()


async def _tables(found: Database) -> Finding:
    match await tables_of(found):
        case "none":
            return warning("Database", "reachable, but it has no tables yet", LATER)
        case "older":
            return warning(
                "Database", "reachable, with the tables of an earlier release", LATER.replace("made", "updated")
            )
        case "unknown":
            return broken("Database", "its tables are of a release that this code does not know", "Update this code.")
    try:
        await try_to_write(found)
    except (DBAPIError, OSError) as error:
        return broken("Database", f"it cannot be written ({type(error).__name__})", "Give its user leave to write.")
    return well("Database", f"{'SQLite' if found.is_sqlite else 'PostgreSQL'}, of this release, can be written")


async def _set_aside(found: Database) -> Finding:
    async with found.read() as connection:
        count = await count_aside(connection)
    if not count:
        return well("Events", "none is set aside")
    told = f"{count} {'is' if count == 1 else 'are'} set aside: no attempt could route {'it' if count == 1 else 'them'}"
    return warning("Events", told, "See `python starter.py events`, mend the journey, then `events replay --all`.")


async def _clock(found: Database) -> AsyncIterator[Finding]:
    before = datetime.now(UTC)
    theirs = await clock_of(found)
    if theirs is None:
        return
    after = datetime.now(UTC)
    drift = max(before - theirs, theirs - after, timedelta(0))
    told = f"the database's clock differs by {drift.total_seconds():.1f} s"
    if drift <= DRIFT:
        yield well("Clock", told)
    elif drift <= TOO_FAR:
        yield warning("Clock", told, "Keep both machines' clocks by NTP.")
    else:
        yield broken("Clock", told, "Keep both machines' clocks by NTP: leases and quiet phases are judged by them.")


async def temporal(settings: Settings) -> AsyncIterator[Finding]:
    """Reachable, with our namespace and search attribute, and somebody works."""
    try:
        client = await connect(settings)
    except SettingsError as error:
        yield broken("Temporal", str(error), "See docs/operate.md, Temporal.")
        return
    try:
        namespace = await _namespace(client)
        yield namespace
        if namespace.mark == "broken":
            return
        yield await _search_attribute(client)
        yield await _worker(client, settings.task_queue)
    except RPCError as error:
        if error.status in (RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.PERMISSION_DENIED):
            yield broken("Temporal", "it does not let us in", "Check TEMPORAL_API_KEY, or the client certificate.")
        else:
            yield broken("Temporal", f"it answered {error.status.name}", "Read the server's log.")


async def _namespace(client: Client) -> Finding:
    try:
        answer = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=ANSWER
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return broken(
            "Temporal", f"there is no namespace {client.namespace}", "Set TEMPORAL_NAMESPACE, or create the namespace."
        )
    days = answer.config.workflow_execution_retention_ttl.ToTimedelta() // timedelta(days=1)
    told = f"reachable; the namespace {client.namespace} keeps ended runs for {days} days"
    if days < RETENTION:
        return warning(
            "Temporal",
            told,
            f"Keep them longer: temporal operator namespace update -n {client.namespace} --retention 90d",
        )
    return well("Temporal", told)


async def _search_attribute(client: Client) -> Finding:
    advice = "temporal operator search-attribute create --name UserId --type Keyword"
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=ANSWER
        )
    except RPCError as error:
        return warning(
            "Search attribute", f"the server does not tell which there are ({error.status.name})",
            "See in its console that UserId is there, as a Keyword.",
        )  # fmt: skip
    if "UserId" not in answer.custom_attributes:
        return broken("Search attribute", "UserId is not there, so no journey can start", advice)
    if answer.custom_attributes["UserId"] != IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD:
        return broken("Search attribute", "UserId is there, but is no Keyword", f"Remove it, then: {advice}")
    return well("Search attribute", "UserId is there")


async def _worker(client: Client, queue: str) -> Finding:
    for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace, task_queue=TaskQueue(name=queue), task_queue_type=kind
            ),
            timeout=ANSWER,
        )
        seen = [poller.last_access_time.ToDatetime(UTC) for poller in answer.pollers]
        if not any(datetime.now(UTC) - moment < RECENTLY for moment in seen):
            return broken(
                "Worker", f"nobody works on the task queue {queue}",
                "Start `python worker.py`, with the same JOURNEYMAN_TASK_QUEUE as here.",
            )  # fmt: skip
    return well("Worker", f"somebody works on the task queue {queue}")


async def front_door(settings: Settings) -> AsyncIterator[Finding]:
    """The front door answers where people reach it, and so does the route of SendGrid's webhooks."""
    # Only what is on another machine may be behind a proxy.
    async with httpx.AsyncClient(timeout=ANSWER.total_seconds(), trust_env=bool(settings.public_url)) as http:
        try:
            answer = await http.get(f"{settings.front_door}/health")
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            yield warning(
                "Front door", f"it does not answer at {settings.front_door} ({type(error).__name__})",
                "Start `python starter.py serve`, or correct JOURNEYMAN_PUBLIC_URL.",
            )  # fmt: skip
            return
        if answer.status_code == 200:
            yield well("Front door", f"answers at {settings.front_door}")
        else:
            yield broken(
                "Front door",
                f"{settings.front_door}/health answered {answer.status_code}",
                "Read the front door's log.",
            )
        if settings.webhook_key is not None:
            # Without a signature: the route answers that one is missing, and takes nothing.
            reached = await http.post(f"{settings.front_door}{PATH}", content=b"[]")
            if reached.status_code == 401:
                yield well("SendGrid's webhooks", f"the key can be read, and {PATH} answers")
            else:
                yield broken(
                    "SendGrid's webhooks", f"{PATH} answered {reached.status_code}",
                    "Start the front door with SENDGRID_WEBHOOK_KEY, and let the proxy pass /v1/.",
                )  # fmt: skip
