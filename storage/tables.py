"""Which facts are kept, and under which keys."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.engine import Dialect


class Moment(TypeDecorator[datetime]):
    """An aware datetime, in UTC; SQLite would forget the zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Exact(TypeDecorator[Decimal]):
    """A decimal amount kept to the last digit, as text; SQLite has only floats."""

    impl = String(40)
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:
        return None if value is None else str(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value)


metadata = MetaData()
BigId = BigInteger().with_variant(Integer, "sqlite")

people = Table(
    "people",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("traits", JSON, nullable=False),
    Column("zone", String(64)),
    Column("seen_zone", String(64)),
    Column("country", String(2)),
    Column("language", String(35)),
    Column("created_at", Moment, nullable=False),
    Column("last_seen_at", Moment),
    Column("last_order_at", Moment),
    Column("orders", Integer, nullable=False),
    Column("spent", Exact, nullable=False),
    Column("currency", String(3)),
    Column("categories", JSON, nullable=False),
    Column("tokens", JSON, nullable=False),
    Column("hours", JSON, nullable=False, server_default="{}"),
    Column("devices", JSON, nullable=False, server_default="{}"),
)

anonymous = Table(
    "anonymous",
    metadata,
    Column("anonymous_id", String(200), primary_key=True),
    Column("user_id", String(200), nullable=False, index=True),
)

events = Table(
    "events",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=True),
    Column("event_id", String(200), nullable=False, unique=True),
    Column("digest", String(64), nullable=False),
    Column("user_id", String(200)),
    Column("anonymous_id", String(200)),
    Column("name", String(200), nullable=False),
    Column("occurred_at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
    Column("properties", JSON, nullable=False),
    Column("context", JSON, nullable=False),
    Index("events_of_person", "user_id", "name", "occurred_at"),
    Index("events_by_order", "user_id", "seq"),
    Index(
        "events_of_nobody",
        "anonymous_id",
        sqlite_where=text("user_id IS NULL"),
        postgresql_where=text("user_id IS NULL"),
    ),
    sqlite_autoincrement=True,
)

carts = Table(
    "carts",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("cart_id", String(200), primary_key=True),
    Column("products", JSON, nullable=False),
    Column("value", Exact, nullable=False),
    Column("currency", String(3)),
    Column("touched_at", Moment, nullable=False),
    Column("closed_at", Moment),
    Column("current", Boolean, nullable=False, server_default=false()),
)

routing = Table(
    "routing",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("user_id", String(200), nullable=False),
    Column("not_before", Moment),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("problem", Text),
    Column("failing_since", Moment),
    Index("routing_of_person", "user_id", "seq"),
)
"""The transactional outbox: events that Temporal has not acknowledged yet.

`failing_since` is null unless the event itself is at fault; `attempts` count from there.
"""

