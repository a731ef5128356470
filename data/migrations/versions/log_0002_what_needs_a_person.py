"""Dead letters and conflicts are found without reading every record: two indexes that hold nothing else."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "log_0002"
down_revision = "log_0001"


def upgrade() -> None:
    """Create the two indexes."""
    for name, outcome in (("record_dead", "dead_letter"), ("record_conflict", "conflict")):
        only = sa.text(f"outcome = '{outcome}'")
        op.create_index(name, "record", ["source", "key"], sqlite_where=only, postgresql_where=only)
