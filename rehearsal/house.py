"""Where rehearsals are played: the shipped accept, router and activities, on a database of their own in a temporary folder."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from activities.policy import Policy
from activities.rendering import Templates
from activities.send import Sender
from context.location import Places
from context.stores import Store, read_stores
from ingestion.opaque import Opaque
from ingestion.router import Router
from settings import ROOT, Settings
from storage.database import Database
from storage.migrate import migrate
from worker import sender_of
from workflows.catalogue import Catalogue

from .remembered import Remembering

SECRET = "of a rehearsal, from which nothing leaves"  # noqa: S105  it guards nothing


_empty: list[bytes] = []
"""A database of this release with nothing in it, once it was made: that takes longer than a rehearsal."""

_read: dict[object, Templates] = {}
"""The templates as they were when these files had these times; to read them takes longest of all."""


@dataclass(frozen=True)
class House:
    """What all scenes share. No provider is there, whatever the environment says: every message stays in the outbox."""

    database: Database
    catalogue: Catalogue
    acceptor: Remembering
    router: Router
    sender: Sender
    policy: Policy
    stores: tuple[Store, ...]


@asynccontextmanager
async def housed(*journeys: str, rules: dict[str, Any] | None = None) -> AsyncIterator[House]:
    """A house for these journeys, or for all. `rules` are settings in place of those of the environment, such as caps.

    Raises JourneyError for a journey that there is not.
    """
    known = Catalogue.load()
    wanted = [known[name] for name in journeys] if journeys else list(known)
    # What would happen to those who are let in: a rehearsal holds nobody out.
    catalogue = Catalogue(replace(each, journey=replace(each.journey, holdout=0)) for each in wanted)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        file = Path(folder) / "journeyman.db"
        file.write_bytes(await _migrated())
        settings = _settings(Path(folder), rules or {})
        database = Database(f"sqlite:///{file}", durable=False)
        stores = tuple(read_stores(settings.stores))
        try:
            yield House(
                database,
                catalogue,
                Remembering(
                    database,
                    relevant=catalogue.relevant,
                    places=Places(settings.geoip_path, stores, settings.default_zone),
                    opaque=Opaque(SECRET),
                    dates=settings.dates(),
                ),
                Router(database, catalogue, settings.lateness),
                sender_of(settings, database, catalogue, {}, _templates(settings)),
                settings.policy,
                stores,
            )
        finally:
            await database.close()


def _settings(folder: Path, rules: dict[str, Any]) -> Settings:
    """Those in force, with nothing in them that leads out of the folder."""
    nowhere = {"data_dir": folder, "database": "", "secret": SecretStr(SECRET), "webhooks": SecretStr(""), "rates": ""}
    return Settings.read().model_copy(update=nowhere | rules)


async def _migrated() -> bytes:
    if not _empty:
        with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
            file = Path(folder) / "empty.db"
            database = Database(f"sqlite:///{file}", durable=False)
            try:
                await migrate(database)
            finally:
                await database.close()
            _empty.append(file.read_bytes())
    return _empty[0]


def _templates(settings: Settings) -> Templates:
    files = sorted((ROOT / "templates").rglob("*.liquid"))
    state = (settings.shop, *((file, file.stat().st_mtime_ns) for file in files))
    if state not in _read:
        _read.clear()
        _read[state] = Templates(ROOT / "templates", shop=settings.shop)
    return _read[state]
