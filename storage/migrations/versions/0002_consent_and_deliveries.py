"""consent in both directions, dead addresses, what providers tell of a delivery, priority, best hour and expiry."""

import sqlalchemy as sa
from alembic import op

from storage.tables import Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "consents",
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("topic", sa.String(length=50), nullable=False),
        sa.Column("given", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=50), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "channel", "topic"),
    )
    op.execute(
        "INSERT INTO consents (user_id, channel, topic, given, reason, at) "
        "SELECT user_id, channel, topic, false, reason, at FROM suppressions"
    )
    op.drop_table("suppressions")
    op.create_table(
        "unreachable",
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("channel", "address_hash"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("send_key", sa.String(length=64), nullable=False),
        sa.Column("event", sa.String(length=30), nullable=False),
        sa.Column("by_machine", sa.Boolean(), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.Column("received_at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_deliveries_send_key"), ["send_key"], unique=False)
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.add_column(sa.Column("hours", sa.JSON(), nullable=False, server_default="{}"))
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default=sa.text("3")))
        batch_op.add_column(sa.Column("address_hash", sa.String(length=64), nullable=True))
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(sa.Column("expires_at", Moment(timezone=True), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_column("expires_at")
    with op.batch_alter_table("sends", schema=None) as batch_op:
        batch_op.drop_column("address_hash")
        batch_op.drop_column("priority")
    with op.batch_alter_table("people", schema=None) as batch_op:
        batch_op.drop_column("hours")
    op.create_table(
        "suppressions",
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("topic", sa.String(length=50), nullable=False),
        sa.Column("reason", sa.String(length=50), nullable=False),
        sa.Column("at", Moment(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "channel", "topic"),
    )
    op.execute(
        "INSERT INTO suppressions (user_id, channel, topic, reason, at) "
        "SELECT user_id, channel, topic, reason, at FROM consents WHERE NOT given"
    )
    for table in ("deliveries", "unreachable", "consents"):
        op.drop_table(table)
