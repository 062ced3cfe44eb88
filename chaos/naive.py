"""What the claim is compared with: a sender that looks into its record, calls, and then records, as people write it."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Column, MetaData, String, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.channels.envelope import Envelope, Provider
from errors import ProviderError, Refused, TryLater
from messages import RenderedEmail
from storage.database import Database

from .offering import Again

RETRY = 1.0
metadata = MetaData()
records = Table(
    "naive_records",
    metadata,
    Column("send_key", String(64), primary_key=True),
    Column("status", String(10), nullable=False),
    Column("at", String(40), nullable=False),
)


class Naive:
    """Retries what failed, and never sends what is recorded as sent."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    async def prepare(self) -> None:
        """Make its table."""
        async with self._database.write() as connection:
            await connection.run_sync(metadata.create_all)

    async def once(self, send_key: str) -> None:
        """One attempt; raises Again where a retry policy would try once more."""
        async with self._database.read() as connection:
            if await self._recorded(connection, send_key):
                return
        try:
            await self._provider.send(_envelope(send_key))
        except Refused:
            await self._record(send_key, "refused")
        except TryLater as error:
            raise Again(error.after.total_seconds()) from None
        except ProviderError:
            raise Again(RETRY) from None
        else:
            await self._record(send_key, "sent")

    async def _recorded(self, connection: AsyncConnection, send_key: str) -> bool:
        query = select(records.c.status).where(records.c.send_key == send_key)
        return (await connection.execute(query)).first() is not None

    async def _record(self, send_key: str, status: str) -> None:
        row = {"send_key": send_key, "status": status, "at": datetime.now(UTC).isoformat()}
        async with self._database.write() as connection:
            await connection.execute(self._database.insert(records).on_conflict_do_nothing(), row)


def _envelope(send_key: str) -> Envelope:
    return Envelope(
        send_key=send_key,
        user_id="somebody",
        channel="email",
        template="win_back/last_offer",
        topic="win_back",
        kind="marketing",
        rendered=RenderedEmail("An offer", "One last thing", "<p>Come back</p>", "Come back"),
        address="somebody@example.com",
    )
