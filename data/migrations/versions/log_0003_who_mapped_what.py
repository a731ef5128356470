"""A mapping says who made it and when, and every change of one is kept: a running reader follows them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "log_0003"
down_revision = "log_0002"

Big = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add who and when, and the history."""
    op.add_column("identity", sa.Column("set_by", sa.Text, nullable=False, server_default=""))
    op.add_column("identity", sa.Column("set_at", Big, nullable=False, server_default="0"))
    op.create_table(
        "identity_change",
        sa.Column("id", Big, primary_key=True),
        sa.Column("connection", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("external", sa.Text, nullable=False),
        sa.Column("before", sa.Text),
        sa.Column("after", sa.Text),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", Big, nullable=False),
    )
