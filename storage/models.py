"""Which model holds: published whole by one process, found by every other with its next question."""

from __future__ import annotations

import asyncio
from datetime import datetime

import structlog
from sqlalchemy import bindparam, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from profiles.model import Model

from .database import Database
from .tables import models

KEPT = 3
"""Versions that are kept: a process may just be reading the one before."""
NEWEST = select(func.max(models.c.version))
BODY = select(models.c.body).where(models.c.version == bindparam("wanted"))
log = structlog.get_logger()


async def publish(connection: AsyncConnection, body: bytes, made_at: datetime) -> int:
    """The version by which it is known; it holds from the commit on."""
    result = await connection.execute(insert(models).values(made_at=made_at, body=body).returning(models.c.version))
    version = int(result.scalar_one())
    await connection.execute(delete(models).where(models.c.version <= version - KEPT))
    return version


class Models:
    """The model that holds, read once for each version. While a new one is read, the one before still answers."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version: int | None = None
        self._model: Model | None = None
        self._reading = asyncio.Lock()

    async def newest(self) -> Model | None:
        """None before the first training; of one that this release cannot read the log says so once, and the one before holds."""
        async with self._database.read() as connection:
            version = await connection.scalar(NEWEST)
        if version == self._version or (self._reading.locked() and self._model is not None):
            return self._model
        async with self._reading:
            if version != self._version:
                await self._read(version)
        return self._model

    async def _read(self, version: int | None) -> None:
        if version is None:
            self._version = self._model = None
            return
        async with self._database.read() as connection:
            body = await connection.scalar(BODY, {"wanted": version})
        if body is None:
            return  # a newer one has taken its place; the next question finds it
        try:
            self._model = await asyncio.to_thread(Model.unpacked, bytes(body))
            log.info("a model was loaded", version=version, products=len(self._model.recommender.ids))
        except ValueError as error:
            log.error("the model cannot be read; train again with this release", version=version, problem=str(error))
        self._version = version
