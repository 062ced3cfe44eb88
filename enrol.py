"""What an operator is shown while existing people are let into a journey, and what became of them in the end."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from connect import opened
from errors import SettingsError
from ingestion.enrolment import ENTERED, OUTSIDE, Enroller
from settings import Settings
from storage.database import Database
from storage.enrolments import Enrolment, add_enrolment, count_known, enrolment_at, unfinished
from workflows.catalogue import Catalogue

AUTOMATIC = "automatic"


async def enrol(
    settings: Settings, journey: str, segment: str, *, rate: float, dry_run: bool, resume: str, console: Console
) -> str:
    """Let them in, or only count; returns the account for people. JourneymanError for what is not there."""
    catalogue = Catalogue.load()
    async with opened(settings) as database:
        enroller = Enroller(database, catalogue, journey, segment, rate=rate, holdout=settings.holdout)
        if dry_run:
            enrolment, is_known = _fresh(journey, segment), False
            steps = enroller.rehearse(enrolment)
        else:
            enrolment, is_known = await _begun(database, journey, segment, resume)
            steps = enroller.enrol(enrolment)
        if is_known:
            console.print(f"Going on with {enrolment.id}, begun {enrolment.started_at:%Y-%m-%d %H:%M} UTC.")
        enrolment = await _watched(database, enroller, enrolment, steps, console)
    return account(enrolment, dry_run=dry_run)


def account(enrolment: Enrolment, *, dry_run: bool) -> str:
    """How many entered, and why the others did not."""
    into = f"{enrolment.segment} into {enrolment.journey}"
    head = f"Nothing was changed. {into} would be:" if dry_run else f"Enrolment {enrolment.id}, {into}:"
    others = enrolment.counts.copy()
    entered, _ = others.pop(ENTERED, 0), others.pop(OUTSIDE, 0)
    lines = [head, f"{entered:>10,}  entered", f"{others.total():>10,}  not entered"]
    return "\n".join(lines + [f"{count:>10,}    {reason}" for reason, count in others.most_common()])


async def _begun(database: Database, journey: str, segment: str, resume: str) -> tuple[Enrolment, bool]:
    """The enrolment to go on with, or a new one; and whether it was begun before."""
    async with database.write() as connection:
        if resume != AUTOMATIC:
            found = await enrolment_at(connection, resume)
            if found is None or (found.journey, found.segment) != (journey, segment):
                raise SettingsError(f"There is no enrolment {resume} of {segment} into {journey}; leave --resume out.")
            if found.finished_at is not None:
                raise SettingsError(f"The enrolment {resume} has come to its end; leave --resume out to begin another.")
            return found, True
        if (found := await unfinished(connection, journey, segment)) is not None:
            return found, True
        fresh = _fresh(journey, segment)
        await add_enrolment(connection, fresh)
        return fresh, False


def _fresh(journey: str, segment: str) -> Enrolment:
    return Enrolment(f"e-{secrets.token_hex(5)}", journey, segment, datetime.now(UTC))


async def _watched(
    database: Database,
    enroller: Enroller,
    enrolment: Enrolment,
    steps: AsyncGenerator[Enrolment, None],
    console: Console,
) -> Enrolment:
    async with database.read() as connection:
        total = await count_known(connection, enrolment.started_at)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("0 entered", total=total, completed=enrolment.counts.total())
        async with aclosing(steps) as told:
            async for enrolment in told:
                description = f"{enrolment.counts[ENTERED]:,} entered"
                progress.update(task, completed=enrolment.counts.total(), description=description)
    return enrolment
