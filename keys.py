"""What an operator does with keys: give one out, look at them, take one back."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from connect import opened
from errors import SettingsError
from ingestion.keys import Scope, digest_of, new_key
from settings import Settings
from storage.keys import GivenKey, add_key, given_keys, revoke_key
from workflows.clock import shown, zone_of

LONGEST_NAME = 100
COLUMNS = (Column("Id", no_wrap=True), "Name", "Scopes", "Given out", "Taken back")


@dataclass(frozen=True)
class GivenKeys:
    """All keys that were given out; none of them can be read here, or anywhere."""

    lines: list[GivenKey]

    def table(self, zone_name: str) -> RenderableType:
        """For people; times are in the shop's zone."""
        if not self.lines:
            return Text(
                "No key was given out but those of the environment: python starter.py keys add NAME --scope write"
            )
        zone = zone_of(zone_name)
        table = Table(*COLUMNS, box=None, header_style="bold", pad_edge=False)
        for line in self.lines:
            revoked = shown(line.revoked_at, zone) if line.revoked_at else ""
            cells = (line.id, line.name, ", ".join(sorted(line.scopes)), shown(line.created_at, zone), revoked)
            table.add_row(*map(Text, cells))
        return Group(table, Text(f"Times are in {zone.key}.", style="dim"))

    def plain(self) -> dict[str, Any]:
        """For machines."""
        lines = [
            {
                "id": line.id,
                "name": line.name,
                "scopes": sorted(line.scopes),
                "created_at": line.created_at.isoformat(),
                "revoked_at": line.revoked_at and line.revoked_at.isoformat(),
            }
            for line in self.lines
        ]
        return {"keys": lines}


async def keys_of(settings: Settings) -> GivenKeys:
    """Every key that was given out, those taken back as well."""
    async with opened(settings) as database, database.read() as connection:
        return GivenKeys(await given_keys(connection))


async def give_out(settings: Settings, name: str, scopes: Iterable[Scope]) -> tuple[str, str]:
    """(id, key) of a new key with these scopes. The key can be read here only, and only now."""
    if not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise SettingsError(f"NAME: who gets the key, in 1 to {LONGEST_NAME} characters.")
    key, key_id = new_key(), f"k-{secrets.token_hex(4)}"
    given = GivenKey(key_id, digest_of(key), name.strip(), frozenset(scopes), datetime.now(UTC))
    async with opened(settings) as database, database.write() as connection:
        await add_key(connection, given)
    return key_id, key


async def take_back(settings: Settings, key_id: str) -> str:
    """Revoke a key; returns a line for people. SettingsError where there is none of that id that is in force."""
    async with opened(settings) as database, database.write() as connection:
        if not await revoke_key(connection, key_id, datetime.now(UTC)):
            raise SettingsError(f"No key {key_id} is in force; `python starter.py keys` shows those that are.")
    return f"Taken back: {key_id}. Within a second no front door lets it in."