set_aside = Table(
    "set_aside",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("user_id", String(200), nullable=False, index=True),
    Column("problem", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("at", Moment, nullable=False),
)
"""Events that no attempt could route, so that they do not hold back their person's later ones."""

UNSETTLED = text("state IN ('waiting', 'starting')")
"""Which entries their index holds. SQLite goes by it only where a statement says the same in the same words."""

entries = Table(
    "entries",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("journey", String(100), nullable=False),
    Column("user_id", String(200), nullable=False),
    Column("key", String(200), nullable=False),
    Column("event_id", String(200), nullable=False),
    Column("seq", BigId, nullable=False),
    Column("entered_at", Moment, nullable=False),
    Column("state", String(10), nullable=False),
    Column("moved_at", Moment, nullable=False),
    Column("reason", Text),
    Column("arms", JSON, nullable=False, server_default="{}"),
    UniqueConstraint("journey", "user_id", "key", "event_id"),
    Index("entries_unsettled", "state", sqlite_where=UNSETTLED, postgresql_where=UNSETTLED),
)
"""Who entered which journey because of which event; `state` is waiting, starting, started, dropped or holdout."""

assignments = Table(
    "assignments",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("experiment", String(120), primary_key=True),
    Column("arm", String(100), nullable=False),
    Column("at", Moment, nullable=False),
)
"""The arm of each experiment that a person was drawn for, once; empty for who takes part in another of its group."""

open_runs = Table(
    "open_runs",
    metadata,
    Column("journey", String(100), primary_key=True),
    Column("user_id", String(200), primary_key=True),
    Column("key", String(200), primary_key=True),
    Column("entry_id", String(200), nullable=False),
    Column("entry_seq", BigId, nullable=False),
    Column("first_run_id", String(36)),
    Column("state", String(10), nullable=False),
    Column("begun_seq", BigId),
    Column("due_at", Moment, nullable=False),
    Index("open_runs_of_person", "user_id"),
    Index(
        "open_runs_ending", "state", sqlite_where=text("state = 'ending'"), postgresql_where=text("state = 'ending'")
    ),
)
"""Runs that may be open: too many perhaps, never too few. `state` is open or ending; `begun_seq` is null before the journey began."""

sends = Table(
    "sends",
    metadata,
    Column("send_key", String(64), primary_key=True),
    Column("step_key", String(64), nullable=False, index=True),
    Column("user_id", String(200), nullable=False),
    Column("journey", String(100), nullable=False),
    Column("key", String(200), nullable=False),
    Column("entry_id", String(200), nullable=False),
    Column("step", String(300), nullable=False),
    Column("channel", String(10)),
    Column("template", String(200)),
    Column("topic", String(50)),
    Column("kind", String(15)),
    Column("status", String(10), nullable=False),
    Column("reason", Text),
    Column("provider", String(20)),
    Column("provider_id", String(200)),
    Column("at", Moment, nullable=False),
    Column("machine_at", Moment, nullable=False),
    Column("until", Moment),
    Column("fence", Integer, nullable=False),
    Column("resent", Boolean, nullable=False, server_default=false()),
    Column("priority", Integer, nullable=False, server_default=text("3")),
    Column("address_hash", String(64)),
    Column("took_ms", Integer),
    Index("sends_of_person", "user_id", "at"),
    Index("sends_by_status", "status"),
)
"""The ledger: every decision about a message. `at` is journey time, `machine_at` and `until` of a claim are machine time."""

outbox = Table(
    "outbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("send_key", String(64), nullable=False, unique=True),
    Column("user_id", String(200), nullable=False),
    Column("channel", String(10), nullable=False),
    Column("template", String(200), nullable=False),
    Column("rendered", JSON, nullable=False),
    Column("sent_at", Moment, nullable=False),
    Column("read_at", Moment),
    Column("expires_at", Moment),
    Index("outbox_of_person", "user_id", "id"),
)
"""Rendered messages that stay here: everything in-app, and email and push while no provider is set.

`sent_at` and `expires_at` are journey time, `read_at` is machine time.
"""

consents = Table(
    "consents",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("channel", String(10), primary_key=True),
    Column("topic", String(50), primary_key=True),
    Column("given", Boolean, nullable=False),
    Column("reason", String(50), nullable=False),
    Column("at", Moment, nullable=False),
)
"""What a person has asked for and asked not to get, last word first; `*` stands for every channel or every topic."""

unreachable = Table(
    "unreachable",
    metadata,
    Column("channel", String(10), primary_key=True),
    Column("address_hash", String(64), primary_key=True),
    Column("reason", String(200), nullable=False),
    Column("at", Moment, nullable=False),
)
"""Addresses that a provider has said to be dead, as keyed hashes; whoever has one of them is not sent to it."""

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(200), primary_key=True),
    Column("send_key", String(64), nullable=False, index=True),
    Column("event", String(30), nullable=False),
    Column("by_machine", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
    Column("received_at", Moment, nullable=False),
)
"""What providers' webhooks have told of each message, once per the provider's own event id."""

enrolments = Table(
    "enrolments",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("journey", String(100), nullable=False),
    Column("segment", String(100), nullable=False),
    Column("cursor", String(200), nullable=False, server_default=""),
    Column("counts", JSON, nullable=False),
    Column("started_at", Moment, nullable=False),
    Column("moved_at", Moment, nullable=False),
    Column("finished_at", Moment),
)
"""Existing people let into a journey: everybody up to the user id `cursor` has been looked at; `counts` by outcome."""

keys = Table(
    "keys",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(100), nullable=False),
    Column("scopes", String(100), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("revoked_at", Moment),
)
"""Keys that were given out to clients, as SHA-256 hashes; `scopes` separated by spaces."""

population = Table(
    "population",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("begun_at", Moment, nullable=False),
    Column("taken_at", Moment),
    Column("people", Integer, nullable=False),
    Column("buyers", Integer, nullable=False),
    Column("cuts", JSON, nullable=False),
)
"""All buyers together: one row, with the values at which each score begins, as they were at `taken_at`."""

memberships = Table(
    "memberships",
    metadata,
    Column("user_id", String(200), primary_key=True),
    Column("segment", String(100), primary_key=True),
    Column("times", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("inside", Boolean, nullable=False),
)
"""Who was in a segment that a journey starts on when last judged: since `at` inside, or outside, entered for so many times."""

watched = Table(
    "watched",
    metadata,
    Column("segment", String(100), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("judged_at", Moment),
)
"""Segments that journeys start on. Whoever was known at `since` and is inside when everybody is judged for the first time was
there already, and enters nothing; `judged_at` is the last time that everybody was."""

products = Table(
    "products",
    metadata,
    Column("product_id", String(200), primary_key=True),
    Column("name", String(500), nullable=False),
    Column("category", String(500)),
    Column("brand", String(500)),
    Column("price", Exact),
    Column("currency", String(3)),
    Column("url", String(1000)),
    Column("image_url", String(1000)),
    Column("stock", BigInteger),
    Column("replenish_days", Integer),
)
"""The catalogue. `stock` is null where it is not counted, `replenish_days` where a person buys the product once."""

models = Table(
    "models",
    metadata,
    Column("version", BigId, primary_key=True, autoincrement=True),
    Column("made_at", Moment, nullable=False),
    Column("body", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)
"""What training has learned; the highest version holds."""
