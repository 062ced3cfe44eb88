"""first release."""

import sqlalchemy as sa
from alembic import op

from storage.tables import Exact, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "anonymous",
        sa.Column("anonymous_id", sa.String(length=200), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("anonymous_id"),
    )
    with op.batch_alter_table("anonymous", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_anonymous_user_id"), ["user_id"], unique=False)

    op.create_table(
        "carts",
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("cart_id", sa.String(length=200), nullable=False),
        sa.Column("products", sa.JSON(), nullable=False),
        sa.Column("value", Exact(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("touched_at", Moment(timezone=True), nullable=False),
        sa.Column("closed_at", Moment(timezone=True), nullable=True),
        sa.Column("current", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "cart_id"),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("journey", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("entered_at", Moment(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("moved_at", Moment(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("journey", "user_id", "key", "event_id"),
    )
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.create_index(
            "entries_unsettled",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'starting')"),
            postgresql_where=sa.text("state IN ('waiting', 'starting')"),
        )

    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("event_id", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=True),
        sa.Column("anonymous_id", sa.String(length=200), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("occurred_at", Moment(timezone=True), nullable=False),
        sa.Column("received_at", Moment(timezone=True), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("event_id"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index("events_by_order", ["user_id", "seq"], unique=False)
        batch_op.create_index(
            "events_of_nobody",
            ["anonymous_id"],
            unique=False,
            sqlite_where=sa.text("user_id IS NULL"),
            postgresql_where=sa.text("user_id IS NULL"),
        )
        batch_op.create_index("events_of_person", ["user_id", "name", "occurred_at"], unique=False)

    op.create_table(
        "open_runs",
        sa.Column("journey", sa.String(length=100), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("entry_id", sa.String(length=200), nullable=False),
        sa.Column("entry_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("first_run_id", sa.String(length=36), nullable=True),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("begun_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("due_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("journey", "user_id", "key"),
    )
    with op.batch_alter_table("open_runs", schema=None) as batch_op:
        batch_op.create_index(
            "open_runs_ending",
            ["state"],
            unique=False,
            sqlite_where=sa.text("state = 'ending'"),
            postgresql_where=sa.text("state = 'ending'"),
        )
        batch_op.create_index("open_runs_of_person", ["user_id"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("send_key", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("template", sa.String(length=200), nullable=False),
        sa.Column("rendered", sa.JSON(), nullable=False),
        sa.Column("sent_at", Moment(timezone=True), nullable=False),
        sa.Column("read_at", Moment(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("send_key"),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_user_id"), ["user_id"], unique=False)

    op.create_table(
        "people",
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("traits", sa.JSON(), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=True),
        sa.Column("seen_zone", sa.String(length=64), nullable=True),
        sa.Column("country", sa.String(length=2), nullable=True),
        sa.Column("language", sa.String(length=35), nullable=True),
        sa.Column("created_at", Moment(timezone=True), nullable=False),
        sa.Column("last_seen_at", Moment(timezone=True), nullable=True),
        sa.Column("last_order_at", Moment(timezone=True), nullable=True),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("spent", Exact(length=40), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("categories", sa.JSON(), nullable=False),
        sa.Column("tokens", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "routing",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("not_before", Moment(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
    )
    with op.batch_alter_table("routing", schema=None) as batch_op:
        batch_op.create_index("routing_of_person", ["user_id", "seq"], unique=False)

    op.create_table(
        "sends",
        sa.Column("send_key", sa.String(length=64), nullable=False),
        sa.Column("step_key", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("journey", sa.String(length=100), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("entry_id", sa.String(length=200), nullable=False),
        sa.Column("step", sa.String(length=300), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=True),
        sa.Column("template", sa.String(length=200), nullable=True),
        sa.Column("topic", sa.String(length=50), nullable=True),
        sa.Column("kind", sa.String(length=15), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("provider", sa.String(length=20), nullable=True),
        sa.Column("provider_id", sa.String(length=200), nullable=True),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("machine_at", Moment(timezone=True), nullable=False),
        sa.Column("until", Moment(timezone=True), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("resent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("send_key"),
    )
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sends_step_key"), ["step_key"], unique=False)
        batch_op.create_index("sends_by_status", ["status"], unique=False)
        batch_op.create_index("sends_of_person", ["user_id", "at"], unique=False)

    op.create_table(
        "suppressions",
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("topic", sa.String(length=50), nullable=False),
        sa.Column("reason", sa.String(length=50), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "channel", "topic"),
    )
    # ### end Alembic commands ###


def downgrade() -> None:
    op.drop_table("suppressions")
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.drop_index("sends_of_person")
        batch_op.drop_index("sends_by_status")
        batch_op.drop_index(batch_op.f("ix_sends_step_key"))

    op.drop_table("sends")
    with op.batch_alter_table("routing", schema=None) as batch_op:
        batch_op.drop_index("routing_of_person")

    op.drop_table("routing")
    op.drop_table("people")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_user_id"))

    op.drop_table("outbox")
    with op.batch_alter_table("open_runs", schema=None) as batch_op:
        batch_op.drop_index("open_runs_of_person")
        batch_op.drop_index(
            "open_runs_ending", sqlite_where=sa.text("state = 'ending'"), postgresql_where=sa.text("state = 'ending'")
        )

    op.drop_table("open_runs")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index("events_of_person")
        batch_op.drop_index(
            "events_of_nobody", sqlite_where=sa.text("user_id IS NULL"), postgresql_where=sa.text("user_id IS NULL")
        )
        batch_op.drop_index("events_by_order")

    op.drop_table("events")
    with op.batch_alter_table("entries", schema=None) as batch_op:
        batch_op.drop_index(
            "entries_unsettled",
            sqlite_where=sa.text("state IN ('waiting', 'starting')"),
            postgresql_where=sa.text("state IN ('waiting', 'starting')"),
        )

    op.drop_table("entries")
    op.drop_table("carts")
    with op.batch_alter_table("anonymous", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_anonymous_user_id"))

    op.drop_table("anonymous")
    # ### end Alembic commands ###
