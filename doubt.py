"""What support is shown of messages in doubt, and what it is told when it settles one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from connect import opened
from errors import NotInDoubt, SettingsError
from settings import Settings
from storage.doubts import BY_A_PERSON, Verdict, doubts, lines_beginning, settle_doubt
from storage.ledger import Send
from workflows.clock import shown, zone_of

SHOWN = 12
"""Characters of a send key that are shown; enough to tell it from every other."""
COLUMNS = (
    Column("Send key", no_wrap=True),
    "User",
    "Journey",
    "Step",
    "Channel",
    "Since",
    "Until",
    "Kind, and what comes next",
)


@dataclass(frozen=True)
class Doubts:
    """Messages in doubt: `count` in all, of which `lines` are the oldest."""

    count: int
    lines: list[Send]

    def table(self, zone_name: str) -> RenderableType:
        """For people; times are in the shop's zone."""
        if not self.lines:
            return Text("No message is in doubt.")
        zone = zone_of(zone_name)
        table = Table(*COLUMNS, box=None, header_style="bold", pad_edge=False)
        for line in self.lines:
            until = shown(line.until, zone) if line.until else ""
            key, policy = line.send_key[:SHOWN], f"{line.kind}: {policy_of(line)}"
            cells = (
                key,
                line.user_id,
                line.journey,
                line.step,
                line.channel or "",
                shown(line.machine_at, zone),
                until,
                policy,
            )
            table.add_row(*map(Text, cells))
        more = f", of which these are the oldest {len(self.lines)}" if self.count > len(self.lines) else ""
        head = f"{self.count} message{'' if self.count == 1 else 's'} in doubt{more}. Times are in {zone.key}."
        how = "Settle one: python starter.py unknown settle SEND_KEY accepted|refused --reason ..."
        return Group(Text(head), table, Text(how, style="dim"))

    def plain(self) -> dict[str, Any]:
        """For machines."""
        lines = [
            {
                "send_key": line.send_key,
                "user": line.user_id,
                "journey": line.journey,
                "step": line.step,
                "channel": line.channel,
                "since": line.machine_at.isoformat(),
                "until": line.until.isoformat() if line.until else None,
                "kind": line.kind,
                "policy": policy_of(line),
                "reason": line.reason,
            }
            for line in self.lines
        ]
        return {"count": self.count, "messages": lines}


async def doubts_of(settings: Settings, limit: int) -> Doubts:
    """The messages that have been in doubt for longest."""
    async with opened(settings) as database, database.read() as connection:
        return Doubts(*await doubts(connection, limit))


async def settle(settings: Settings, send_key: str, verdict: Verdict, reason: str, by: str) -> str:
    """Settle the message whose key begins so; returns a line for people.

    SettingsError where there is no such message, NotInDoubt where nothing is left to settle.
    """
    beginning = send_key.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{8,64}", beginning):
        raise SettingsError(
            "That is no send key: give at least its first 8 characters, as `python starter.py unknown` shows."
        )
    if not reason.strip():
        raise SettingsError("Say how you know with --reason; the person's story shows it.")
    async with opened(settings) as database:
        async with database.read() as connection:
            found = await lines_beginning(connection, beginning)
        if not found:
            raise SettingsError(f"The ledger has no message {beginning}.")
        if len(found) > 1:
            raise SettingsError(f"Several messages begin with {beginning}; give more of the key.")
        words = f"{BY_A_PERSON}{by.strip() or 'somebody'}: {reason.strip()}"[:500]
        settled = found[0].status == "unknown" and await settle_doubt(
            database, found[0], verdict, words, datetime.now(UTC)
        )
        if not settled:
            async with database.read() as connection:
                (line,) = await lines_beginning(connection, found[0].send_key)
            told = f", {line.reason}" if line.reason else ""
            raise NotInDoubt(f"{beginning} is not in doubt: {line.status}{told}. Nothing was changed.")
    return f"Settled: {found[0].channel} {found[0].template} to {found[0].user_id} counts as {verdict}."


def policy_of(line: Send) -> str:
    """What becomes of a message in doubt if nobody says more."""
    if line.channel == "webhook" and line.resent:
        return "may have arrived, and is not called again"
    if line.kind == "marketing" and line.channel != "push":
        return "is not sent again"
    return "was sent once more and is in doubt again" if line.resent else "is sent once more if its journey still waits"
