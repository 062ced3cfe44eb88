"""Whether this installation is fit to write to people, check by check, and what to do where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from doctor_brokers import brokers
from doctor_finding import Finding, broken, well
from doctor_parts import database, front_door, temporal
from doctor_providers import endpoints, firebase, sendgrid
from doctor_settings import files, journeys, keys, public_url, shop
from errors import SettingsError
from settings import Settings

CHECKS: tuple[Callable[[Settings], AsyncIterator[Finding]], ...] = (
    database, temporal, journeys, keys, public_url, front_door, brokers, sendgrid, firebase, endpoints, shop, files,
)  # fmt: skip
PATIENCE = 20.0
"""Seconds that one check may take; each bounds its own questions below that."""
MARKS = {"well": ("✓", "green"), "warning": ("!", "yellow"), "broken": ("✗", "red")}


async def examine(read: Callable[[], Settings] = Settings.read) -> list[Finding]:
    """Everything that was found, in a fixed order. Nothing is changed, and no secret is repeated."""
    try:
        settings = read()
    except SettingsError as error:
        return [broken("Settings", str(error), "Correct it; nothing else can be looked at before.")]
    found = await asyncio.gather(*(_patiently(check, settings) for check in CHECKS))
    return [well("Settings", "can be read"), *(each for findings in found for each in findings)]


async def _patiently(check: Callable[[Settings], AsyncIterator[Finding]], settings: Settings) -> list[Finding]:
    findings: list[Finding] = []
    name = check.__name__.replace("_", " ").capitalize()
    try:
        async with asyncio.timeout(PATIENCE):
            async for finding in check(settings):
                findings.append(finding)  # noqa: PERF401  what was found before an error is kept
    except TimeoutError:
        findings.append(broken(name, f"no answer within {PATIENCE:g} s", "Check the network to it."))
    except Exception as error:
        # One check that fails must not hide the others; its words may hold anything.
        findings.append(broken(name, f"could not be looked at ({type(error).__name__})", "Tell a developer."))
    return findings


def is_well(findings: Sequence[Finding]) -> bool:
    """Whether nothing is broken; warnings may stay."""
    return all(finding.mark != "broken" for finding in findings)


def table(findings: Sequence[Finding]) -> RenderableType:
    """For people."""
    lines = Table(Column(no_wrap=True), Column(no_wrap=True), Column(), box=None, show_header=False, pad_edge=False)
    for finding in findings:
        mark, colour = MARKS[finding.mark]
        told = Text(finding.found)
        if finding.todo:
            told.append(f"\n{finding.todo}", style="dim")
        lines.add_row(Text(mark, style=colour), Text(finding.check, style="bold"), told)
    count = sum(finding.mark == "broken" for finding in findings)
    end = "Nothing is in the way." if not count else f"{count} thing{'' if count == 1 else 's'} to mend."
    return Group(lines, Text(f"\n{end}", style="bold"))


def plain(findings: Sequence[Finding]) -> dict[str, Any]:
    """For machines."""
    return {"well": is_well(findings), "checks": [asdict(finding) for finding in findings]}
