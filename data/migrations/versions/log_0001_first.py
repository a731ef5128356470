"""The log as first shipped."""

from __future__ import annotations

from alembic import op

from data.log.tables import metadata

revision = "log_0001"
down_revision = None


def upgrade() -> None:
    """Create every table of the log."""
    metadata.create_all(op.get_bind(), checkfirst=False)
