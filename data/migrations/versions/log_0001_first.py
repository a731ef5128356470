"""The log as first shipped, written out: what the program means today may differ, what was shipped never does."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "log_0001"
down_revision = None

Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create every table of the log."""
    _received()
    _streams()
    _batches_and_identity()
    _persons()
    op.create_table(
        "publication",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("position", Big, nullable=False),
        sa.Column("tables", sa.Text, nullable=False),
        sa.Column("fold", sa.Integer, nullable=False),
        sa.Column("published_at", Big, nullable=False),
        sa.Column("received_upto", Big, nullable=False),
        sa.Column("files", sa.LargeBinary),
    )


def _received() -> None:
    op.create_table(
        "record",
        sa.Column("id", Big, primary_key=True),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", Big, nullable=False),
        sa.Column("observed_at", Big, nullable=False),
        sa.Column("received_at", Big, nullable=False),
        sa.Column("hash", sa.LargeBinary(16), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("batch", sa.Integer),
        sa.Column("place", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.Column("same_as", Big),
        sa.Column("error_class", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("edited", sa.LargeBinary),
        sa.Column("dismissed", sa.Text),
    )
    op.create_index("record_key", "record", ["source", "key"])
    op.create_index("record_batch", "record", ["batch"])
    op.create_table(
        "event",
        sa.Column("id", Big, primary_key=True),
        sa.Column("record", Big),
        sa.Column("source", sa.Integer, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("version", Big, nullable=False),
        sa.Column("observed_at", Big, nullable=False),
        sa.Column("received_at", Big, nullable=False),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("parser", sa.Integer, nullable=False),
        sa.Column("batch", sa.Integer),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("event_key", "event", ["source", "key"])
    op.create_index("event_received", "event", ["received_at"])
    op.create_table(
        "event_entity",
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("entity", sa.Text, primary_key=True),
        sa.Column("event", Big, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("event_entity_event", "event_entity", ["event"])


def _streams() -> None:
    op.create_table(
        "source",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("stream", sa.Text, nullable=False),
        sa.Column("accepted", Big, nullable=False, server_default="0"),
        sa.Column("duplicates", Big, nullable=False, server_default="0"),
        sa.Column("conflicts", Big, nullable=False, server_default="0"),
        sa.Column("dead_letters", Big, nullable=False, server_default="0"),
        sa.Column("restated", Big, nullable=False, server_default="0"),
        sa.Column("last_event_at", Big),
        sa.UniqueConstraint("connection", "stream"),
    )
    op.create_table(
        "cursor",
        sa.Column("source", sa.Integer, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("moved_at", Big, nullable=False),
    )
    op.create_table(
        "health",
        sa.Column("source", sa.Integer, primary_key=True),
        sa.Column("as_of", Big),
        sa.Column("succeeded_at", Big),
        sa.Column("failed_at", Big),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("error_class", sa.Text),
        sa.Column("error", sa.Text),
        sa.Column("refused", Big, nullable=False, server_default="0"),
    )


def _batches_and_identity() -> None:
    op.create_table(
        "batch",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("instant", Big, nullable=False),
        sa.Column("received_at", Big, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("rows", Big, nullable=False, server_default="0"),
    )
    op.create_table(
        "batch_scope",
        sa.Column("source", sa.Integer, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("entity", sa.Text, primary_key=True),
        sa.Column("batch", sa.Integer, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_index("batch_scope_batch", "batch_scope", ["batch"])
    op.create_table(
        "identity",
        sa.Column("connection", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("external", sa.Text, primary_key=True),
        sa.Column("ours", sa.Text, nullable=False),
        sa.Column("pack", sa.Integer, nullable=False, server_default="1"),
    )


def _persons() -> None:
    op.create_table(
        "person",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fields", sa.LargeBinary, nullable=False),
        sa.Column("stored_at", Big, nullable=False),
    )
    op.create_table(
        "erased",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("erased_at", Big, nullable=False),
    )
