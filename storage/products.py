"""The catalogue: what is sold, for how much, and what is in stock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Recommended

from .database import Database
from .people import upsert
from .prepared import Prepared, among
from .tables import products

OF_IDS = Prepared(lambda dialect: select(products).where(among(products.c.product_id, "ids", dialect)))
ANY = select(products.c.product_id).limit(1)
ALL = select(products.c.product_id)
COUNT = select(func.count()).select_from(products)
TAKEN_OUT = delete(products).where(products.c.product_id == bindparam("gone"))


@dataclass(frozen=True)
class Offer:
    """One row of the catalogue."""

    product_id: str
    name: str
    category: str | None = None
    brand: str | None = None
    price: Decimal | None = None
    currency: str | None = None
    url: str | None = None
    image_url: str | None = None
    stock: int | None = None
    replenish_days: int | None = None

    def fits(self, bought_at: datetime | None, now: datetime) -> bool:
        """Whether it can be had, and wanted again by somebody who last bought it then."""
        if self.stock is not None and self.stock <= 0:
            return False
        if bought_at is None:
            return True
        return self.replenish_days is not None and now - bought_at >= timedelta(days=self.replenish_days)

    def recommended(self) -> Recommended:
        """As a journey and a template know it."""
        facts = {name: value for name, value in vars(self).items() if name not in ("stock", "replenish_days")}
        return Recommended.model_validate(facts)


async def offers_of(connection: AsyncConnection, ids: Collection[str]) -> dict[str, Offer] | None:
    """Those of these products that the catalogue has; None where there is no catalogue."""
    if await connection.scalar(ANY) is None:
        return None
    return {row[0]: Offer(*row) for row in await OF_IDS.rows(connection, ids=sorted(set(ids)))} if ids else {}


async def all_ids(connection: AsyncConnection) -> frozenset[str]:
    """Every product of the catalogue."""
    return frozenset((await connection.execute(ALL)).scalars())


async def put_offers(database: Database, connection: AsyncConnection, offers: Sequence[Offer]) -> Mapping[str, int]:
    """Write these; returns how many were new, changed, and the same as before."""
    before = await offers_of(connection, [offer.product_id for offer in offers]) or {}
    # The last line of a file holds; PostgreSQL refuses to write one row twice in a statement.
    wanted = {offer.product_id: offer for offer in offers}
    changed = [offer for offer in wanted.values() if before.get(offer.product_id) != offer]
    if changed:
        rows: list[dict[str, Any]] = [vars(offer) for offer in changed]
        await upsert(database, connection, products, rows)
    new = sum(offer.product_id not in before for offer in changed)
    return {"new": new, "changed": len(changed) - new, "same": len(offers) - len(changed)}


async def take_out(connection: AsyncConnection, ids: Collection[str]) -> None:
    """These are not sold any more."""
    if ids:
        await connection.execute(TAKEN_OUT, [{"gone": each} for each in sorted(ids)])


async def count_offers(connection: AsyncConnection) -> int:
    """How many products the catalogue has."""
    return await connection.scalar(COUNT) or 0
